"""Bodies of answers whose length is bounded, as they come and unpacked."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

_ANY_HEADER = 47  # zlib: 15 bits of window, the header of zlib or of gzip
_PACKED = ("gzip", "x-gzip", "deflate")


def beginning(chunks: Iterable[bytes], most: int) -> bytes:
    """At most `most` bytes of the chunks; no more of them are taken than that needs."""
    received = bytearray()
    for chunk in chunks:
        received += chunk
        if len(received) > most:
            break
    return bytes(received[:most])


def unpacked(content: bytes, encoding: str, most: int) -> bytes:
    """The first `most` bytes of what `content` is without its Content-Encoding.

    b"" where it is broken, or of an encoding that nobody was asked for: no request of ours names
    one but gzip and deflate, which a megabyte can hold a gigabyte in.
    """
    if encoding.strip().lower() in ("", "identity"):
        return content[:most]
    if encoding.strip().lower() not in _PACKED:
        return b""
    try:
        return zlib.decompressobj(_ANY_HEADER).decompress(content, most)
    except zlib.error:
        return b""
