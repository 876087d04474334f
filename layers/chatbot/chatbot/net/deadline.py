"""A point in time at which everything that a thread receives or sends over the network ends.

A timeout of a socket counts from the last byte. A server that sends one byte a second would hold a
request for ever: therefore connections ask here, before they wait, how long they still may.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Deadline:
    """When the requests of a block end, as a time of `time.monotonic`.

    It can be moved within the block, but never past `latest`, the end of the block around it.
    """

    def __init__(self, seconds: float, latest: float = math.inf) -> None:
        self._latest = latest
        self.end_in(seconds)

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return time.monotonic() >= self.at

    def end_in(self, seconds: float) -> None:
        """Make it `seconds` from now."""
        self.at = min(self._latest, time.monotonic() + seconds)


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def ending(seconds: float) -> Iterator[Deadline]:
    """Let all requests that this thread makes in the block end within `seconds`.

    Within another such block, the earlier end counts.
    """
    outer = _current.get()
    deadline = Deadline(seconds, outer.at if outer else math.inf)
    token = _current.set(deadline)
    try:
        yield deadline
    finally:
        _current.reset(token)


def remaining(timeout: float | None) -> float | None:
    """The timeout for the next wait: `timeout` (None: none), or what is left if that is less.

    Raises TimeoutError when nothing is left.
    """
    deadline = _current.get()
    if deadline is None:
        return timeout
    left = deadline.at - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left if timeout is None else min(left, timeout)
