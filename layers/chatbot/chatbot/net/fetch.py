"""Fetches a file that somebody else names, and only what was meant to be fetched.

An address comes from a person's message or a model server's answer: it may point at anything, also
at what answers on this machine only (the Lambda runtime's API is on loopback).
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Collection, Iterator
from ipaddress import IPv4Address
from urllib.parse import SplitResult, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from chatbot.core.errors import PostRefused, Unfetchable
from chatbot.core.files import File
from chatbot.net.tls import trust

_PORTS = {"https": 443, "http": 80}
_CHUNK = 64 * 1024
_TYPES = (
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"RIFF.{4}WEBP", "image/webp"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"OggS", "audio/ogg"),
    (rb"ID3|\xff[\xf2\xf3\xfa\xfb]", "audio/mpeg"),
    (rb".{4}ftyp(?!hei|mif|avi)", "audio/mp4"),
    (rb"RIFF.{4}WAVE", "audio/wav"),
    (rb"fLaC", "audio/flac"),
    (rb"\x1aE\xdf\xa3", "audio/webm"),
)
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

Resolve = Callable[[str], Collection[str]]
"""The IPv4 addresses of a host. Raises OSError."""


def type_of(content: bytes) -> str:
    """The media type by the content itself; text is UTF-8. Raises Unfetchable when unknown."""
    for magic, name in _TYPES:
        if re.match(magic, content, re.DOTALL):
            return name
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if not text.strip() or _NO_TEXT.search(text):
        raise Unfetchable("unsupported")
    return "text/plain"


def addresses_of(host: str) -> Collection[str]:
    """Of IPv4 alone: IPv6 has too many ways to write an address of the other kind."""
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
    """What lies at `url`, at most `most` bytes, over https from a public address.

    `hosts` are those that may be asked, with a dot in front also all below it; None allows any.
    Only what is on the server of one of `local`, base URLs that the operator has set to plain http,
    is fetched as it is. Raises Unfetchable (its reason never the address), PostRefused when it may
    work later.
    """
    end = time.monotonic() + seconds
    try:
        parts = urlsplit(url)
        origin = _origin(parts)
        own = any(origin == _origin(urlsplit(base)) for base in local if base[:5] == "http:")
    except ValueError:
        raise Unfetchable("address") from None
    address = parts.hostname or "" if own else _checked(parts, hosts, resolve)
    try:
        content = b"".join(_read(parts, address, most, end))
    except HTTPError as error:  # its text holds the address, and Telegram's holds the token
        raise PostRefused(type(error).__name__) from None
    return File(content, type_of(content))


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


def _checked(parts: SplitResult, hosts: Collection[str] | None, resolve: Resolve) -> str:
    """The address to connect to: asking for it again later could give another."""
    scheme, host, port = _origin(parts)
    if scheme != "https" or port != _PORTS["https"] or parts.username is not None:
        raise Unfetchable("not_https")
    if hosts is not None and not any(_covers(allowed, host) for allowed in hosts):
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


def _covers(allowed: str, host: str) -> bool:
    return host.endswith(allowed) if allowed.startswith(".") else host == allowed


def _read(parts: SplitResult, address: str, most: int, end: float) -> Iterator[bytes]:
    """Raises Unfetchable, PostRefused, HTTPError."""
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    # A compressed answer could swell beyond all that was counted.
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
        return urllib3.HTTPConnectionPool(address, port)
    return urllib3.HTTPSConnectionPool(
        address,
        port,
        server_hostname=host,  # `assert_hostname` would end the context's own check, for everyone
        ssl_context=trust(),
    )
