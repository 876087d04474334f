"""Code and formulas are found where the parser of Markdown finds them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.channels.text.guard import paragraphs
from chatbot.channels.text.markdown import parse
from chatbot.core.blocks import blocks
from chatbot.core.markdown import closed, unfinished
from tests.timing import processor_seconds

PIECES = ["```\n", "```py\n", "````\n", "~~~\n", "- ", "1. ", "2. ", "* ", "   ", "  ", "    "]
PIECES += ["> ", "a\n", "b c\n", "\n", "# h\n", "---\n", "***\n", "x ```\n", "``` y\n"]
MARKDOWN = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
FORMULAS = ["$$\n", "$$ a\n", "$$ a $$\n", "$$ a\n$$\n", "\\[\na\n\\]\n", "\\] b\n", "\\[\n", "\n"]


def lines_of_blocks(markdown: str) -> list[tuple[int, int]]:
    """First line of each block, and the line after it."""
    found = [(markdown.count("\n", 0, each.begin), each) for each in blocks(markdown)]
    return [(line, line + 1 + markdown.count("\n", each.begin, each.end)) for line, each in found]


def parsed(markdown: str) -> list[tuple[int, int]]:
    tokens = [each for each in parse(markdown) if each.type in ("fence", "math_block")]
    return [(each.map[0], each.map[1]) for each in tokens if each.map]


@given(MARKDOWN)
def test_code_begins_where_the_parser_says(markdown: str) -> None:
    assert [line for line, _ in lines_of_blocks(markdown)] == [line for line, _ in parsed(markdown)]


@given(st.lists(st.sampled_from([*FORMULAS, "a\n", "```\n"]), max_size=10).map("".join))
def test_formulas_are_those_of_the_parser(markdown: str) -> None:
    whole = closed(markdown)
    assert lines_of_blocks(whole) == parsed(whole)


@given(MARKDOWN)
def test_nothing_is_open_after_the_end(markdown: str) -> None:
    for whole in (closed(markdown), unfinished(markdown)):
        *_, last = parse(f"{whole}\n\nend")[1:-1]
        assert last.content == "end"
    assert closed(closed(markdown)) == closed(markdown)


@pytest.mark.parametrize(
    ("markdown", "end"),
    [
        ("1. Run:\n   ```py\n   x\n```", "\n```"),
        (" - ```\n  x\n\nafter", ""),
        ("- a\n\n  ```\n  b", "\n  ```"),
        ("- ```\n  b\n- c", ""),
        ("> - ```\n>   b", "\n>   ```"),
        ("> ```\n> b\nc", ""),
        ("- a\nlazy\n  ```\n  b", "\n  ```"),
        ("      ```\n      b", ""),
        ("\t```\n\tb", ""),
        ("-\t```\n\tb", "\n    ```"),
        ("* * *\n```", "\n```"),
        ("a\n2. ```", ""),
        ("```\r\na\r\n```\r\n", ""),
        ("$$ a\nb", ""),
        ("\\[\n```\n\\] x", "\n```"),
    ],
)
def test_what_ends_a_text(markdown: str, end: str) -> None:
    assert closed(markdown) == markdown + end


@given(st.lists(st.sampled_from([*PIECES, *FORMULAS]), max_size=14).map("".join))
def test_paragraphs_are_apart_at_blank_lines_outside_of_blocks(markdown: str) -> None:
    pieces = paragraphs(markdown)
    assert "".join("".join(pieces).split()) == "".join(markdown.split())
    found = list(blocks(markdown))
    assert all(first.end < second.begin for first, second in pairwise(found))
    ends = [markdown.index(piece) + len(piece) for piece in pieces[:1]]
    assert not any(each.begin < end < each.end for each in found for end in ends[: len(pieces) - 1])


@pytest.mark.parametrize(
    "unit", ["> ", "- ", "```\n", "- ```\n", "$$\n", "\\[\n", "$$ a\n", "> ```\n", "a\n\n", "\t"]
)
def test_reading_takes_no_time(unit: str) -> None:
    text = unit * (100_000 // len(unit)) + "\\] x\n$$ x"
    assert processor_seconds(lambda: list(blocks(text)), enough=1) < 1
