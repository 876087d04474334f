"""A server with many addresses of which none answers takes no more time than one that has one."""

from __future__ import annotations

import errno
import socket
import time
from contextlib import closing
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from chatbot.adapters.openai.media import OpenAIModel
from chatbot.core.completion import PromptLine, Spending
from chatbot.core.errors import ModelUnavailable, PostRefused
from chatbot.core.settings import Settings
from chatbot.net.post import Session, send
from local.http.server import serve

HOST = "many.example"


@pytest.fixture
def timeouts(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The timeouts of connections to HOST, all of which fail with them at once."""
    found, plain = list[float](), socket.getaddrinfo
    clock = [0.0]

    class Silent(socket.socket):
        def connect(self, address: Any) -> None:
            if not str(address[0]).startswith("127.0.1."):
                super().connect(address)
                return
            seconds = self.gettimeout()
            assert seconds is not None
            found.append(seconds)
            clock[0] += seconds
            raise TimeoutError

    def resolve(host: str, port: Any, *rest: Any, **more: Any) -> Any:
        if host != HOST:
            return plain(host, port, *rest, **more)
        silent = [f"127.0.1.{number}" for number in range(1, 9)]
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in [*silent, "127.0.0.1"]
        ]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    monkeypatch.setattr("socket.socket", Silent)
    monotonic = time.monotonic
    monkeypatch.setattr("time.monotonic", lambda: monotonic() + clock[0])
    return found


def test_a_post(timeouts: list[float]) -> None:
    with Session() as session, pytest.raises(PostRefused):
        send(session, "POST", f"http://{HOST}:9/", timeout=10, fields={})
    assert 2.5 < sum(timeouts) <= 3.01
    assert len(timeouts) > 1


def test_a_question_to_the_model(timeouts: list[float]) -> None:
    settings = Settings(openai_base_url=f"http://{HOST}:9/v1")
    model = OpenAIModel(settings, sleep=lambda seconds: None)
    with pytest.raises(ModelUnavailable):
        model.answer([PromptLine("user", "words")], 12, lambda text: True, Spending())
    assert 2.5 < sum(timeouts) <= 12.01, "several attempts, within the time for all"
    assert max(timeouts) < 3


def test_another_address_is_tried(timeouts: list[float]) -> None:
    @Request.application
    def respond(request: Request) -> Response:
        return Response(b"{}", mimetype="application/json")

    with closing(serve(respond)) as server, Session() as session:
        port = server.url.rpartition(":")[2]
        own = {"Host": f"127.0.0.1:{port}"}
        assert send(
            session, "POST", f"http://{HOST}:{port}/", timeout=100, fields={}, headers=own
        ).good
    assert len(timeouts) == 8


def test_where_the_system_has_no_sockets_of_a_family_the_next_address_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain_addresses, plain_socket = socket.getaddrinfo, socket.socket

    def resolve(host: str, port: Any, *rest: Any, **more: Any) -> Any:
        found = plain_addresses("127.0.0.1", port, *rest, **more)
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)), *found]

    class OnlyIPv4(plain_socket):  # type: ignore[misc,valid-type]
        def __init__(self, family: int = -1, *rest: Any, **more: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *rest, **more)

    @Request.application
    def respond(request: Request) -> Response:
        return Response(b"{}", mimetype="application/json")

    with closing(serve(respond)) as server, Session() as session:
        monkeypatch.setattr("socket.getaddrinfo", resolve)
        monkeypatch.setattr("socket.socket", OnlyIPv4)
        assert send(session, "POST", server.url, timeout=10, fields={}).good
