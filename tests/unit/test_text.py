"""What nobody can see is an empty text; what people wrote is shown as it is in Markdown."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.channels.text.entities import parts_of
from chatbot.channels.text.html import safe_html
from chatbot.channels.text.split import utf16_length
from chatbot.core.markdown import (
    closed,
    escaped,
    shortened,
    shortened_markdown,
    unfinished,
)
from chatbot.core.text import shows_nothing
from tests.timing import processor_seconds


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " \n\t",
            "\u200b",
            "\ufeff",
            "\u00a0\u3000",
            "\u200d\u200c\u2060",
            "\u200e\u200f\u202a",
        ),
        *("\u3164", "\uffa0", "\u115f\u1160", "\u2800", "\ufe0f", "\U000e0101", "\u00ad", "\u034f"),
        *(
            "\u17b4\u17b5",
            "\u180b\u180e",
            "\u061c",
            "\U000e0001",
            "\U000e0041",
            "\u2028\u2029",
            "\x00\x1b",
        ),
        "\U0001d159 \u2800\n\u3164",
    ],
)
def test_what_nobody_can_see_is_no_answer(text: str) -> None:
    assert shows_nothing(text)
    assert parts_of(text, 4096, utf16_length, formatting=True) == []
    assert parts_of(text, 2000, len, formatting=False) == []


@pytest.mark.parametrize(
    "text", ["a", ".", "\u200b!", "👍\ufe0f", "\u0301", "\ue000", "\U0001fae9", "ᄀ"]
)
def test_what_somebody_can_see_is_one(text: str) -> None:
    assert not shows_nothing(text)
    assert parts_of(text, 4096, utf16_length, formatting=True)


def test_an_entity_that_shows_nothing_is_posted_as_it_is_written() -> None:
    assert [part.text for part in parts_of("&#8203;", 10, len, formatting=True)] == ["&#8203;"]


EVIL = "**[x](https://evil.example)** _a_ `b` # > - | ~ $"


def shown(markdown: str) -> list[str]:
    """Return the text of each channel, without word joiners; nothing is formatted or a link."""
    telegram = parts_of(markdown, 4096, utf16_length, formatting=True)
    assert not any(part.formatting for part in telegram)
    html = safe_html(markdown)
    html = re.sub("</?p>", "", html.replace("<br>\n", "\n").replace("</p>\n<p>", "\n\n"))
    assert "<" not in html
    messenger = parts_of(markdown, 2000, len, formatting=False)
    texts = ["".join(part.text for part in parts) for parts in (telegram, messenger)]
    return [text.replace("\u2060", "") for text in (unescape(html).strip("\n"), *texts)]


@pytest.mark.parametrize(
    "words",
    [
        *(
            EVIL,
            "2*3*4 = ? and __init__",
            "a\n# b\n> c\n- d\n+ e\n1. f\n2) g\n===\n---",
            "```\na\n```",
            "~~~\na",
        ),
        *(
            "    code\n\ta\n\n    b",
            r"\(a\) \[b\] $c$ $$d$$",
            "\\[\na\n\\]",
            "|a|b|\n|-|-|\n|c|d|",
            "a<br>b",
        ),
        *(
            "&amp; &#42; &copy",
            "<https://a.b/c_d> <b>",
            "[a]: https://b.c\n[a]",
            "![a](https://b.c)",
        ),
        *(
            r"\* \\* a\\",
            "https://a.b/c&hellip; https://a.b/d&lt;",
            "https://a.b/_c_?d=[1]&e=*f*",
            "a_b@c.de *",
            "- [x] a",
            "~~a~~",
            "a\\\nb",
            "注**意：**内",
        ),
    ],
)
def test_peoples_words_are_shown_as_they_are(words: str) -> None:
    for text in shown(escaped(words)):
        assert text.splitlines() == words.splitlines() or text == words.strip()
    for text in shown(f"a\n\nYou: {escaped(words)}!\n\nb"):
        assert words.strip() in text or words in text


@given(
    st.lists(st.sampled_from([*"*_`~$|<>&[]()#+-=.!\\ \n1ab", "\n\n", "```", "$$"]), max_size=30)
)
def test_no_words_format_anything(pieces: list[str]) -> None:
    words = "".join(pieces)
    assert all(text.split() == f"a: {words} b".split() for text in shown(f"a: {escaped(words)} b"))


@pytest.mark.parametrize(
    ("markdown", "whole"),
    [
        ("a", "a"),
        ("```py\na", "```py\na\n```"),
        ("````\n```", "````\n```\n````"),
        ("~~~\n```", "~~~\n```\n~~~"),
        ("```\na\n```", "```\na\n```"),
        ("```\na\n``` b", "```\na\n``` b\n```"),
        ("1. a\n   ```\n   b", "1. a\n   ```\n   b\n   ```"),
        ("- ```\n  b", "- ```\n  b\n  ```"),
        ("> ```\n> b", "> ```\n> b\n> ```"),
        ("```a`b", "```a`b"),
        ("\\[\na", "\\[\na\n\\]"),
        ("$$\na\n\nb", "$$\na\n\nb\n$$"),
        ("$$\na\n$$", "$$\na\n$$"),
        ("$$ is money", "$$ is money"),
    ],
)
def test_code_and_formulas_are_closed(markdown: str, whole: str) -> None:
    assert closed(markdown) == whole
    assert safe_html(f"{closed(markdown)}\n\n*end*").count("<em>end</em>") == 1


@pytest.mark.parametrize(
    ("markdown", "cut"),
    [
        ("a b", "a b…"),
        ("```py\na", "```py\na\n```\n…"),
        ("```py\na\n```\n", "```py\na\n```\n…"),
        ("see https://a.b/c", "see https://a.b/c…"),
    ],
)
def test_an_answer_that_breaks_off_says_so_outside_of_its_code(markdown: str, cut: str) -> None:
    assert unfinished(markdown) == cut


def test_a_cut_is_at_a_space_and_not_within_an_emoji() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("a👍🏽👍🏽", 4) == "a👍🏽…"
    assert shortened("👩‍👩‍👧‍👦" * 9, 5) == "👩…"
    assert shortened_markdown("see https://a.b/cd", 12) == "see https:/…"
    assert shortened_markdown("please see it: https://a.b/cd", 24) == "please see it:…"
    assert shortened_markdown("```\na b\n```\nc", 9) == "```\na b\n```\n…"
    assert shortened_markdown("```\na", 9) == "```\na\n```"


@pytest.mark.parametrize(
    "unit", ["`", "```\n", "> ", "1. ", "$$\n", " ", "a\n", "\u0301", "- ```\n"]
)
def test_neither_takes_long(unit: str) -> None:
    text = unit * (50_000 // len(unit))

    def all_of_them() -> None:
        escaped(text), closed(text), unfinished(text), shortened(text, 40_000), shows_nothing(text)

    assert processor_seconds(all_of_them, enough=1) < 1
