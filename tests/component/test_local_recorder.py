"""The recorder and the proxy between the functions and the servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest
import urllib3
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from local.http.proxy import Proxy
from local.http.recorder import KEPT_BYTES, Record, Recorder
from local.http.server import Running, serve

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(["a-long-secret", ""])


def _app(text: str = "answered", status: int = 200) -> WSGIApplication:
    return Response(text, status)


def _name(environ: WSGIEnvironment, body: bytes) -> str:
    return f"{environ['REQUEST_METHOD']} {len(body)}"


def test_a_request_is_recorded_with_its_answer(recorder: Recorder) -> None:
    app = recorder.around("telegram", _app(status=201), _name)
    Client(app).post("/", data="asked")
    (record,) = recorder.after(0)
    assert (record.n, record.server, record.operation, record.status) == (
        1,
        "telegram",
        "POST 5",
        201,
    )
    assert (record.request, record.response) == ("asked", "answered")
    assert (record.request_bytes, record.response_bytes) == (5, 8)


def test_secrets_are_blotted_out(recorder: Recorder) -> None:
    app = recorder.around("aws", _app("with a-long-secret in it"), _name)
    answer = Client(app).post("/", data="a-long-secret")
    assert answer.text == "with a-long-secret in it"
    (record,) = recorder.after(0)
    assert (record.request, record.response) == ("•••", "with ••• in it")


def test_a_long_body_is_passed_on_whole_and_kept_in_part(recorder: Recorder) -> None:
    text = "x" * (KEPT_BYTES + 10)
    answer = Client(recorder.around("openai", _app(text), _name)).get("/")
    assert answer.text == text
    (record,) = recorder.after(0)
    assert record.response_bytes == len(text)
    assert len(record.response) == KEPT_BYTES


def test_hanging_up_is_recorded(recorder: Recorder) -> None:
    def hang_up(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        Client(recorder.around("graph", hang_up, _name)).get("/")
    assert [record.status for record in recorder.after(0)] == [0]


def test_whoever_has_the_answer_finds_the_record(recorder: Recorder) -> None:
    server = serve(recorder.around("api", _app(), _name))
    for number in range(1, 21):
        urllib3.request("GET", server.url)
        assert recorder.last == number
    server.close()


def test_waiting_finds_what_is_there_and_what_comes(recorder: Recorder) -> None:
    recorder.add("aws", "Query", 0, 200, b"", b"")

    def is_put(record: Record) -> bool:
        return record.operation == "PutItem"

    assert recorder.wait(is_put, timeout=0.01) is None
    threading.Timer(0.05, recorder.add, ("aws", "PutItem", 0, 200, b"", b"")).start()
    found = recorder.wait(is_put)
    assert found
    assert found.n == 2
    assert recorder.wait(is_put, after=2, timeout=0.01) is None


def test_records_are_read_over_http(recorder: Recorder) -> None:
    app = Request.application(recorder.page)
    recorder.add("aws", "Query", 0, 200, b"", b"")
    recorder.add("aws", "PutItem", 0, 200, b"", b"")
    client = Client(app)
    assert client.get("/?after=-1").json == {"last": 2, "records": []}
    page = client.get("/?after=1").json
    assert page
    assert [record["operation"] for record in page["records"]] == ["PutItem"]
    threading.Timer(0.05, recorder.add, ("aws", "UpdateItem", 0, 200, b"", b"")).start()
    page = client.get("/?after=2&wait=10").json
    assert page
    assert page["last"] == 3


class Talker:
    """A server that answers in two chunks, the second one only when a test says so."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked: list[tuple[str, str, bytes]] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        self.asked.append((request.full_path, request.headers["X-Own"], request.get_data()))
        return Response(self._chunks(), 203, {"X-Theirs": "1"})(environ, start_response)

    def _chunks(self) -> Iterator[bytes]:
        yield b"first"
        assert self.go_on.wait(10)
        yield b"second"


@pytest.fixture
def talker() -> Talker:
    return Talker()


@pytest.fixture
def upstream(talker: Talker) -> Iterator[Running]:
    server = serve(talker)
    yield server
    server.close()


def test_another_server_s_stream_passes_chunk_by_chunk(
    recorder: Recorder, talker: Talker, upstream: Running
) -> None:
    proxy = serve(recorder.around("openai", Proxy(f"{upstream.url}/v9/"), _name))
    answer = urllib3.request(
        "POST",
        f"{proxy.url}/a%2Fb?c=d",
        body=b"asked",
        headers={"X-Own": "2"},
        preload_content=False,
    )
    chunks = answer.stream()
    assert next(chunks) == b"first"
    talker.go_on.set()
    assert b"".join(chunks) == b"second"
    assert (answer.status, answer.headers["X-Theirs"]) == (203, "1")
    assert talker.asked == [("/v9/a/b?c=d", "2", b"asked")]
    answer.close()
    proxy.close()
    assert [record.response for record in recorder.after(0)] == ["firstsecond"]


def test_a_server_that_does_not_answer_is_a_502_without_its_address() -> None:
    gone = serve(_app())
    gone.close()
    answer = Client(Proxy(f"{gone.url}/bot-token")).get("/", base_url="http://127.0.0.1")
    assert answer.status_code == 502
    assert str(gone.port) not in answer.text
    assert json.loads(answer.text)["error"]["message"].startswith("upstream: ")
