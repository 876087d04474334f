"""Addresses and formulas arrive without any change; addresses are links."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.channels.text.entities import parts_of
from chatbot.channels.text.html import safe_html
from chatbot.channels.text.split import most_posts, utf16_length
from tests.entity_rules import check_entities

ADDRESSES = [
    "https://example.org/pkg/__init__.py?v=_a_*b*",
    "https://en.wikipedia.org/wiki/Set_(mathematics)",
    "https://a.b/~~x~~/**y**/_z_",
    "http://localhost:8000/__x__",
    "https://a.b/?q=[1]&r=$5$&s=%20",
    "https://a.b/?x[]=1&y={z}#a-b_c_",
    "www.example.org/a_b_c",
    "ftp://a.b/_c_",
    "s3://bucket/a_b_c*",
    "first_last+tag@mail.example.org",
    "https://б.в/г_д_",
]
FORMULAS = [
    r"\(x_1 + x_2\)",
    r"\[ y \\ z \]",
    r"$a*b*c$",
    r"$\alpha_{i}*\beta_{j}*$",
    r"$$ \sum_{i=1}^n x_i * y_i * z_i $$",
    "$`a_b_c`$",
    "\\[\na\n=\nb\n- c\n\\]",
    "$$\na_1\n\n+ b_1\n$$",
]


def texts(markdown: str) -> list[str]:
    """The text that each channel shows, whole."""
    html = unescape(re.sub("<[^>]*>", "", safe_html(markdown).replace("<br>\n", "\n")))
    telegram = parts_of(markdown, 4096, utf16_length, formatting=True)
    messenger = parts_of(markdown, 2000, len, formatting=False)
    return [html, *("".join(part.text for part in parts) for parts in (telegram, messenger))]


def links(markdown: str) -> list[str]:
    return [unescape(link) for link in re.findall('<a href="([^"]*)"', safe_html(markdown))]


@pytest.mark.parametrize(
    "around", ["see {}", "{}", "*{}*", "**{}** a", "- {}\n- b", "> ({})", "“{}”"]
)
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_arrives_unchanged(address: str, around: str) -> None:
    markdown = around.format(address)
    marks = {"*{}*": "*", "**{}** a": "**"}.get(around, "")
    for text in texts(markdown):
        assert address.removesuffix("*") in text
        assert marks + address not in text or not marks


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("see https://a.b/c.", ["https://a.b/c"]),
        ("(https://a.b/c_(d))", ["https://a.b/c_(d)"]),
        ("https://a.b/c), https://a.b/d?!", ["https://a.b/c", "https://a.b/d"]),
        ("**https://a.b/c**", ["https://a.b/c"]),
        ("https://a.b/_c_*d*", ["https://a.b/_c_*d*"]),
        ("*x* https://a.b/c*", ["https://a.b/c"]),
        (r"https://a.b/c\_d\_", ["https://a.b/c_d_"]),
        ("www.a.b/c_d", ["http://www.a.b/c_d"]),
        ("write to a_b@c.de!", ["mailto:a_b@c.de"]),
        ("请看https://a.b/c。然后", ["https://a.b/c"]),
        ("[https://a.b/c_d](https://a.b/c_d)", ["https://a.b/c_d"]),
        ("[a https://b.c d](https://a.b)", ["https://a.b"]),
        ("`https://a.b`", []),
        ("![https://a.b](https://a.b/c)", ["https://a.b/c"]),
        ("[![a](https://a.b/c)](https://a.b)", ["https://a.b"]),
        ("ftp://a.b javascript://a.b file://a tg://b", []),
        ("http:// https://. www. a@b @c", []),
        ("|a|b|\n|-|-|\n|https://a.b/c_d|x|", ["https://a.b/c_d"]),
        ("https://a.b/c…", ["https://a.b/c"]),
        ("https://a.b/c&hellip; d", ["https://a.b/c"]),
        ("https://a.b/?c=d&amp;&lt;.", ["https://a.b/?c=d"]),
        ("https://a.b/?c=&copy=1", ["https://a.b/?c=&copy=1"]),
        ("https://a.b/c|d e", ["https://a.b/c%7Cd"]),
        ("https://a.b/c| d", ["https://a.b/c"]),
        ("(https://a.b/c)[2](https://d.e)", ["https://a.b/c", "https://d.e"]),
        ("https://a.b/c?[d]&![2](https://d.e)", ["https://a.b/c?%5Bd%5D&", "https://d.e"]),
        ("|a|b|\n|-|-|\n|https://a.b/c\\|d|x|", ["https://a.b/c%7Cd"]),
    ],
)
def test_addresses_are_links_on_the_page(markdown: str, found: list[str]) -> None:
    assert links(markdown) == found


@pytest.mark.parametrize("markdown", ["https://a.b/c_d", "www.a.b", "a@b.de", "<https://a.b/c>"])
def test_telegram_makes_links_of_addresses_itself(markdown: str) -> None:
    [part] = parts_of(markdown, 4096, utf16_length, formatting=True)
    assert (part.text, part.formatting) == (markdown.strip("<>"), ())


@pytest.mark.parametrize("around", ["so {} is", "- {}", "> {}", "**a** {} *b*", "1. a\n   {}"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_keeps_every_character(formula: str, around: str) -> None:
    if "\n" in formula:
        around = around.replace(" {}", "\n{}") if around.startswith(("so", "**")) else "x\n{}\ny"
        around = around.replace("{} ", "{}\n")
    markdown = around.format(formula)
    for text in texts(markdown):
        assert formula in text
    assert safe_html(markdown).count('class="math"') == 1


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("$5 and $6", "$5 and $6"),
        ("from $5 *to* $10", "from $5 to $10"),
        ("US$5 or CA$6", "US$5 or CA$6"),
        ("costs $5 or `$x`", "costs $5 or $x"),
        (r"\$a *b* c$", "$a b c$"),
        (r"\\(a *b*\\)", r"\(a b\)"),
        (r"`\(a\)` and \( *b*", r"\(a\) and ( b"),
        ("$$ *a*", "$$ a"),
    ],
)
def test_what_is_no_formula(markdown: str, shown: str) -> None:
    assert {text.strip() for text in texts(markdown)} == {shown}
    assert "math" not in safe_html(markdown)


def test_an_open_formula_ends_with_its_item_and_at_a_blank_line() -> None:
    for markdown in ("- \\[\n  a\n- *b*\n\n\\]", "\\[ a\n\n*b* \\]"):
        assert "<em>b</em>" in safe_html(markdown)


WORDS = st.integers(0, 99).map("w{}".format)
GAPS = st.sampled_from(
    [" ", "\n", "\n\n", "\n- ", "\n> ", "\n1. ", "\n## ", " \\\n", "<br>", "\n\n---\n\n", "\n+ - "]
)
WRAPPERS = st.sampled_from(
    ["{}", "*{}*", "**{}**", "~~{}~~", "`{}`", "[{}](https://t.ht/_a_)", "_{}_"]
)


@given(
    st.lists(st.tuples(WORDS, WRAPPERS, GAPS), min_size=1, max_size=30), st.sampled_from([30, 4096])
)
def test_no_word_is_lost_or_grows_into_another(
    items: list[tuple[str, str, str]], limit: int
) -> None:
    markdown = "".join(wrapper.format(word) + gap for word, wrapper, gap in items)
    words = [word for word, _, _ in items]
    html = re.sub("<[^>]*>", "", safe_html(markdown))
    telegram = parts_of(markdown, limit, utf16_length, formatting=True)
    messenger = parts_of(markdown, limit, len, formatting=False)
    shown = [html, *("\n".join(part.text for part in parts) for parts in (telegram, messenger))]
    for text in shown:
        assert re.findall(r"(?<![A-Za-z0-9])w\d+(?![A-Za-z0-9])", text) == words


@given(
    st.lists(
        st.one_of(
            st.sampled_from([*ADDRESSES, *(each for each in FORMULAS if "\n" not in each)]),
            st.sampled_from(
                ["*a*", "**b** _c_", "`d`", "e", "~~f~~", "[g](https://t.ht)", "1 < 2"]
            ),
        ),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from([" ", "\n", "\n\n", "\n- ", "\n> "]),
)
def test_addresses_and_formulas_arrive_unchanged_among_others(items: list[str], gap: str) -> None:
    for text in texts(gap.join(items)):
        at = 0
        for item in items:
            if item in FORMULAS or item in ADDRESSES:
                at = text.index(item.rstrip("*_"), at) + 1


@pytest.mark.long
@given(st.integers(90, 400), st.sampled_from(["[a](https://b.c/{}) ", "**a{}** ", "`a{}` *b* "]))
def test_no_link_is_beyond_the_hundredth_entity(count: int, unit: str) -> None:
    markdown = "".join(unit.format(number) for number in range(count))
    parts = parts_of(markdown, 4096, utf16_length, formatting=True)
    for part in parts:
        check_entities(part.formatting)
    entities = [entity for part in parts for entity in part.formatting]
    written, most = count * (2 if "*b*" in unit else 1), most_posts(markdown, 4096)
    assert len(parts) <= most
    if not entities:  # more links than the posts can have: shown as it is
        assert count > 100
        assert "]" in unit
        assert " ".join(part.text for part in parts).split() == markdown.split()
        return
    assert len(entities) == written or written > 100 * most
    kept = [entity["url"] for entity in entities if "url" in entity]
    assert kept == [f"https://b.c/{number}" for number in range(count if "]" in unit else 0)]
    assert (
        " ".join(part.text for part in parts).split()
        == re.sub(
            r"\[a\]\([^)]*\)|[*`]", lambda match: "a" if match[0][0] == "[" else "", markdown
        ).split()
    )
