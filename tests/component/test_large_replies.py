"""Replies without end, or packed into little: read as far as their bounds, and no further."""

from __future__ import annotations

import gzip
import json
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from werkzeug.wrappers import Request, Response

from chatbot.adapters.openai.media import OpenAIModel
from chatbot.core.completion import PromptLine, Spending
from chatbot.core.errors import AmbiguousPost, ChatbotError, ModelUnavailable
from chatbot.core.limits import MOST_ERROR, MOST_REPLY
from chatbot.core.settings import Settings
from chatbot.net.bodies import unpacked
from chatbot.net.post import Answer, Session, send
from local.http.server import serve

LARGE = 60_000_000
WITHOUT_END = 400_000_000
"""Bytes of a body that the reader is to break off: several times what the buffers of a few
connections hold."""


class Endless:
    """A body of WITHOUT_END bytes, and how much of it was taken."""

    def __init__(self) -> None:
        self.taken = 0
        self.over = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        while self.taken < WITHOUT_END:
            self.taken += 100_000
            yield b" " * 100_000

    def close(self) -> None:
        """WSGI's end of a body, whether it was sent or broke off."""
        self.over.set()


@contextmanager
def replying(status: int, body: Callable[[], object], encoding: str = "") -> Iterator[str]:
    headers = {"Content-Encoding": encoding} if encoding else {}

    @Request.application
    def respond(request: Request) -> Response:
        request.get_data()
        return Response(body(), status, headers, "application/json")  # type: ignore[arg-type]

    with closing(serve(respond)) as server:
        yield server.url


@contextmanager
def holding_less_than(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def ask(url: str) -> ChatbotError:
    settings = Settings(openai_base_url=url, streaming="off")
    model = OpenAIModel(settings, sleep=lambda seconds: None)
    with pytest.raises(ChatbotError) as failed:
        model.answer([PromptLine("user", "words")], 5, lambda text: True, Spending())
    return failed.value


def post(url: str) -> Answer:
    with Session() as session:
        return send(session, "POST", url, timeout=5, fields={})


def test_an_error_of_the_model_without_end() -> None:
    body = Endless()
    with replying(500, lambda: body) as url:
        assert isinstance(ask(url), ModelUnavailable)
        assert body.over.wait(5)
    assert body.taken < WITHOUT_END / 4


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_an_error_of_the_model_that_is_packed(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b" " * LARGE)
    name = "gzip" if pack is gzip.compress else "deflate"
    with replying(500, lambda: packed, name) as url, holding_less_than(LARGE // 3):
        assert isinstance(ask(url), ModelUnavailable)


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_an_error_of_the_model_is_understood(encoding: str) -> None:
    error = {"error": {"message": "over", "code": "insufficient_quota", "type": "x"}}
    plain = json.dumps(error).encode()
    content = gzip.compress(plain) if encoding else plain
    with replying(429, lambda: content, encoding) as url:
        quota = ask(url)
    with replying(429, lambda: b"") as url:
        unexplained = ask(url)
    assert (type(unexplained), str(unexplained)) != (type(quota), str(quota))


def test_a_reply_of_a_platform_without_end() -> None:
    body = Endless()
    with replying(200, lambda: body) as url:
        with pytest.raises(AmbiguousPost):
            raise post(url).refusal() or AssertionError
        assert body.over.wait(5)
    assert body.taken < WITHOUT_END / 4


def test_a_reply_of_a_platform_that_is_packed() -> None:
    packed = gzip.compress(b'{"ok": true}' + b" " * LARGE)
    with replying(200, lambda: packed, "gzip") as url, holding_less_than(LARGE // 3):
        assert post(url).status == 200


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_reply_of_a_platform_is_read(encoding: str) -> None:
    plain = json.dumps({"ok": True, "words": "x" * (MOST_REPLY - 100)}).encode()
    content = gzip.compress(plain) if encoding else plain
    with replying(200, lambda: content, encoding) as url:
        assert post(url).good


def test_what_cannot_be_unpacked_is_empty() -> None:
    assert unpacked(b"words", "", 3) == b"wor"
    assert unpacked(b"words", "gzip", MOST_ERROR) == b""
    assert unpacked(b"words", "br", MOST_ERROR) == b""
    assert unpacked(gzip.compress(b"words"), "GZIP", 3) == b"wor"
