"""Download a file from a URL that is not trusted, guarded against server-side request forgery.

The URL comes from a person's message or a model server's answer. It may point at any server, also
at one that only this machine can reach (the Lambda runtime's API listens on loopback).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection, Iterator
from io import BytesIO
from ipaddress import IPv4Address
from urllib.parse import SplitResult, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from chatbot.core.errors import PostRefused, Unfetchable
from chatbot.core.file_types import type_of
from chatbot.core.files import File
from chatbot.net.connections import TimedHttpPool, TimedHttpsPool
from chatbot.net.deadline import ending
from chatbot.net.tls import trust

_PORTS = {"https": 443, "http": 80}
_CHUNK = 64 * 1024

Resolve = Callable[[str], Collection[str]]
"""Returns the IPv4 addresses of a host. Raises OSError."""


def addresses_of(host: str) -> Collection[str]:
    """Resolve `host` to IPv4 addresses. Raises OSError.

    IPv6 is left out: it has too many forms that embed a private IPv4 address.
    """
    found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def fetch(
    url: str,
    *,
    hosts: Collection[str] | None,
    local: Collection[str],
    most: int,
    seconds: float,
    resolve: Resolve = addresses_of,
) -> File:
    """Download `url` within `seconds`, over https and from a public address; no redirects.

    `most` is the largest size in bytes. `hosts` are the allowed hosts: "example.com" is that one,
    ".example.com" any of its subdomains; None allows every host. `local` are base URLs of the
    operator's settings: a plain http URL on the same server as one of them is downloaded without
    these checks. Raises Unfetchable, whose reason never contains the URL, and PostRefused when a
    later try may succeed.
    """
    end = time.monotonic() + seconds
    try:
        parts = urlsplit(url)
        origin = _origin(parts)
        own = any(origin == _origin(urlsplit(base)) for base in local if base[:5] == "http:")
    except ValueError:
        raise Unfetchable("address") from None
    address = parts.hostname or "" if own else _public_address(parts, hosts, resolve)
    try:
        with ending(end - time.monotonic()) as deadline:
            # Unlike a list of the chunks and their sum, it needs the memory of the file once.
            received = BytesIO()
            for chunk in _download(parts, address, most, end):
                received.write(chunk)
            content = received.getvalue()
    except HTTPError as error:  # its text contains the URL, and Telegram's contains the token
        raise PostRefused("slow" if deadline.over else type(error).__name__) from None
    return File(content, type_of(content))


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


def _public_address(parts: SplitResult, hosts: Collection[str] | None, resolve: Resolve) -> str:
    """Return the address to connect to, after all checks.

    The caller connects to this very address: a second look-up of the host could return another.
    Raises Unfetchable, PostRefused.
    """
    scheme, host, port = _origin(parts)
    if scheme != "https" or port != _PORTS["https"] or parts.username is not None:
        raise Unfetchable("not_https")
    if hosts is not None and not any(_host_matches(allowed, host) for allowed in hosts):
        raise Unfetchable("foreign_host")
    try:
        addresses = [IPv4Address(address) for address in resolve(host)]
    except UnicodeError:
        raise Unfetchable("address") from None
    except OSError as error:
        later = error.errno == socket.EAI_AGAIN
        raise (PostRefused if later else Unfetchable)("unresolved") from None
    if not addresses or not all(each.is_global and not each.is_multicast for each in addresses):
        raise Unfetchable("private_address")
    return str(addresses[0])


def _host_matches(allowed: str, host: str) -> bool:
    return host.endswith(allowed) if allowed.startswith(".") else host == allowed


def _download(parts: SplitResult, address: str, most: int, end: float) -> Iterator[bytes]:
    """Download in chunks. Raises Unfetchable, PostRefused, HTTPError."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # Decompressed, a small response could exceed the limit that its bytes are counted against.
    headers = {"Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity"}
    limits = urllib3.Timeout(total=max(end - time.monotonic(), 0.1))
    with (
        _pool(parts, address) as pool,
        pool.urlopen(
            "GET",
            target,
            headers=headers,
            timeout=limits,
            retries=False,
            redirect=False,
            preload_content=False,
        ) as answer,
    ):
        if answer.status == 429 or answer.status >= 500:
            raise PostRefused(f"status {answer.status}")
        if answer.status != 200:
            raise Unfetchable("gone")
        for chunk in answer.stream(_CHUNK, decode_content=False):
            most -= len(chunk)
            if most < 0:
                raise Unfetchable("too_large")
            if time.monotonic() > end:
                raise PostRefused("slow")
            yield chunk


def _pool(parts: SplitResult, address: str) -> urllib3.HTTPConnectionPool:
    scheme, host, port = _origin(parts)
    if scheme == "http":
        return TimedHttpPool(address, port)
    return TimedHttpsPool(
        address,
        port,
        server_hostname=host,  # `assert_hostname` would turn off the check of the shared context
        ssl_context=trust(),
    )
