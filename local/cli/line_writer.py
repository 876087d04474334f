"""A standard output that splits what is printed into whole lines."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable


class LineWriter(io.TextIOBase):
    """A text stream that calls `take` with each whole line, without its line break.

    An unfinished line is kept per thread, so that lines of functions that run at the same time do
    not mix.
    """

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._unfinished = threading.local()

    def write(self, text: str) -> int:
        """Hand on the lines that `text` completes. Returns the number of characters."""
        *lines, rest = (getattr(self._unfinished, "text", "") + text).split("\n")
        self._unfinished.text = rest
        for line in lines:
            self._take(line)
        return len(text)
