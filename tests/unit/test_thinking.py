"""Thinking and answer, apart, however the text is cut (adapters/openai/thinking.py)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.adapters.openai.thinking import MOST_THINKING, Separator

# What a model writes, its answer (without white space around it), and what it thought.
TEXTS = [
    ("Hello", "Hello", ""),
    ("<think>hm</think>Hello", "Hello", "hm"),
    ("<think>\nhm\n</think>\n\nHello", "Hello", "\nhm\n"),
    ("<thinking>hm</thinking>\nHello", "Hello", "hm"),
    ("<reasoning>a < b, <p></reasoning>Hello", "Hello", "a < b, <p>"),
    ("<thought>hm</thought>Hello", "Hello", "hm"),
    ("[THINK]hm[/THINK]Hello", "Hello", "hm"),
    (" \n <THINK>hm</ThInK>Hello", "Hello", "hm"),
    ("hm</think>Hello", "Hello", "hm"),
    ("hm\n</think>\n\nHello", "Hello", "hm\n"),
    ("</think>Hello", "Hello", ""),
    ("hm\n</think>", "", "hm\n"),
    ("<think>hm", "", "hm"),
    ("<think>", "", ""),
    ("<think>hm</thi", "", "hm</thi"),
    ("Hello <thi", "Hello <thi", ""),
    ("Hello\n<thi", "Hello\n<thi", ""),
    ("<think>a</think>One\n<think>b</think>\nTwo", "One\n\nTwo", "ab"),
    ("<think>a</think>good <think>secret</think>answer", "good answer", "asecret"),
    ("<think>a</think>good\n<think>b</think>answer", "good\nanswer", "ab"),
    ("<think>a <think>b</think> c</think>Hello", "Hello", "a <think>b c"),
    ("<think>a</think>One.\n</think>\nTwo", "One.\n\nTwo", "a"),
    ("Okay. <think>secret</think>Hello", "Okay. Hello", "secret"),
    ("- <think>secret</think>Hello", "- Hello", "secret"),
    ("**<think>secret</think>**Hello", "****Hello", "secret"),
    ("> <think>\nsecret\n</think>Hello", "> Hello", "\nsecret\n"),
    ("Assistant: <think>\nsecret</think>Hello", "Assistant: Hello", "\nsecret"),
    # Never closed, and not at the start: a server has not cut it, so it is what the model says
    ("Good\n<think>but then", "Good\n<think>but then", ""),
    ("Tags:\n<reasoning>\n<answer>x", "Tags:\n<reasoning>\n<answer>x", ""),
    ("<think>a <think>b</think>Hello", "Hello", "a <think>b"),
    # Tags that are explained, not used
    ("The <think> tag opens it.", "The <think> tag opens it.", ""),
    ("The </think> tag closes it.", "The </think> tag closes it.", ""),
    ("Write `</think>` at the end.", "Write `</think>` at the end.", ""),
    ("Write `a</think>b` there.", "Write `a</think>b` there.", ""),
    ('Write "</think>".', 'Write "</think>".', ""),
    ("So:\n\n    <think>\n    hm\n\nYes", "So:\n\n    <think>\n    hm\n\nYes", ""),
    (
        "As code:\n```xml\n<think>\nhm</think>\n```\nSo.",
        "As code:\n```xml\n<think>\nhm</think>\n```\nSo.",
        "",
    ),
    ("~~~~\n```\n<think>x\n~~~~\n", "~~~~\n```\n<think>x\n~~~~", ""),
    ("```\na\n```\n<think>hm</think>Yes", "```\na\n```\nYes", "hm"),
    ("<thinker>no</thinker>", "<thinker>no</thinker>", ""),
    ("a < b <= c [think] d[1]", "a < b <= c [think] d[1]", ""),
    ("<div>\n<p>Hello</p>\n</div>", "<div>\n<p>Hello</p>\n</div>", ""),
    ("[a](b) [/c] <", "[a](b) [/c] <", ""),
]


def separated(pieces: list[str], holds_back: bool = False, cut: bool = False) -> Separator:
    separator = Separator(holds_back)
    for piece in pieces:
        separator.feed(piece)
    separator.finish(cut)
    return separator


@pytest.mark.parametrize("holds_back", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 1000])
@pytest.mark.parametrize(("text", "answer", "thinking"), TEXTS)
def test_however_it_is_cut(
    text: str, answer: str, thinking: str, size: int, holds_back: bool
) -> None:
    pieces = [text[n : n + size] for n in range(0, len(text), size)]
    found = separated(pieces, holds_back)
    assert (found.answer.strip(), found.thinking) == (answer, thinking)


PARTS: tuple[str, ...] = (
    "<think>",
    "</think>",
    "<THINKING>",
    "</thinking>",
    "[THINK]",
    "[/THINK]",
    "```",
    "`",
)
PARTS += ("\n", " ", "<", "</", ">", "a", "word ", "[", "~~~\n", "<p>")


@given(st.lists(st.sampled_from(PARTS), max_size=25), st.data(), st.booleans())
def test_cuts_change_nothing(parts: list[str], data: st.DataObject, holds_back: bool) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    ends = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(ends)]
    whole, cut = separated([text], holds_back), separated(pieces, holds_back)
    assert (cut.answer, cut.thinking) == (whole.answer, whole.thinking)


def test_a_block_that_was_cut_is_thinking_wherever_it_stands() -> None:
    found = separated(["Good\n<think>", "but then"], cut=True)
    assert (found.answer.strip(), found.thinking) == ("Good", "but then")


def test_a_tag_at_the_very_end_is_a_word_unless_the_model_thinks_unopened() -> None:
    text = "The closing tag is </think>"
    assert separated([text]).answer == text
    assert separated([text], holds_back=True).answer == ""


@pytest.mark.parametrize("pieces", [["<th", "ink>a</think>", "Hello"], ["\n<think>a</think>Hello"]])
def test_an_opening_tag_ends_the_holding_back(pieces: list[str]) -> None:
    separator = Separator(holds_back=True)
    for piece in pieces:
        separator.feed(piece)
    assert separator.answer.strip() == "Hello"


def test_thinking_that_the_server_separates_ends_the_holding_back() -> None:
    separator = Separator(holds_back=True)
    separator.feed("Hel")
    separator.think("secret")
    separator.feed("lo")
    assert separator.answer == "Hello"


@given(st.lists(st.sampled_from(PARTS), max_size=25))
def test_what_is_shown_only_grows_until_a_lone_closing_tag(parts: list[str]) -> None:
    """Also within a block: behind a block in a block there is one closing tag too many."""
    separator, before, closing = Separator(), "", False
    for part in parts:
        separator.feed(part)
        grown = separator.answer.startswith(before)
        closed = closing or part.lower() in ("</think>", "</thinking>", "[/think]")
        assert grown or separator.unopened or closed
        before, closing = separator.answer, part.lower() in ("</think>", "</thinking>", "[/think]")


def test_nothing_is_shown_while_it_is_held_back() -> None:
    separator = Separator(holds_back=True)
    for piece in ("I ", "think", " so.\n</thi", "nk>"):
        separator.feed(piece)
        assert separator.answer == ""
    separator.feed("\nYes")
    assert separator.answer.strip() == "Yes"
    assert separator.unopened


def test_what_was_cut_while_it_was_held_back_is_thinking() -> None:
    found = separated(["I think ", "so"], holds_back=True, cut=True)
    assert (found.answer, found.thinking) == ("", "I think so")
    assert separated(["I think ", "so"], holds_back=True).answer == "I think so"


def test_thinking_has_a_bound() -> None:
    separator = Separator()
    for _ in range(30):
        separator.think("x" * 7_000)
    assert len(separator.thinking) == MOST_THINKING
    found = separated(["<think>", *["y" * 60_000] * 5, "</think>Hello"])
    assert (found.answer, len(found.thinking)) == ("Hello", MOST_THINKING)
