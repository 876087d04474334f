"""A turn that is too large for the table is cut so that its beginning is split as before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.adapters.dynamodb.codec import turn_to_item
from chatbot.adapters.dynamodb.fitting import (
    LEAST_QUESTION,
    cut,
    fitted,
)
from chatbot.channels.text.entities import parts_of
from chatbot.channels.text.split import utf16_length
from chatbot.core.files import StoredFile
from chatbot.core.limits import MOST_STORED
from chatbot.core.markdown import closed
from chatbot.core.turn import Reply, Turn, Usage
from tests.component.turns import FULL, LARGEST_ITEM, RICH, make
from tests.timing import processor_seconds


def size(text: str) -> int:
    return len(text.encode())


def item_size(turn: Turn) -> int:
    """Bytes of the item (DynamoDB guide, “Item size”)."""
    total = 0
    for name, value in turn_to_item(turn).items():
        ((kind, content),) = value.items()
        texts = [each["S"] for each in content] if kind == "L" else [str(content)]  # type: ignore[attr-defined]
        total += size(name) + sum(size(text) + 1 for text in texts) + 3
    return total


BLOCKS = {
    "paragraph": "Some *emphasis*, **strong** words and a [link](https://example.com/a_b).",
    "long": "A sentence of some length. " * 40,
    "emoji": "🦊👩‍👩‍👧 naïve " * 30,
    "list": "- one\n- two\n\n  more of it\n- three",
    "numbers": "1. one\n2. two\n\n3. three",
    "code": "```python\nfor each in range(9):\n\n    print(each)\n```",
    "longer code": "~~~\n" + "print('Hello')\n\n" * 400 + "~~~",
    "heading": "## Heading",
    "quote": "> quoted\n> words\n\n> again",
    "table": "| a | b |\n|---|---|\n| 1 | 2 |",
}
ways: dict[str, Callable[[str], list[str]]] = {
    "telegram": lambda text: [
        f"{part.text}{part.formatting}" for part in parts_of(text, 4096, utf16_length, True)
    ],
    "messenger": lambda text: [part.text for part in parts_of(text, 2000, len, False)],
}


@pytest.mark.long
@pytest.mark.parametrize("way", ways)
@given(
    st.lists(st.sampled_from(list(BLOCKS.values())), min_size=5, max_size=30), st.floats(0.1, 0.99)
)
def test_the_parts_of_a_cut_answer_are_those_of_the_whole(
    way: str, blocks: list[str], share: float
) -> None:
    whole = "\n\n".join([*blocks, "The end."])
    shorter = cut(whole, int(share * size(whole)))
    split = ways[way]
    *before, _ = split(shorter)
    assert before == split(whole)[: len(before)]


@pytest.mark.parametrize("most", [0, 3, 50, 333, 1999])
@pytest.mark.parametrize("text", ["word " * 500, "🦊" * 700, "a line\n" * 400, "x\n\n" * 900])
def test_a_cut_text_is_a_beginning_and_says_so(text: str, most: int) -> None:
    short = cut(text, most)
    assert size(short) <= max(most, size("…"))
    assert text.startswith(short.removesuffix("…").rstrip("\n"))
    assert short.endswith("…")
    assert size(short) > most - 60
    assert cut(text, size(text)) == text


def test_half_of_a_code_block_is_kept_where_nothing_stands_before_it() -> None:
    short = cut("```\n" + "print(1)\n\n" * 9000, 50_000)
    assert short.endswith(("print(1)\n\n```\n…", "print(1)\n```\n…"))
    assert 49_900 < size(short) <= 50_000


@pytest.mark.parametrize("opening", ["~~~~py\n", "- a\n  ```\n", "> ```\n", "`" * 2000 + "\n"])
@pytest.mark.parametrize("most", [1500, 3000, 3001, 3002, 3003, 60_000])
def test_no_fence_is_left_open_by_a_cut(opening: str, most: int) -> None:
    line = ("> " if ">" in opening else "    ") + "print(1)\n"
    short = cut(opening + line * 9000, most)
    assert most - 60 < size(short) <= most or (opening[0] == "`" and size(short) <= most)
    if opening[0] != "`" or most > 2 * len(opening):
        assert closed(short) == short
        assert short.endswith("\n…")


@pytest.mark.parametrize("turn", [FULL, RICH, make(text="x" * 50_000, reply=Reply("y" * 30_000))])
def test_what_fits_stays_as_it_is(turn: Turn) -> None:
    assert fitted(turn) is turn


def words(count: int) -> str:
    return "🦊 words\n\n" * (count // 12)


@pytest.mark.parametrize(
    ("text", "more", "answer", "kept"),
    [
        (100, 0, 500_000, (100, 0, MOST_STORED)),
        (200_000, 200_000, 10_000, (155_000, 155_000, 10_000)),
        (200_000, 1000, 200_000, (119_000, 1000, 200_000)),
        (1000, 200_000, 200_000, (1000, 119_000, 200_000)),
        (200_000, 200_000, 500_000, (10_000, 10_000, MOST_STORED - LEAST_QUESTION)),
        (200_000, 0, 500_000, (LEAST_QUESTION, 0, MOST_STORED - LEAST_QUESTION)),
    ],
)
def test_what_people_wrote_is_cut_first(
    text: int, more: int, answer: int, kept: tuple[int, int, int]
) -> None:
    turn = make(text=words(text), more=words(more), reply=Reply(words(answer)))
    found = fitted(turn)
    sizes = size(found.text), size(found.more), size(found.reply.text)
    assert all(abs(most - each) < 120 for each, most in zip(sizes, kept, strict=True))
    assert replace(found, text=turn.text, more=turn.more, reply=turn.reply) == turn


def test_with_all_that_is_added_later_the_item_fits() -> None:
    """An answer of 500 KB has 250 parts on Messenger, whose ids have about 120 bytes."""
    turn = make(
        text="🦊" * 50_000,
        more="🦊" * 50_000,
        reply=Reply("x" * 500_000, file=StoredFile("f" * 70, "image/png", "🦊" * 12_000)),
        usage=Usage("m" * 100_000, 10**9, 10**9, 10**9),
        since="turn#" + "9" * 1000,
    )
    later = replace(fitted(turn), posted=("m_" + "a" * 118,) * 250, rating=-1)
    later = replace(later, links=replace(later.links, lifted_by="turn#" + "9" * 1000))
    assert item_size(later) < LARGEST_ITEM - 5_000
    assert size(later.text) + size(later.more) + size(later.reply.text) > 200_000


def test_half_of_an_emoji_is_no_hindrance() -> None:
    """A server may stream it in two halves, one of which is lost with the connection."""
    turn = make(text="a \udd8a", reply=Reply("cut \ud83e"))
    assert fitted(turn) == replace(turn, text="a ?", reply=Reply("cut ?"))
    assert fitted(make(reply=Reply("\ud83e" * 900_000))).reply.text.endswith("?…")


@pytest.mark.parametrize("text", ["x" * 5_000_000, "a\n\n" * 1_700_000, "```\n" * 1_200_000])
def test_a_cut_takes_no_time(text: str) -> None:
    assert processor_seconds(lambda: cut(text, MOST_STORED), enough=1) < 1
