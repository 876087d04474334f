"""The marks of Markdown, and the ways in which several of them are put together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

MARKERS = """* ** _ ~~ ` ``` [ ]( ) ![ [a]:␣ < <br> & \\ \\( \\[ \\] $ $$↵ >␣ -␣ 1.␣ #␣ | |-
    [x]␣ www. a@b.c https://e.x/( --- === a ␣ ↵ ↵↵ ␣␣␣␣ é 😀""".split()
PAIRS = list(product(MARKERS, MARKERS))
TRIPLES = list(product(MARKERS, MARKERS, MARKERS))
SHAPES = 4


def written(marker: str) -> str:
    """A marker as it stands in a text."""
    return marker.replace("␣", " ").replace("↵", "\n")


def shapes(markers: tuple[str, ...], size: int) -> Iterator[str]:
    """Ways in which markers are nested: each after each, in lines, all of one before the next."""
    markers = tuple(map(written, markers))
    unit = "".join(markers)
    yield (unit * size)[:size]
    yield ((unit + "a\n") * size)[:size]
    share = size // len(markers)
    yield "".join((each * share)[:share] for each in markers)
    yield "".join((each + "a ") * (share // 4) for each in markers)
