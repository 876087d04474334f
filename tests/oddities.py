"""Change one part of a platform's JSON: left out, null, or of another type."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]

GONE: Any = object()
"""Stands for a part that is left out."""
VALUES: tuple[Any, ...] = (
    GONE,
    None,
    0,
    -1,
    7,
    True,
    1.5,
    10**30,
    "",
    " ",
    "x",
    "/stop me",
    "\ufffd" * 500,
    [],
    [None],
    [["x"]],
    {},
    {"x": 1},
    [{"type": "file", "payload": {"url": 7}}],
)


def parts(data: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every part below `data`, at any depth."""
    items: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(data, dict):
        items = iter(data.items())
    elif isinstance(data, list):
        items = iter(enumerate(data))
    for name, value in items:
        yield (*path, name)
        yield from parts(value, (*path, name))


def changed(data: Any, path: Path, value: Any) -> Any:
    """A copy of `data` in which the part at `path` is `value`."""
    found = copied = copy.deepcopy(data)
    for name in path[:-1]:
        found = found[name]
    if value is GONE:
        del found[path[-1]]
    else:
        found[path[-1]] = copy.deepcopy(value)
    return copied
