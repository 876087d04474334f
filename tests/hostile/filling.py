"""Make texts of a size from pieces."""

from __future__ import annotations

from collections.abc import Sequence


def filled(unit: str, size: int) -> str:
    """The unit, again and again."""
    return (unit * (size // max(1, len(unit)) + 1))[:size]


def until(lines: Sequence[str], size: int) -> list[str]:
    """The first of the lines, as many as have this size together."""
    kept, left = [], size
    for line in lines:
        if left <= 0:
            break
        kept.append(line[:left])
        left -= len(line) + 1
    return kept
