"""Redirect standard output safely while other threads print.

CPython's `print` holds no reference to the stream that it writes to: the process crashes when the
stream is freed meanwhile (python/cpython#130163; so in 3.11.7 and 3.13.0). Therefore every stream
that was ever used here is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

_KEPT: list[object] = []


@contextmanager
def printing_to(stream: object) -> Iterator[None]:
    """Redirect what any thread prints inside the block to `stream`, any object with `write`."""
    out = sys.stdout
    _KEPT.append(stream)
    sys.stdout = cast("TextIO", stream)
    try:
        yield
    finally:
        sys.stdout = out
