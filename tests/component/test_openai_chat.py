"""The model's adapter against the stand-in, over real HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import traceback
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any, ClassVar, Literal

import pytest

from chatbot.adapters.openai.chat import ChatModel
from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.errors import (
    ContentFiltered,
    ContextTooLong,
    ModelRefused,
    ModelUnavailable,
    UselessAnswer,
)
from chatbot.core.files import File
from chatbot.core.prompt import Prompt, PromptTurn
from chatbot.core.settings import Settings
from local.http.server import serve
from local.standins.faults import Fault
from local.standins.openai import OpenAIStandIn

WORDS = "said in confidence"
PROMPT = [PromptLine("system", "Be kind."), PromptLine("user", WORDS)]
KEY = "test-key"


def go_on(text: str) -> bool:
    """Show nothing: a `show` that lets the answer go on."""
    return True


class Server:
    """The stand-in, a client for it, and a clock that only pauses move."""

    def __init__(self, url: str, stand_in: OpenAIStandIn, streaming: Literal["on", "off"]) -> None:
        self.stand_in = stand_in
        self.settings = Settings(
            openai_api_key=KEY,
            openai_base_url=f"{url}/v1",
            openai_model="first",
            streaming=streaming,
        )
        self.pauses: list[float] = []

    def model(self, **settings: Any) -> ChatModel:
        return ChatModel(
            replace(self.settings, **settings),
            sleep=self.pauses.append,
            clock=lambda: sum(self.pauses),
        )

    def fail(self, *faults: Fault) -> None:
        """Have the next calls fail. When streaming, a body with status 200 is sent as an event."""
        for fault in faults:
            if self.settings.streaming == "on" and fault.kind == "malformed":
                fault = replace(fault, body=f"data: {fault.body}\n\ndata: [DONE]\n\n")
            self.stand_in.faults.add(fault)

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [call.params for call in self.stand_in.accepted]


@pytest.fixture(params=["on", "off"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    yield from _server(request.param)


@pytest.fixture
def streaming() -> Iterator[Server]:
    yield from _server("on")


def _server(streaming: Literal["on", "off"]) -> Iterator[Server]:
    stand_in = OpenAIStandIn(KEY)
    running = serve(stand_in)
    yield Server(running.url, stand_in, streaming)
    stand_in.faults.clear()
    running.close()


def says(body: object) -> Fault:
    """Set the next response, with status 200."""
    return Fault("malformed", body=body if isinstance(body, str) else json.dumps(body), work=False)


def message(text: str | None, finish: str = "stop", **more: object) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text, **more}, "finish_reason": finish}]}


# Answers


def test_an_answer_with_its_count(server: Server) -> None:
    answer = server.model().answer(PROMPT, 10, go_on, Spending())
    assert answer == Completion(f"You said: {WORDS}", "first", tokens_in=13, tokens_out=5)
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    assert server.asked == [
        {
            **(streamed if server.settings.streaming == "on" else {}),
            "model": "first",
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": WORDS},
            ],
            "max_completion_tokens": 2000,
        }
    ]


def test_what_is_set_is_sent(server: Server) -> None:
    model = server.model(
        temperature=0.0, top_p=0.5, max_tokens=99, max_tokens_parameter="max_tokens"
    )
    model.answer(PROMPT, 10, go_on, Spending())
    others = ("messages", "stream", "stream_options")
    sent = {name: value for name, value in server.asked[0].items() if name not in others}
    assert sent == {"model": "first", "temperature": 0.0, "top_p": 0.5, "max_tokens": 99}


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh"])
def test_a_reasoning_effort_is_sent_when_it_is_set(streaming: Server, effort: str) -> None:
    streaming.model(reasoning_effort=effort).answer(PROMPT, 10, go_on, Spending())
    assert streaming.asked[0]["reasoning_effort"] == effort


def test_hashes_are_sent_where_they_are_asked_for(server: Server) -> None:
    message = PromptTurn("turn#1", (PROMPT[1],))
    prompt = Prompt(PROMPT[0], (message,), cache_key="c" * 64, author="a" * 64)
    names = ("prompt_cache_key", "safety_identifier")
    for value, sent in (("on", ["c" * 64, "a" * 64]), ("off", []), ("auto", [])):
        server.model(request_hashes=value).answer(prompt, 10, go_on, Spending())
        asked = server.asked[-1]
        assert [asked[name] for name in names if name in asked] == sent
        assert asked["messages"] == server.asked[0]["messages"]
    server.model(request_hashes="on").answer(replace(prompt, author=""), 10, go_on, Spending())
    assert "safety_identifier" not in server.asked[-1]


def test_a_cut_answer_says_so(server: Server) -> None:
    prompt = [PromptLine("user", "[[length:9]]")]
    answer = server.model(max_tokens=3).answer(prompt, 10, go_on, Spending())
    assert (answer.text, answer.cut) == ("word1 word2 word3", True)


def test_a_server_that_wants_no_key(server: Server) -> None:
    server.fail(says(message(" hello ")))
    answer = server.model(openai_api_key="").answer(PROMPT, 10, go_on, Spending())
    assert answer == Completion("hello", "first")


def test_pictures_go_along(server: Server) -> None:
    content = bytes(range(256)) * 500
    picture = File(content, "image/png")
    url = f"data:image/png;base64,{b64encode(content).decode()}"
    server.model().answer([PromptLine("user", WORDS, (picture,))], 10, go_on, Spending())
    assert server.asked[0]["messages"][0]["content"] == [
        {"type": "text", "text": WORDS},
        {"type": "image_url", "image_url": {"url": url}},
    ]


def test_a_query_of_the_base_url_goes_along(server: Server) -> None:
    address = f"{server.settings.openai_base_url}?api-version=2024-10-21"
    seen: list[tuple[str, str]] = []

    def note(environ: Any) -> None:
        seen.append((environ["REQUEST_URI"], environ.get("HTTP_API_KEY", "")))

    server.stand_in.faults.add(Fault("slow", then=note))
    assert server.model(openai_base_url=address).answer(PROMPT, 10, go_on, Spending()).text
    assert seen == [("/v1/chat/completions?api-version=2024-10-21", KEY)]


# Streaming


class Shown:
    """Records calls of `show` and their times; asks to stop at the first text with `stop_at`."""

    def __init__(self, stop_at: str = "never") -> None:
        self.texts: list[str] = []
        self.times: list[float] = []
        self._stop_at = stop_at

    def __call__(self, text: str) -> bool:
        self.texts.append(text)
        self.times.append(time.monotonic())
        return self._stop_at not in text


LONG = [PromptLine("user", "[[length:30]]")]


def test_words_are_shown_as_they_come(streaming: Server) -> None:
    streaming.stand_in.token_s = 0.02
    shown = Shown()
    answer = streaming.model().answer(LONG, 10, shown, Spending())
    known = [text for text in shown.texts if text]
    assert known[0] == "word1"
    assert known[-1] == answer.text
    assert all(later.startswith(text) for text, later in pairwise(known))
    first = shown.times[shown.texts.index("word1")]
    assert shown.times[-1] - first > 20 * 0.02
    assert answer.tokens_out == 30


def test_a_stop_ends_the_answer_there(streaming: Server) -> None:
    streaming.stand_in.token_s = 0.2  # to its end it would take six seconds
    began = time.monotonic()
    answer = streaming.model().answer(LONG, 10, Shown("word3"), Spending())
    assert time.monotonic() - began < 3
    assert (answer.text, answer.stopped, answer.cut) == ("word1 word2", True, False)


def test_a_stop_before_the_first_word(streaming: Server) -> None:
    answer = streaming.model().answer(LONG, 10, Shown(""), Spending())
    assert answer == Completion("", "first", stopped=True)
    assert streaming.asked == []


def test_a_stop_after_the_last_word_comes_too_late(streaming: Server) -> None:
    texts: list[str] = []

    def stop_at_the_end(text: str) -> bool:
        texts.append(text)
        return texts.count(text) < 2 or not text

    answer = streaming.model().answer(PROMPT, 10, stop_at_the_end, Spending())
    assert (answer.text, answer.stopped) == (f"You said: {WORDS}", False)


def test_an_answer_that_breaks_off_is_asked_for_again(streaming: Server) -> None:
    streaming.stand_in.token_s = 0.01
    streaming.fail(Fault("cut", chunks=4))
    shown = Shown()
    answer = streaming.model().answer(LONG, 10, shown, Spending())
    assert (answer.text, streaming.pauses) == (shown.texts[-1], [0.5])
    assert "" in shown.texts[shown.texts.index("word1 word2") :]


def test_an_answer_without_an_end_is_broken(streaming: Server) -> None:
    piece = json.dumps({"choices": [{"delta": {"content": "word"}}]})
    streaming.stand_in.faults.add(Fault("malformed", body=f"data: {piece}\n\n", work=False))
    assert streaming.model().answer(LONG, 10, go_on, Spending()).text
    assert streaming.pauses == [0.5]


@pytest.mark.parametrize(
    ("code", "kind"), [("content_filter", ContentFiltered), ("", ModelUnavailable), (7, Exception)]
)
def test_an_error_within_the_answer(streaming: Server, code: object, kind: type[Exception]) -> None:
    piece = json.dumps({"choices": [{"delta": {"content": "word"}}]})
    error = json.dumps({"error": {"message": WORDS, "code": code}})
    body = f"data: {piece}\n\ndata: {error}\n\n"
    streaming.stand_in.faults.add(Fault("malformed", body=body, work=False, times=0))
    with pytest.raises(kind) as raised:
        streaming.model().answer(LONG, 1.4, go_on, Spending())
    assert WORDS not in "".join(traceback.format_exception(raised.value))


def test_a_server_that_falls_silent(streaming: Server) -> None:
    streaming.stand_in.token_s = 30
    began = time.monotonic()
    with pytest.raises(ModelUnavailable, match="timeout"):
        ChatModel(streaming.settings).answer(LONG, 2, go_on, Spending())
    assert time.monotonic() - began < 5


def test_a_server_that_never_ends(streaming: Server) -> None:
    streaming.stand_in.token_s = 0.3
    began = time.monotonic()
    with pytest.raises(ModelUnavailable):
        ChatModel(streaming.settings).answer(LONG, 2, go_on, Spending())
    assert time.monotonic() - began < 5


def test_an_answer_that_is_arriving_may_take_the_time_of_the_next_model(streaming: Server) -> None:
    """It is not cut off, and paid for once more, because another model could be asked, too."""
    streaming.stand_in.token_s = 0.25
    settings = replace(streaming.settings, openai_fallback_models=("second",))
    prompt = [PromptLine("user", "[[length:15]]")]
    answer = ChatModel(settings).answer(prompt, 6, go_on, spending := Spending())
    assert (answer.model, answer.cut) == ("first", False)
    assert (len(streaming.asked), spending.paid) == (1, 1)


def test_a_model_that_does_not_begin_leaves_time_for_the_next(streaming: Server) -> None:
    settings = replace(streaming.settings, openai_fallback_models=("second",))
    streaming.fail(Fault("no_answer", times=1))
    answer = ChatModel(settings).answer(PROMPT, 4, go_on, Spending())
    assert answer.model == "second"


def test_the_body_of_an_error_has_its_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.adapters.openai.connection.ERROR_SECONDS", 0.3)
    trickling = Trickling(0.1)
    began = time.monotonic()
    with trickling as url, pytest.raises(ModelUnavailable, match="timeout"):
        server.model(openai_base_url=url).answer(PROMPT, 1.9, go_on, Spending())
    assert time.monotonic() - began < 5


class Trickling:
    """A server that begins the body of an error and never ends it."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 99999\r\n\r\n{")
                while not self._over.wait(self._pause):
                    connection.sendall(b" ")


class KeepAlive(BaseHTTPRequestHandler):
    """A server that keeps connections open, unlike the stand-in, and records the clients' ports."""

    protocol_version = "HTTP/1.1"
    ports: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        self.ports.append(self.client_address[1])
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        said = {"choices": [{"delta": {"content": "Hello"}, "finish_reason": "stop"}]}
        usage = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
        for piece in (json.dumps(said), json.dumps(usage), "[DONE]"):
            event = f"data: {piece}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        time.sleep(0.01)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: object) -> None:
        """Log nothing."""


def test_a_connection_is_used_again() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), KeepAlive) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        model = ChatModel(Settings(openai_base_url=url))
        answers = [model.answer(PROMPT, 10, go_on, Spending()) for _ in range(3)]
        server.shutdown()
    assert [answer.text for answer in answers] == ["Hello"] * 3
    assert len(KeepAlive.ports) == 3
    assert len(set(KeepAlive.ports)) == 1


# Refusals

REFUSALS = [
    (401, "", ModelRefused, "authentication"),
    (403, "", ModelRefused, "authentication"),
    (404, "", ModelRefused, "unknown_model"),
    (429, "insufficient_quota", ModelRefused, "insufficient_quota"),
    (400, "unsupported_parameter", ModelRefused, "bad_request"),
    (413, "", ContextTooLong, "context_length"),
    (422, "", ModelRefused, "bad_request"),
    (400, "content_filter", ContentFiltered, "content_filter"),
    (400, "content_policy_violation", ContentFiltered, "content_filter"),
    (400, "context_length_exceeded", ContextTooLong, "context_length"),
]


@pytest.mark.parametrize(("status", "code", "kind", "reason"), REFUSALS)
def test_a_refusal_is_not_repeated(
    server: Server, status: int, code: str, kind: type[ModelRefused], reason: str
) -> None:
    server.fail(Fault("status", status=status, code=code))
    with pytest.raises(ModelRefused) as refused:
        server.model().answer(PROMPT, 10, go_on, Spending())
    assert (type(refused.value), refused.value.reason) == (kind, reason)
    assert (server.pauses, server.asked) == ([], [])


@pytest.mark.parametrize("prompt", ["[[filter]]", "[[refuse]]"])
def test_a_filtered_answer(server: Server, prompt: str) -> None:
    with pytest.raises(ContentFiltered):
        server.model().answer([PromptLine("user", prompt)], 10, go_on, Spending())


def test_a_prompt_beyond_the_context(server: Server) -> None:
    server.stand_in.context_tokens = 3
    with pytest.raises(ContextTooLong):
        server.model().answer(PROMPT, 10, go_on, Spending())


def test_a_prompt_beyond_the_context_of_a_server_without_codes(server: Server) -> None:
    error = {"message": "This model's maximum context length is 3 tokens", "code": 400}
    server.fail(Fault("status", status=400, body=json.dumps({"error": error})))
    with pytest.raises(ContextTooLong):
        server.model().answer(PROMPT, 10, go_on, Spending())


def test_a_limit_spent_on_thinking_alone(server: Server) -> None:
    server.fail(replace(says(message("", "length")), times=2))
    with pytest.raises(UselessAnswer, match="token_limit"):
        server.model().answer(PROMPT, 10, go_on, Spending())


# Troubles that pass

PASSING = [
    Fault("status", status=408),
    Fault("status", status=409),
    Fault("status", status=429),
    Fault("status", status=500),
    Fault("status", status=503, body="<html>busy</html>"),
    Fault("hang_up_before"),
    Fault("hang_up_after"),
    Fault("reset"),
    Fault("cut"),
    Fault("malformed", body="{", work=False),
    Fault("malformed", body="<html>login</html>", work=False),
    Fault("malformed", body="null", work=False),
    Fault("malformed", body="[]", work=False),
    Fault("malformed", body='"text"', work=False),
]


def unchanged(server: Server, fault: Fault) -> None:
    """Plant a fault whose body is sent as it is, also when streaming."""
    server.stand_in.faults.add(fault)


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind} {fault.body}")
def test_a_trouble_that_passes_is_waited_out(server: Server, fault: Fault) -> None:
    unchanged(server, fault)
    assert server.model().answer(PROMPT, 10, go_on, Spending()).text == f"You said: {WORDS}"
    assert server.pauses == [0.5]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind} {fault.body}")
def test_without_time_to_wait_the_model_is_unavailable(server: Server, fault: Fault) -> None:
    unchanged(server, fault)
    with pytest.raises(ModelUnavailable):
        server.model().answer(PROMPT, 1.4, go_on, Spending())
    assert server.pauses == []


def test_pauses_grow_and_the_time_is_kept(server: Server) -> None:
    server.fail(Fault("status", status=500, times=0))
    with pytest.raises(ModelUnavailable) as unavailable:
        server.model().answer(PROMPT, 10, go_on, Spending())
    assert server.pauses == [0.5, 1, 2]  # four requests; the queue's next delivery waits longer
    assert unavailable.value.retry_after is None


def test_the_server_names_the_pause(server: Server) -> None:
    server.fail(Fault("status", status=429, retry_after=3))
    assert server.model().answer(PROMPT, 10, go_on, Spending()).text
    assert server.pauses == [3]


def test_a_pause_beyond_the_time_is_handed_on(server: Server) -> None:
    server.fail(Fault("status", status=429, retry_after=30))
    with pytest.raises(ModelUnavailable) as unavailable:
        server.model().answer(PROMPT, 10, go_on, Spending())
    assert unavailable.value.retry_after == 30
    assert server.pauses == []


def test_nothing_is_asked_without_time(server: Server) -> None:
    with pytest.raises(ModelUnavailable):
        server.model().answer(PROMPT, 0.9, go_on, Spending())
    assert server.asked == []


def test_a_server_that_is_not_there(server: Server) -> None:
    with pytest.raises(ModelUnavailable, match="connection"):
        server.model(openai_base_url="http://127.0.0.1:1/v1").answer(PROMPT, 1.4, go_on, Spending())


@pytest.mark.parametrize(("fallbacks", "asked"), [((), 1), (("second",), 2)])
def test_a_server_that_never_answers(
    server: Server, fallbacks: tuple[str, ...], asked: int
) -> None:
    server.fail(Fault("no_answer", times=0, work=False))
    model = ChatModel(replace(server.settings, openai_fallback_models=fallbacks))
    began = time.monotonic()
    with pytest.raises(ModelUnavailable, match="timeout"):
        model.answer(PROMPT, 2.1, go_on, Spending())
    assert time.monotonic() - began < 4
    assert len(server.stand_in.faults.fired) == asked


# Fallback models


@pytest.mark.parametrize(
    "fault", [Fault("status", status=503), Fault("status", status=404), Fault("reset")]
)
def test_the_next_model_is_asked_at_once(server: Server, fault: Fault) -> None:
    server.fail(fault)
    answer = server.model(openai_fallback_models=("second", "third")).answer(
        PROMPT, 10, go_on, Spending()
    )
    assert (answer.model, server.pauses) == ("second", [])


def test_after_all_models_the_first_is_asked_again(server: Server) -> None:
    server.fail(Fault("status", status=503, times=2))
    answer = server.model(openai_fallback_models=("second",)).answer(PROMPT, 10, go_on, Spending())
    assert (answer.model, server.pauses) == ("first", [0.5])


def test_a_model_that_is_not_there_is_asked_once(server: Server) -> None:
    server.stand_in.models = frozenset({"second"})
    server.fail(Fault("status", status=503, contains="second"))
    answer = server.model(openai_fallback_models=("second",)).answer(PROMPT, 10, go_on, Spending())
    assert (answer.model, server.pauses) == ("second", [0.5])


def test_no_model_is_there(server: Server) -> None:
    server.stand_in.models = frozenset()
    with pytest.raises(ModelRefused, match="unknown_model"):
        server.model(openai_fallback_models=("second",)).answer(PROMPT, 10, go_on, Spending())
    assert server.pauses == []


def test_a_refusal_stops_the_list(server: Server) -> None:
    server.fail(Fault("status", status=401))
    with pytest.raises(ModelRefused, match="authentication"):
        server.model(openai_fallback_models=("second",)).answer(PROMPT, 10, go_on, Spending())
    assert server.asked == []


# Nothing leaks

ECHO = json.dumps({"error": {"message": WORDS, "code": WORDS, "type": WORDS, "param": WORDS}})
LEAKS = [Fault("status", status=status, body=ECHO, times=0) for status in (400, 401, 404, 429, 500)]
LEAKS += [replace(says(f'{{"{WORDS}'), times=0), Fault("reset", times=0)]


@pytest.mark.parametrize("fault", LEAKS, ids=lambda fault: f"{fault.kind} {fault.status}")
def test_no_error_repeats_the_prompt_or_the_key(server: Server, fault: Fault) -> None:
    server.fail(fault)
    with pytest.raises((ModelUnavailable, ModelRefused)) as raised:
        server.model().answer(PROMPT, 1.4, go_on, Spending())
    shown = "".join(traceback.format_exception(raised.value))
    assert WORDS not in shown
    assert KEY not in shown
    assert "During handling" not in shown


def test_the_adapter_makes_the_import_no_dearer() -> None:
    code = (
        "import sys, openai; before = set(sys.modules); import chatbot.adapters.openai.chat;"
        "print(*[m for m in sys.modules if m not in before and not m.startswith('chatbot')])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert output.split() == []
