"""Generate hostile texts from a seed, by kinds: what people write, or talk a model into."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.hostile import inline_texts, unicode_texts
from tests.hostile.filling import filled, until
from tests.hostile.markers import MARKERS, PAIRS, SHAPES, TRIPLES, shapes, written

Make = Callable[[random.Random, int, int], str]
"""Makes a text of about `size` characters; `turn` counts the texts of its kind."""
_WORDS = ("word", "a", "Zeile", "x", "1", "été", "漢字", "b_c", "d*e", "f.g", "$5", "😀")
_STEP = 7_919
"""A prime, so that each pair has its turn, and neighbours differ."""


def list_markers(rng: random.Random, size: int, turn: int) -> str:
    marks = ("* ", "- ", "+ ", "1. ", "1) ", "- [ ] ", "- [x] ", "999999999. ", "• ", "-\t", "*")
    chosen = rng.sample(marks, rng.choice((1, 1, 2, 3)))
    ends = ("", "", "a", "\n", "a\n", "\n\n", "a\n\n", " \n")
    indents = ("", "", " ", "  ", "    ")
    unit = "".join(rng.choice(indents) + mark + rng.choice(ends) for mark in chosen)
    return filled(unit, size)


def nests(rng: random.Random, size: int, turn: int) -> str:
    """Lists and quotes within each other: in one line, or one level deeper in each."""
    marks = [rng.choice(("> ", "- ", ">", "1. ", "* ", "+ ", "> - ", "    ")) for _ in range(3)]
    unit = "".join(marks[: rng.choice((1, 2, 3))])
    if rng.random() < 0.4:
        return filled(unit, size)
    if rng.random() < 0.5:  # deeper and deeper
        deepest = rng.choice((5, 10, 25, 60))
        lines = [unit * (n % deepest) + rng.choice(_WORDS) for n in range(size // len(unit))]
    else:
        indent = " " * rng.choice((1, 2, 4))
        deepest = rng.choice((5, 10, 25, 60))
        lines = [indent * (n % deepest) + marks[n % 3] + "a" for n in range(size)]
    return "\n".join(until(lines, size))


def pairs(rng: random.Random, size: int, turn: int) -> str:
    """Every pair of markers in every shape, in turn."""
    markers = PAIRS[turn // SHAPES * _STEP % len(PAIRS)]
    return list(shapes(markers, size))[turn % SHAPES]


def triples(rng: random.Random, size: int, turn: int) -> str:
    markers = TRIPLES[turn // SHAPES * _STEP % len(TRIPLES)]
    return list(shapes(markers, size))[turn % SHAPES]


def markers_at_random(rng: random.Random, size: int, turn: int) -> str:
    unit = "".join(written(rng.choice(MARKERS)) for _ in range(rng.randrange(3, 40)))
    return filled(unit, size)


def tables(rng: random.Random, size: int, turn: int) -> str:
    """Tables of all forms: wide, long, ragged, without ends of lines, many small ones."""
    columns = rng.choice((1, 2, 3, 8, 40, 200))
    header = rng.choice(("a", "", "*a*", "a very long name of a column " * 3, "|", "`a|b`", "<br>"))
    cell = rng.choice(("1", "", "**b**", "a<br>b", "\\|", "[x](y)", "$x$", "😀", "word " * 20))
    line = rng.choice(("-", ":-:", "---:", "- ", "-" * 50))
    begin, end = rng.choice((("|", "|"), ("", ""), ("|", ""), ("", "|"), ("> |", "|"), ("- |", "")))
    rows = [
        begin + "|".join([part] * columns) + end
        for part in (header, line, *[cell] * rng.choice((0, 1, 2, 30, 1_000)))
    ]
    if rng.random() < 0.3:  # short and long rows, which are filled up or cut
        for number in range(2, len(rows)):
            rows[number] = begin + "|".join([cell] * rng.choice((0, 1, columns, columns * 2))) + end
    one = "\n".join(until(rows, size))
    return filled(f"{one}\n{rng.choice(('', chr(10), 'text', '---'))}", size)


def emphasis(rng: random.Random, size: int, turn: int) -> str:
    runs = [rng.choice("*_~") * rng.choice((1, 1, 2, 3, 7, 50)) for _ in range(6)]
    glue = ("", "a", " ", "a ", " a", "漢", "。", "\n", "'", "\\")
    unit = "".join(run + rng.choice(glue) for run in runs)
    return filled(unit, size)


def headings(rng: random.Random, size: int, turn: int) -> str:
    forms = (
        "# a\n",
        "#" * 7 + " a\n",
        "a\n===\n",
        "a\n---\n",
        "***\n",
        "- - -\n",
        "#\n",
        "a\nb\n-\n",
    )
    return filled("".join(rng.sample(forms, rng.choice((1, 2, 4)))), size)


def long_lines(rng: random.Random, size: int, turn: int) -> str:
    """Lines without a place to cut, white space without end."""
    forms = (
        "a",
        "😀",
        "漢",
        " ",
        "\t",
        "\n",
        "a ",
        "a\u00ad",
        ".",
        "!?",
        "\\",
        "\r",
        "\r\n",
        "\xa0",
    )
    unit = rng.choice(forms)
    middle = unit * size
    return (
        rng.choice(("", "a\n", "> ", "```\n", "# ", "|")) + middle + rng.choice(("", "\nb", " b"))
    )


def prose(rng: random.Random, size: int, turn: int) -> str:
    """An answer as models write them, with some marks in wrong places."""
    lines = (
        "# A heading\n\n",
        "Some **bold** words, `code` and a [link](https://example.org).\n\n",
        "1. first\n   - nested\n2. second\n\n",
        "```python\nprint('x')\n```\n\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n",
        "> quoted\n> > twice\n\n",
        "The formula $a^2 + b^2$ and\n\n$$\nc^2\n$$\n\n",
        "Grüße 👩‍👩‍👧‍👦, 漢字。\n",
    )
    text = "".join(rng.choice(lines) for _ in range(size // 30 + 1))[:size]
    for _ in range(rng.choice((0, 1, 3, 10))):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + written(rng.choice(MARKERS)) + text[at:]
    return text


def mixed(rng: random.Random, size: int, turn: int) -> str:
    """Pieces of other kinds, one after another, within each other's lines."""
    pieces = []
    for _ in range(rng.choice((2, 3, 5))):
        make = KINDS[rng.choice([name for name in KINDS if name != "mixed"])]
        pieces.append(make(rng, max(8, size // 5), rng.randrange(10**6)))
    return rng.choice(("", "\n", "\n\n", " ")).join(pieces)[:size]


KINDS: dict[str, Make] = {
    "list markers": list_markers,
    "nests": nests,
    "pairs": pairs,
    "triples": triples,
    "markers at random": markers_at_random,
    "tables": tables,
    "links": inline_texts.links,
    "code": inline_texts.code,
    "formulas": inline_texts.formulas,
    "emphasis": emphasis,
    "headings": headings,
    "entities": inline_texts.entities,
    "HTML": inline_texts.html,
    "long lines": long_lines,
    "prose": prose,
    "emoji": unicode_texts.emoji,
    "combining": unicode_texts.combining,
    "directions": unicode_texts.directions,
    "invisible": unicode_texts.invisible,
    "controls": unicode_texts.controls,
    "mixed": mixed,
}
