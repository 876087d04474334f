"""Standard output, set aside while other threads print.

CPython's `print` keeps no reference of its own to the stream that it writes to: a stream that goes
away meanwhile takes the process with it (python/cpython#130163; 3.11.7 and 3.13.0 do so). So each
stream that was ever put in its place here is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

_KEPT: list[object] = []


@contextmanager
def printing_to(stream: object) -> Iterator[None]:
    """What is printed meanwhile, by whichever thread, goes to `stream`: anything with `write`."""
    out = sys.stdout
    _KEPT.append(stream)
    sys.stdout = cast("TextIO", stream)
    try:
        yield
    finally:
        sys.stdout = out
