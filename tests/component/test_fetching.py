"""Fetching over real connections: to the checked address only, within the limits."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography.x509 import DNSName
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from chatbot.core.errors import ChatbotError, PostRefused, Unfetchable
from chatbot.core.files import File
from chatbot.net import fetch as media
from chatbot.net.fetch import fetch
from local.http.server import Running, serve
from tests.certificates import certify

HOST = "files.example"
PNG = b"\x89PNG\r\n\x1a\n" + b"." * 100_000


@Request.application
def site(request: Request) -> Response:
    match request.path:
        case "/p.png":
            assert request.headers["Host"].partition(":")[0] in (HOST, "127.0.0.1")
            return Response(PNG)
        case "/moved":
            return Response("", 302, {"Location": "/p.png"})
        case "/packed":
            assert request.headers["Accept-Encoding"] == "identity"
            return Response(b"\x1f\x8b\x08", headers={"Content-Encoding": "gzip"})
        case "/endless":
            return Response(iter(lambda: b"words " * 10_000, b""))
        case "/tired":
            return Response("", 503)
    return Response("", 404)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with closing(serve(site)) as running:
        yield running


def get(server: Running, path: str, most: int = 200_000, seconds: float = 5) -> File:
    return fetch(server.url + path, hosts=[], local=[server.url], most=most, seconds=seconds)


def test_a_file_of_the_operators_own_server(server: Running) -> None:
    assert get(server, "/p.png?size=1") == File(PNG, "image/png")


@pytest.mark.parametrize(
    ("path", "meant", "reason"),
    [
        ("/moved", Unfetchable, "gone"),
        ("/absent", Unfetchable, "gone"),
        ("/endless", Unfetchable, "too_large"),
        ("/tired", PostRefused, "status 503"),
    ],
)
def test_what_is_not_taken(
    server: Running, path: str, meant: type[ChatbotError], reason: str
) -> None:
    with pytest.raises(meant, match=reason):
        get(server, path)


def test_what_is_packed_is_not_unpacked(server: Running) -> None:
    assert get(server, "/packed").type == "application/gzip"


def test_it_takes_no_longer_than_it_may(server: Running) -> None:
    with pytest.raises(PostRefused, match="slow"):
        get(server, "/endless", most=10**12, seconds=0.3)


def test_a_byte_too_many(server: Running) -> None:
    assert get(server, "/p.png", len(PNG)).content == PNG
    with pytest.raises(Unfetchable, match="too_large"):
        get(server, "/p.png", len(PNG) - 1)


def test_a_server_that_is_gone_is_not_named(server: Running) -> None:
    with closing(serve(site)) as other:
        url = other.url
    with pytest.raises(PostRefused) as caught:
        fetch(f"{url}/bot123:token/p", hosts=[], local=[url], most=1, seconds=1)
    assert "token" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of HOST, after its key."""
    return certify(tmp_path_factory.mktemp("tls") / "pem", DNSName(HOST))


@pytest.fixture
def port(
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusting: Callable[[Path | None], None],
) -> Iterator[int]:
    """The port of a TLS server of HOST on this machine, with private addresses allowed."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    running = make_server("127.0.0.1", 0, site, threaded=True, ssl_context=context)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    monkeypatch.setattr(IPv4Address, "is_global", True)
    trusting(certificate)
    monkeypatch.setitem(media._PORTS, "https", running.port)
    yield running.port
    running.shutdown()
    thread.join()
    running.server_close()


def test_the_connection_goes_to_the_address_that_was_checked(port: int) -> None:
    """A second look-up of the name would fail, or return another address."""
    asked = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    url = f"https://{HOST}/p.png"
    file = fetch(url, hosts=[HOST], local=[], most=200_000, seconds=5, resolve=resolve)
    assert (file.content, asked) == (PNG, [HOST])


def test_whoever_is_there_must_prove_who_it_is(port: int) -> None:
    with pytest.raises(PostRefused, match="SSLError"):
        fetch(
            "https://another.example/p.png",
            hosts=None,
            local=[],
            most=200_000,
            seconds=5,
            resolve=lambda host: ["127.0.0.1"],
        )
