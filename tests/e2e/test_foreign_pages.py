"""What a web page from elsewhere can send to the local stack, byte by byte as browsers send it."""

from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import asdict
from pathlib import Path

import pytest
import requests

from local.cloud.aws import CREDENTIALS
from local.stack import Stack
from ops.log_lines import LogPrinter
from tests.e2e.chat import Chat

EVIL = "https://evil.example"
RESET = "/moto-api/reset"
SIMPLE = {"content-type": "text/plain", "content-length": "0"}
"""Headers with which a browser sends a POST across sites without asking first (Fetch standard)."""


def raw(port: int, request: str, **headers: str) -> int:
    """Send a request line with headers as they are. Returns the status, 0 without a response."""
    lines = [request, *(f"{name.replace('_', '-')}: {each}" for name, each in headers.items())]
    return send(port, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


def send(port: int, request: bytes) -> int:
    """Send bytes. Returns the response's status, 0 without a response."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def ports(stack: Stack) -> dict[str, int]:
    """Ports of all servers by name; those behind `/_local/` of the stack's port are `api`."""
    own = {"api": stack.url, "moto": stack.aws.url}
    own |= {name: server.url for name, server in stack.servers.items()}
    return {name: int(url.rpartition(":")[2]) for name, url in own.items()}


SERVERS = ("api", "moto", "aws", "telegram", "graph", "openai")
DOORS = [("moto", ""), ("aws", ""), ("api", "/_local/aws")]
"""Servers and paths at which requests come to moto."""


@pytest.fixture
def untouched(stack: Stack) -> Iterator[None]:
    """Check afterwards that moto was not reset."""
    stack.table.put_item(Item={"pk": "web:here", "sk": "turn#still"})
    yield
    assert stack.table.get_item(Key={"pk": "web:here", "sk": "turn#still"})["Item"]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(("server", "prefix"), DOORS)
@pytest.mark.parametrize(
    "path", [RESET, "/%6Doto-api/reset", "//moto-api/reset", "/moto-api/reset?a=1", "/moto-api/"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": EVIL},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"},
        {},
    ],
    ids=str,
)
def test_nobody_resets_the_emulator(
    stack: Stack, server: str, prefix: str, path: str, headers: dict[str, str]
) -> None:
    port = ports(stack)[server]
    for method in ("POST", "GET"):
        request = f"{method} {prefix}{path} HTTP/1.1"
        assert raw(port, request, host=f"127.0.0.1:{port}", **SIMPLE, **headers) == 403


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("server", SERVERS)
def test_no_server_answers_under_anothers_name(stack: Stack, server: str) -> None:
    port = ports(stack)[server]
    own = f"127.0.0.1:{port}"
    names = ["evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}"]
    names += [f"localhost.evil.example:{port}", "", f"[::1]:{port}", f"0.0.0.0:{port}"]
    names += [f"evil.example:{port}\r\nHost: {own}", f"{own}\r\nHost: evil.example", f"{own},evil"]
    for name in names:
        assert raw(port, "GET / HTTP/1.1", host=name) == 403, name
        assert raw(port, f"POST {RESET} HTTP/1.1", host=name, **SIMPLE) == 403, name
    assert raw(port, "GET / HTTP/1.0") == 403
    # The target counts where it is a whole address (RFC 9112, 3.2.2); browsers send none.
    assert raw(port, "GET http://evil.example/ HTTP/1.1", host=own) == 403


@pytest.mark.parametrize("server", ["moto", "aws", "telegram", "graph", "openai"])
@pytest.mark.parametrize(
    "headers",
    [{"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
    ids=str,
)
def test_no_page_writes_to_what_is_for_programs(
    stack: Stack, server: str, headers: dict[str, str]
) -> None:
    port = ports(stack)[server]
    doors = [(port, "")]
    if server != "moto":
        doors.append((ports(stack)["api"], f"/_local/{server}"))
    for at, prefix in doors:
        for request in ("POST /", "GET /?Action=PurgeQueue", "PUT /", "OPTIONS /"):
            method, path = request.split(" ")
            own = f"127.0.0.1:{at}"
            status = raw(at, f"{method} {prefix}{path} HTTP/1.1", host=own, **SIMPLE, **headers)
            assert status == 403, request


def test_a_page_purges_no_queue(stack: Stack) -> None:
    port = ports(stack)["aws"]
    path = stack.queue_url.partition("/")[2].partition("/")[2]
    link = f"/{path.partition('/')[2]}?Action=PurgeQueue&X-Amz-Signature=0"
    for site in ("cross-site", "same-site"):
        for written in (link, link.replace("Action", "%41ction")):
            request = f"GET {written} HTTP/1.1"
            assert raw(port, request, host=f"localhost:{port}", **{"sec-fetch-site": site}) == 403


def test_who_does_not_say_where_from_counts_as_a_program(stack: Stack) -> None:
    """A limit that docs/security.md admits: a GET of an old browser has neither header."""
    of = ports(stack)
    for port, path in ((of["moto"], ""), (of["aws"], ""), (of["api"], "/_local/aws")):
        own, read = f"127.0.0.1:{port}", f"{path}/?Action=ListQueues"
        assert raw(port, f"GET {read} HTTP/1.1", host=own) == 200
        assert raw(port, f"POST {read} HTTP/1.1", host=own, **SIMPLE, origin=EVIL) == 403


def test_our_own_pages_read_and_show_pictures(stack: Stack) -> None:
    of = ports(stack)
    own = {"sec-fetch-site": "same-origin"}
    for path in ("/_local/records", "/_local/resources"):
        for site, status in (("same-origin", 200), ("none", 200), ("cross-site", 403)):
            request, host = f"GET {path} HTTP/1.1", f"localhost:{of['api']}"
            assert raw(of["api"], request, host=host, **{"sec-fetch-site": site}) == status
    s3 = stack.aws.client("s3")
    s3.put_object(Bucket=stack.bucket, Key="picture.png", Body=b"picture")
    key = {"Bucket": stack.bucket, "Key": "picture.png"}
    link = s3.generate_presigned_url("get_object", key).partition(str(of["moto"]))[2]
    # A page that was opened as localhost shows a picture at 127.0.0.1.
    for site in ("same-site", "cross-site"):
        host = f"127.0.0.1:{of['aws']}"
        assert raw(of["aws"], f"GET {link} HTTP/1.1", host=host, **{"sec-fetch-site": site}) == 200
        assert raw(of["aws"], f"PUT {link} HTTP/1.1", host=host, **{"sec-fetch-site": site}) == 403
    assert raw(of["api"], "GET / HTTP/1.1", host=f"127.0.0.1:{of['api']}", **own) == 200


def test_programs_are_served(stack: Stack, chat: Callable[[str], Chat]) -> None:
    assert chat("telegram").say("Hello") == ["You said: Hello"]
    assert requests.get(f"{stack.url}/_local/records", timeout=30).ok


def listening(port: int) -> set[str]:
    """Addresses on which anything listens at the port, as Linux lists them (proc(5), net/tcp)."""
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, _, at = local.partition(":")
            if int(at, 16) == port and state == "0A":
                found.add(address)
    return found


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="Linux only")
@pytest.mark.parametrize("server", SERVERS)
def test_every_server_listens_on_loopback_alone(stack: Stack, server: str) -> None:
    assert listening(ports(stack)[server]) == {"0100007F"}


def test_no_path_that_a_page_asks_for_is_obeyed_in_the_log(stack: Stack) -> None:
    out, errors = io.StringIO(), io.StringIO()
    after = stack.recorder.last
    port = ports(stack)["api"]
    host = f"Host: 127.0.0.1:{port}".encode()
    hostile = [
        b"GET /%0d%0a%1b%5b2J%9b1m%e2%80%ae%c2%9b%00 HTTP/1.1",
        b"GET /\x1b]0;title\x07\x9b1m\xe2\x80\xae\x85 HTTP/1.1",
        b"\x1b[2J / HTTP/1.1",
        b"GET / HTTP/9.\x1b[2J",
        b"\x1b]0;title\x07",
    ]
    with redirect_stderr(errors):
        for request in hostile:
            send(port, request + b"\r\n" + host + b"\r\n\r\n")
    printer = LogPrinter(out)
    for record in stack.recorder.after(after):
        printer.request(json.loads(json.dumps(asdict(record))))
    lines = out.getvalue().split("\n")
    assert any("[2J" in line for line in lines)
    for text in (out.getvalue(), errors.getvalue()):
        assert not {*text} & {*map(chr, (*range(10), *range(11, 32), *range(127, 160))), "\u202e"}
    assert all(line.partition("  ")[0].count(":") == 2 for line in lines if line)


def test_credentials_are_nobodys() -> None:
    assert {CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"]} == {"local"}
