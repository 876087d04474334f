"""The time for connecting, shared by all addresses of a server."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

from urllib3.util.connection import allowed_gai_family

from chatbot.net.deadline import remaining

_LEAST_SECONDS = 1.0
"""What an address gets before the next one is tried, if there is as much: a slow one may answer."""

Address = tuple[socket.AddressFamily, tuple[str | int, ...] | tuple[int, bytes]]
"""The family, and what `socket.connect` takes."""


def addresses(
    host: str, port: int, timeout: float | None
) -> Iterator[tuple[Address, float | None]]:
    """Yield the addresses of the server, each with the seconds that connecting to it may take.

    `timeout` is for all of them: the system's own functions allow it to each. Raises OSError: as
    socket.getaddrinfo does, and TimeoutError when the deadline has passed.
    """
    found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
    end = None if timeout is None else time.monotonic() + timeout
    for number, (family, *_, address) in enumerate(found):
        share = None
        if end is not None:
            left = end - time.monotonic()
            if number and left <= 0:
                return
            share = max(left / (len(found) - number), min(left, _LEAST_SECONDS))
        yield (family, address), remaining(share)
