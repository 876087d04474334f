"""Faults over real connections, and the loopback server itself."""

from __future__ import annotations

import errno
import json
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import openai
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug.wrappers import Request, Response

from local.http.server import Running, serve
from local.standins.faults import Fault, Faults, FaultyApp, aws_error, aws_operation
from local.standins.graph import GraphStandIn
from local.standins.openai import OpenAIStandIn
from local.standins.telegram import TelegramStandIn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Counter:
    """A server that answers {"done": n} to the n-th request that it executed."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.bodies.append(Request(environ).get_data())
        return Response(json.dumps({"done": len(self.bodies)}))(environ, start_response)


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def faults() -> Iterator[Faults]:
    faults = Faults()
    yield faults
    faults.clear()


@pytest.fixture
def running(counter: Counter, faults: Faults) -> Iterator[Running]:
    def name_of(environ: WSGIEnvironment, body: bytes) -> str:
        name: str = environ["PATH_INFO"]
        return name.removeprefix("/")

    running = serve(FaultyApp(counter, faults, name_of, lambda fault: {"code": fault.code}))
    yield running
    running.close()


def post(running: Running, name: str = "work", timeout: float = 5, **body: Any) -> Any:
    return requests.post(f"{running.url}/{name}", json=body, timeout=timeout)


@pytest.mark.parametrize(
    ("fault", "carried_out"),
    [
        (Fault("hang_up_before"), 0),
        (Fault("hang_up_after"), 1),
        (Fault("reset"), 0),
        (Fault("cut"), 1),
    ],
)
def test_broken_connections(
    running: Running, counter: Counter, faults: Faults, fault: Fault, carried_out: int
) -> None:
    faults.add(fault)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)) as bad:
        post(running, n=1)
    assert ("reset by peer" in str(bad.value)) is (fault.kind == "reset")
    assert len(counter.bodies) == carried_out
    assert post(running, n=2).json() == {"done": carried_out + 1}
    assert counter.bodies[-1] == b'{"n": 2}'
    assert [fired.operation for fired in faults.fired] == ["work"]


def test_status(running: Running, counter: Counter, faults: Faults) -> None:
    faults.add(
        Fault("status", status=429, retry_after=7, code="slow down"),
        Fault("status", status=400, body='{"own": 1}'),
    )
    first, second = post(running), post(running)
    assert (first.status_code, first.json()) == (429, {"code": "slow down"})
    assert first.headers["Retry-After"] == "7"
    assert (second.status_code, second.json()) == (400, {"own": 1})
    assert counter.bodies == []


def test_one_fault_is_removed_and_the_others_stay(running: Running, faults: Faults) -> None:
    ended, going_on = Fault("status", status=500, times=0), Fault("status", status=503, times=0)
    faults.add(ended, going_on)
    assert post(running).status_code == 500
    faults.remove(ended)
    assert [post(running).status_code for _ in range(2)] == [503, 503]
    faults.remove(Fault("status", status=503, times=0))  # another test's, which only looks alike
    assert post(running).status_code == 503


@pytest.mark.parametrize("work", [True, False])
def test_malformed(running: Running, counter: Counter, faults: Faults, work: bool) -> None:
    faults.add(Fault("malformed", work=work))
    answer = post(running)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert len(counter.bodies) == work


def test_slow(running: Running, faults: Faults) -> None:
    faults.add(Fault("slow", delay_s=0.2))
    answer = post(running)
    assert answer.json() == {"done": 1}
    assert answer.elapsed.total_seconds() >= 0.2


@pytest.mark.parametrize("work", [True, False])
def test_no_answer_until_the_client_gives_up(
    running: Running, counter: Counter, faults: Faults, work: bool
) -> None:
    before = {*threading.enumerate()}  # of other tests' servers
    faults.add(Fault("no_answer", work=work))
    with pytest.raises(requests.ReadTimeout):
        post(running, timeout=0.1)
    assert faults.wait_fired(1)
    assert len(counter.bodies) == work
    for thread in {*threading.enumerate()} - before:
        if "process_request" in thread.name:
            thread.join(timeout=5)
            assert not thread.is_alive()


def test_no_answer_until_it_is_released(running: Running, faults: Faults) -> None:
    faults.add(Fault("no_answer", times=2))
    with ThreadPoolExecutor() as pool:
        held = pool.submit(post, running, timeout=10)
        assert faults.wait_fired(1)
        assert not held.done()
        faults.release()
        with pytest.raises(requests.ConnectionError):
            held.result(timeout=5)
        held = pool.submit(post, running, timeout=10)
        assert faults.wait_fired(2)
        faults.clear()
        with pytest.raises(requests.ConnectionError):
            held.result(timeout=5)
    assert not faults.wait_fired(3, timeout=0)


def test_rules_pick_by_name_words_and_turn() -> None:
    def taken(*requests: tuple[str, bytes], **rule: Any) -> list[bool]:
        faults = Faults(Fault("status", **rule))
        return [faults.take(name, body) is not None for name, body in requests]

    calls = [("send", b"a"), ("sendPhoto", b"b"), ("get", b"a"), ("send", b"b"), ("send", b"a")]
    assert taken(*calls) == [True, False, False, False, False]
    assert taken(*calls, times=0) == [True] * 5
    assert taken(*calls, match="send", times=0) == [True, False, False, True, True]
    assert taken(*calls, match="send*", times=2) == [True, True, False, False, False]
    assert taken(*calls, contains="b", times=2) == [False, True, False, True, False]
    assert taken(*calls, match="send", skip=1) == [False, False, False, True, False]


def test_the_first_rule_wins_and_clear_ends_all() -> None:
    first, second = Fault("status", status=500), Fault("status", status=503, times=0)
    faults = Faults(first, second)
    assert [faults.take("x"), faults.take("x"), faults.take("x")] == [first, second, second]
    faults.clear()
    assert faults.take("x") is None


def test_a_rule_is_used_up_atomically() -> None:
    faults = Faults(Fault("status", times=50))
    with ThreadPoolExecutor(8) as pool:
        hits = list(pool.map(lambda n: faults.take("x") is not None, range(200)))
    assert sum(hits) == 50


@pytest.mark.parametrize(("pause", "chunks", "words"), [(0.01, 2, [2]), (0.0005, 0, range(2, 20))])
def test_streams_can_be_cut_in_the_middle(pause: float, chunks: int, words: Sequence[int]) -> None:
    standin = OpenAIStandIn("key")
    standin.token_s = pause  # else all of it is one chunk
    standin.faults.add(Fault("cut", chunks=chunks))
    running = serve(standin)
    texts: list[str] = []
    messages: Any = [{"role": "user", "content": "[[length:50]]"}]

    def read() -> None:
        with (
            openai.OpenAI(api_key="key", base_url=running.url, max_retries=0) as client,
            client.chat.completions.create(model="m", messages=messages, stream=True) as stream,
        ):
            texts.extend(chunk.choices[0].delta.content or "" for chunk in stream)

    with pytest.raises(openai.APIError):
        read()
    arrived = "".join(texts).split()
    assert arrived == [f"word{number}" for number in range(1, len(arrived) + 1)]
    assert len(arrived) in words
    running.close()


@pytest.mark.parametrize(
    ("standin", "path", "fault", "expected"),
    [
        (
            TelegramStandIn("1:t"),
            "/bot1:t/sendMessage",
            Fault("status", match="sendMessage", status=429, retry_after=3),
            {
                "ok": False,
                "error_code": 429,
                "description": "Too Many Requests: retry later",
                "parameters": {"retry_after": 3},
            },
        ),
        (
            TelegramStandIn("1:t"),
            "/file/bot1:t/voice/1.oga",
            Fault("status", match="download", status=500),
            {"ok": False, "error_code": 500, "description": "Internal Server Error"},
        ),
        (
            GraphStandIn("1", "s", "2", "t"),
            "/v26.0/2/messages",
            Fault("status", match="POST messages", status=429),
            {"code": 613},
        ),
        (
            GraphStandIn("1", "s", "2", "t"),
            "/v26.0/2/messages",
            Fault("status", match="POST *", status=403, code="10/2018278"),
            {"code": 10, "error_subcode": 2018278},
        ),
        (
            OpenAIStandIn("k"),
            "/v1/chat/completions",
            Fault("status", match="chat/completions", status=500),
            {"type": "server_error", "param": None, "code": None},
        ),
    ],
)
def test_errors_have_the_platforms_shape(
    standin: Any, path: str, fault: Fault, expected: dict[str, Any]
) -> None:
    running = serve(standin)
    standin.faults.add(fault)
    response = requests.post(running.url + path, json={}, timeout=5)
    running.close()
    assert response.status_code == fault.status
    error = response.json().get("error", response.json())
    assert {name: error.get(name) for name in expected} == expected
    assert standin.accepted == []


def test_aws_endpoints_can_fail_too(counter: Counter, faults: Faults) -> None:
    running = serve(FaultyApp(counter, faults, aws_operation, aws_error))
    config = Config(retries={"total_max_attempts": 1})
    table = boto3.client(
        "dynamodb",
        endpoint_url=running.url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )
    code = "ProvisionedThroughputExceededException"
    faults.add(Fault("status", match="GetItem", status=400, code=code))
    table.list_tables()
    with pytest.raises(ClientError) as throttled:
        table.get_item(TableName="t", Key={"pk": {"S": "x"}})
    assert throttled.value.response["Error"]["Code"] == code
    assert [fired.operation for fired in faults.fired] == ["GetItem"]
    assert len(counter.bodies) == 1
    table.close()
    running.close()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("127.0.0.1", 200),
        ("127.0.0.1:1", 403),
        ("evil.example", 403),
        ("evil.example:{port}", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
    ],
)
def test_other_hosts_are_refused(
    running: Running, counter: Counter, host: str, status: int
) -> None:
    headers = {"Host": host.format(port=running.port)}
    assert requests.get(running.url, headers=headers, timeout=5).status_code == status
    assert len(counter.bodies) == (status == 200)


def test_ports_are_taken_once_and_freed_at_once(counter: Counter) -> None:
    first = serve(counter)
    assert first.url == f"http://127.0.0.1:{first.port}"
    assert post(first).json() == {"done": 1}
    with pytest.raises(OSError, match="in use") as taken:
        serve(counter, first.port)
    assert taken.value.errno == errno.EADDRINUSE
    first.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", first.port), timeout=1)
    again = serve(counter, first.port)
    assert post(again).json() == {"done": 2}
    again.close()


def test_requests_are_served_side_by_side(running: Running, faults: Faults) -> None:
    faults.add(Fault("no_answer"))
    with ThreadPoolExecutor() as pool:
        held = pool.submit(post, running, timeout=10)
        assert faults.wait_fired(1)
        assert not held.done()
        assert post(running).json() == {"done": 2}
        faults.release()
        with pytest.raises(requests.ConnectionError):
            held.result(timeout=5)


def test_accepted_calls_can_be_awaited() -> None:
    telegram = TelegramStandIn("1:t")
    running = serve(telegram)
    url = f"{running.url}/bot1:t"
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(telegram.wait, 2, "sendMessage", timeout=5)
        for text in ("one", "two"):
            requests.post(f"{url}/getMe", timeout=5)
            requests.post(f"{url}/sendMessage", json={"chat_id": 1, "text": text}, timeout=5)
        assert [call.params["text"] for call in waiting.result()] == ["one", "two"]
    assert [call.number for call in telegram.wait(1, after=2)] == [3, 4]
    assert telegram.wait(1, "sendPhoto", timeout=0) == []
    running.close()
