"""No client sends anything to a server whose certificate is not valid for its name."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography.x509 import IPAddress

from chatbot.adapters.openai.chat import ChatModel
from chatbot.core.completion import PromptLine, Spending
from chatbot.core.errors import AmbiguousPost, ModelUnavailable, UselessAnswer
from chatbot.core.settings import Settings
from chatbot.net.post import Session, send
from tests.certificates import certify

HERE = "127.0.0.1"
ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
WORDS = "Nobody else may hear this"


class Server:
    """A TLS server with a certificate that records what it receives, one connection at a time."""

    def __init__(self, certificate: Path) -> None:
        self.told = b""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server((HERE, 0))
        self.url = f"https://{HERE}:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        try:
            with self._context.wrap_socket(connection, server_side=True) as secured:
                told = b""
                while WORDS.encode() not in told and (piece := secured.recv(65_536)):
                    told += piece
                    self.told += piece
                secured.sendall(ANSWER)
        except OSError:  # it hung up
            return


@pytest.fixture
def serve(
    tmp_path: Path, trusting: Callable[[Path | None], None]
) -> Iterator[Callable[..., Server]]:
    """Run a server, trusted or not, with a certificate for `name`."""
    servers: list[Server] = []

    def start(trusted: bool, name: str = HERE) -> Server:
        path = certify(tmp_path / f"{len(servers)}.pem", IPAddress(IPv4Address(name)))
        trusting(path if trusted else None)
        servers.append(Server(path))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def post(url: str) -> None:
    with Session() as session:
        send(session, "POST", url, timeout=5, fields={"text": WORDS})


def ask(url: str) -> None:
    settings = Settings(openai_base_url=url, streaming="off")
    ChatModel(settings).answer([PromptLine("user", WORDS)], 1.5, lambda piece: True, Spending())


@pytest.fixture(params=[post, ask])
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    chosen: Callable[[str], None] = request.param
    return chosen


def test_who_is_vouched_for_is_told(
    serve: Callable[..., Server], tell: Callable[[str], None]
) -> None:
    server = serve(trusted=True)
    if tell is post:
        post(server.url)
    else:
        with pytest.raises(UselessAnswer):
            ask(server.url)
    assert WORDS.encode() in server.told


@pytest.mark.parametrize(("trusted", "name"), [(False, HERE), (True, "192.0.2.1")])
def test_who_cannot_prove_its_name_is_told_nothing(
    serve: Callable[..., Server], tell: Callable[[str], None], trusted: bool, name: str
) -> None:
    post(serve(trusted=True).url)  # no use of the context makes it careless
    server = serve(trusted, name)
    with pytest.raises((AmbiguousPost, ModelUnavailable)):
        tell(server.url)
    assert server.told == b""


def test_the_authorities_are_loaded_once(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(trusted=True)
    load, loaded = ssl.SSLContext.load_verify_locations, []

    def counted(self: ssl.SSLContext, *arguments: str) -> None:
        loaded.append(arguments)
        load(self, *arguments)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    for _ in range(3):
        post(server.url)
    with pytest.raises(UselessAnswer):
        ask(server.url)
    assert len(loaded) == 1
