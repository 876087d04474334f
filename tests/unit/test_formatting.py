"""Markdown in each platform's format: nothing lost, refused or unsafe."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from chatbot.channels.text import render
from chatbot.channels.text.entities import parts_of
from chatbot.channels.text.html import safe_html
from chatbot.channels.text.split import split_text, utf16_length
from chatbot.core.text import shows_nothing
from chatbot.core.turn import Part
from local.standins.contract import Contract
from local.standins.telegram_chats import check_text
from tests.entity_rules import check_entities
from tests.timing import processor_seconds

TELEGRAM = Contract("bot-api")
GRAPH = Contract("graph-api")
HTML_TAGS: dict[str, set[str]] = {
    **{tag: set() for tag in "br hr em strong s h1 h2 h3 h4 h5 h6 blockquote pre".split()},
    **{tag: set() for tag in "table thead tbody tr".split()},
    **{tag: {"class"} for tag in "p span th td".split()},
    "a": {"href", "rel", "target"},
    "ol": {"start", "class"},
    "ul": {"class"},
    "li": {"class"},
    "code": {"class"},
    "input": {"class", "disabled", "type", "checked"},
}
HTML_CLASSES = {"contains-task-list", "task-list-item", "task-list-item-checkbox", "math"}
HTML_CLASSES |= {"align-left", "align-center", "align-right"}


def on_telegram(markdown: str, limit: int = 4096) -> list[Part]:
    return parts_of(markdown, limit, utf16_length, formatting=True)


def on_messenger(markdown: str, limit: int = 2000) -> list[str]:
    return [part.text for part in parts_of(markdown, limit, len, formatting=False)]


def formatting(part: Part) -> list[tuple[str, str]]:
    """Return the formatted parts and their formats, in order."""
    units = part.text.encode("utf-16-le")
    formats = part.formatting
    found = sorted(formats, key=lambda each: (each["offset"], -each["length"], each["type"]))
    return [
        (
            each.get("url") or each.get("language") or each["type"],
            units[2 * each["offset"] : 2 * (each["offset"] + each["length"])].decode("utf-16-le"),
        )
        for each in found
    ]


class Shown(HTMLParser):
    """Parses HTML to text, and fails on everything that is not on the lists above."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in HTML_TAGS
        values = dict(attrs)
        assert set(values) <= HTML_TAGS[tag]
        classes = set((values.get("class") or "").split())
        assert all(name in HTML_CLASSES or name.startswith("language-") for name in classes)
        if tag == "a" and values:
            assert re.match("(https?|mailto):", values["href"] or "", re.IGNORECASE)
            assert values["rel"] == "nofollow noopener noreferrer"
            assert values["target"] == "_blank"
        if tag == "input":
            assert values["type"] == "checkbox"
            assert "disabled" in values
        if tag not in ("br", "hr", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError("neither a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("nor a declaration")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("nor an instruction")


SAMPLE = """# Title

Some *slanted*, **strong** and ~~gone~~ words, `code` and [a link](https://example.com/?a=1&b=2).

1. first
2. second
   - inner
- [x] done
- [ ] open

> a quote

```python
def f():
    return 1 < 2
```

| name | **price** |
|:-----|------:|
| tea<br>green | $5 [here](https://example.com/) |

---
the end"""

TELEGRAM_SAMPLE = """Title

Some slanted, strong and gone words, code and a link.

1. first
2. second
  • inner

☑ done
☐ open

a quote

def f():
    return 1 < 2

name      |                          price
----------+-------------------------------
tea green | $5 here (https://example.com/)

————————
the end"""


def test_a_sample_on_telegram() -> None:
    [part] = on_telegram(SAMPLE)
    assert lines(part.text) == lines(TELEGRAM_SAMPLE)
    code = "def f():\n    return 1 < 2"
    assert [(kind, words) for kind, words in formatting(part) if kind != "pre"] == [
        ("bold", "Title"),
        ("underline", "Title"),
        ("italic", "slanted"),
        ("bold", "strong"),
        ("strikethrough", "gone"),
        ("code", "code"),
        ("https://example.com/?a=1&b=2", "a link"),
        ("blockquote", "a quote"),
        ("python", code),
    ]


def test_a_sample_on_messenger() -> None:
    [text] = on_messenger(SAMPLE)
    expected = TELEGRAM_SAMPLE.replace("a link", "a link (https://example.com/?a=1&b=2)")
    table = expected[expected.index("name") : expected.index("———")]
    expected = expected.replace(table, "name: tea green\nprice: $5 here (https://example.com/)\n\n")
    assert lines(text) == lines(expected)


def test_a_sample_on_the_page() -> None:
    assert (
        Shown(safe_html(SAMPLE)).text.split()
        == (
            "Title Some slanted, strong and gone words, code and a link. first second inner done"
            " open a quote def f(): return 1 < 2 name price tea green $5 here the end"
        ).split()
    )


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("markdown", "telegram", "messenger", "html"),
    [
        ("42.", "42.", "42.", "<p>42.</p>"),
        ("```\n```", "```\n```", "```\n```", "<p>```<br>```</p>"),
        ("a\nb", "a\nb", "a\nb", "<p>a<br>\nb</p>\n"),
        (r"2 \* 3", "2 * 3", "2 * 3", "<p>2 * 3</p>\n"),
        (
            "List<int> <b>x</b>",
            *["List<int> <b>x</b>"] * 2,
            "<p>List&lt;int&gt; &lt;b&gt;x&lt;/b&gt;</p>\n",
        ),
        (r"$5-$10 or \$7", *["$5-$10 or $7"] * 2, "<p>$5-$10 or $7</p>\n"),
        ("a || b || c", *["a || b || c"] * 2, "<p>a || b || c</p>\n"),
        ("[1]: https://a.b", *["[1]: https://a.b"] * 2, "<p>[1]: https://a.b</p>"),
        ('[a](https://b.c "d")', *['[a](https://b.c "d")'] * 2, None),
        (
            "[a](https://б.в/г)",
            *("a", "a (https://б.в/г)"),
            '<p><a href="https://xn--90a.xn--b1a/%D0%B3" rel="nofollow noopener noreferrer" '
            'target="_blank">a</a></p>\n',
        ),
        ("[](https://b.c)", *["https://b.c"] * 2, None),
        ("```a b\nc\n```", *["```a b\nc\n```"] * 2, "<p>```a b<br>c<br>```</p>"),
        ("`&eacute;` &amp;", *["&eacute; &"] * 2, "<p><code>&amp;eacute;</code> &amp;</p>\n"),
        ("[a](/b)", "a (/b)", "a (/b)", "<p>a (/b)</p>\n"),
        ("[a](javascript:b)", *["a (javascript:b)"] * 2, "<p>a (javascript:b)</p>\n"),
        ("[a](tg://user?id=1)", *["a (tg://user?id=1)"] * 2, "<p>a (tg://user?id=1)</p>\n"),
        ("**[a](http://b)**", "a (http://b)", "a (http://b)", None),
        ("[a](mailto:b@c.d)", "a (b@c.d)", "a (b@c.d)", None),
        ("![a](https://b.c/d)", "🖼 a", "🖼 a (https://b.c/d)", None),
        ("<https://b.c>", "https://b.c", "https://b.c", None),
        ("注**意：**内", *["注意：内"] * 2, "<p>注<strong>意：</strong>内</p>\n"),
        ("注*「意」*内", *["注「意」内"] * 2, "<p>注<em>「意」</em>内</p>\n"),
        ("`x**(y)**注`", "x**(y)**注", "x**(y)**注", None),
        ("a\\<b> `\\<c>`", "a<b> \\<c>", "a<b> \\<c>", None),
        ("a<br>b", "a\nb", "a\nb", "<p>a<br>\nb</p>\n"),
        (r"a\<br\>b", "a<br>b", "a<br>b", "<p>a&lt;br&gt;b</p>\n"),
        ("`a<br>b`", "a<br>b", "a<br>b", "<p><code>a&lt;br&gt;b</code></p>\n"),
        (
            "```\n[a]: b\n|c|<br>\n```",
            "[a]: b\n|c|<br>",
            "[a]: b\n|c|<br>",
            "<pre><code>[a]: b\n|c|&lt;br&gt;\n</code></pre>\n",
        ),
        ("|a|b|\n|-|-|\n|c|d|e|", *["|a|b|\n|-|-|\n|c|d|e|"] * 2, None),
        ("a\ud83d", "a\ud83d", "a\ud83d", None),
    ],
)
def test_small_samples(markdown: str, telegram: str, messenger: str, html: str | None) -> None:
    def shown(texts: list[str]) -> str:
        return "\n".join(line.rstrip() for text in texts for line in text.splitlines())

    assert shown([part.text for part in on_telegram(markdown)]) == telegram
    assert shown(on_messenger(markdown)) == messenger
    if html is not None:
        assert safe_html(markdown) == html
    Shown(safe_html(markdown))


def test_formatting_goes_on_over_a_cut() -> None:
    first, second = on_telegram("**" + "word " * 5 + "[word word](https://a.b)**", 30)
    assert formatting(first) == [("bold", first.text), ("https://a.b", "word")]
    assert formatting(second) == [("bold", "word"), ("https://a.b", "word")]


def test_one_odd_paragraph_spoils_no_other() -> None:
    odd, code = "|a|\n|-|\n|**b**|c|", "```py\nd\n\n\ne\n```"
    markdown = f"**f**\n\n{odd}\n\n{code}\n\n- g\n\n  *h*"
    [part] = on_telegram(markdown)
    assert formatting(part) == [("bold", "f"), ("py", "d\n\n\ne"), ("italic", "h")]
    assert odd in part.text
    assert on_messenger(markdown) == [part.text]
    html = safe_html(markdown)
    assert "<p>|a|<br>|-|<br>|**b**|c|</p>" in html
    assert ["<strong>f</strong>" in html, "d\n\n\ne" in html, "<em>h</em>" in html] == [True] * 3


CODE = "\n".join(f"    if x{n}:\n        y()\n" for n in range(5))


@pytest.mark.parametrize("code", ["x", "x   ", "x\n\n", "x\n       "])
def test_code_that_ends_in_spaces_reaches_into_no_other_paragraph(code: str) -> None:
    odd = "```p)\n```"  # loses words, so that each paragraph is converted by itself
    [part] = on_telegram(f"{odd}\n\n```\n{code}\n```\n\n# Heading\n\n`a`")
    assert part.text == f"{odd}\n\nx\n\nHeading\n\na"
    check_entities(part.formatting)
    styles = [("bold", "Heading"), ("underline", "Heading")]
    assert formatting(part) == [("pre", "x"), *styles, ("code", "a")]


def test_a_code_block_that_fits_a_part_is_not_cut() -> None:
    limit = len(CODE) + 4
    parts = on_telegram(f"Words before.\n\n```py\n{CODE}\n```\nWords after.", limit)
    assert [formatting(part) for part in parts] == [[], [("py", CODE)], []]
    assert on_messenger(f"Words before.\n\n```py\n{CODE}\n```", limit) == ["Words before.", CODE]


def test_a_code_block_that_must_be_cut_is_reopened_and_keeps_its_indentation() -> None:
    parts = on_telegram(f"Words.\n```py\n{CODE}\n```", 60)
    assert len(parts) > 2
    inside = [words for part in parts for kind, words in formatting(part) if kind == "py"]
    assert inside == [part.text.removeprefix("Words.").strip("\n") for part in parts]
    kept = [line for words in inside for line in words.splitlines() if line.strip()]
    assert kept == [line for line in CODE.splitlines() if line.strip()]


@pytest.mark.parametrize("error", [ValueError, RecursionError])
def test_what_the_parser_fails_on_is_posted_as_it_is(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(render, "parse", fail)
    assert on_telegram("*a* b", 4) == [Part("*a*"), Part("b")]
    assert on_messenger("*a*") == ["*a*"]


@pytest.mark.parametrize(
    ("markdown", "telegram", "formats"),
    [
        (
            "1. Install it:\n   ```bash\n   pip install foo\n   ```\n2. Run it",
            "1. Install it:\npip install foo\n2. Run it",
            [("bash", "pip install foo")],
        ),
        ("- > a\n- b", "•\na\n• b", [("blockquote", "a")]),
        ("- a\n  > b\n\n  c", "• a\nb\n\nc", [("blockquote", "b")]),
        ("- # a\n  b", "• a\nb", [("bold", "a"), ("underline", "a")]),
        ("1. a\n   ### b\n   c", "1. a\nb\nc", [("bold", "b")]),
        ("- a\n\n      b\n- c", "• a\n\nb\n• c", [("pre", "b")]),
        ("- ```\n  a\n  ```", "•\na", [("pre", "a")]),
        ("- a\n  1. b\n     - c\n- d", "• a\n  1. b\n    • c\n• d", []),
        ("0. a\n1. b", "0. a\n1. b", []),
        ("12. 1 *a*\n13. 2", "12. 1 a\n13. 2", [("italic", "a")]),
        ("- [x] 1. *a*", "☑ 1. a", [("italic", "a")]),
        ("- [ ] a\n- [x] b\n1. [x] c", "☐ a\n☑ b\n☑ c", []),
        ("- - a", "• • a", []),
        ("- a\n\n  | b | c |\n  |---|--:|\n  | d | e |", "• a\n\nb | c\n--+--\nd | e", None),
        ("> a\n> > b\n> ```\n> c\n> ```", "a\nb\nc", [("blockquote", "a\nb\nc"), ("pre", "c")]),
        ("**a `b` c**", "a b c", [("bold", "a "), ("code", "b"), ("bold", " c")]),
        ("[a `b`](https://c.d)", "a b", [("https://c.d", "a b")]),
        ("# **a** *b*", "a b", [("bold", "a b"), ("underline", "a b"), ("italic", "b")]),
        ("[![a](https://b.c)](https://d.e)", "🖼 a (https://b.c)", None),
    ],
)
def test_blocks_keep_their_lines_and_entities_nest_as_telegram_wants(
    markdown: str, telegram: str, formats: list[tuple[str, str]] | None
) -> None:
    [part] = on_telegram(markdown)
    assert part.text == telegram
    check_entities(part.formatting)
    assert formats is None or formatting(part) == formats
    if "|" not in markdown:
        assert [re.sub(r" \(https://\S*\)", "", text) for text in on_messenger(markdown)] == [
            re.sub(r" \(https://\S*\)", "", telegram)
        ]


TABLE = (
    "| Name | *Price* | |\n|:--|--:|:-:|\n| **Tea** | $5 | a<br>b |\n| 茶 | | [c](https://d.e) |"
)


def test_a_table_is_written_as_each_channel_can_show_it() -> None:
    assert on_messenger(TABLE) == ["Name: Tea\nPrice: $5\na b\n\nName: 茶\nc (https://d.e)"]
    [part] = on_telegram(TABLE)
    assert formatting(part) == [("pre", part.text)]
    assert part.text.splitlines() == [
        "Name | Price |",
        "-----+-------+----------------",
        "Tea  |    $5 |       a b",
        "茶   |       | c (https://d.e)",
    ]
    html = safe_html(TABLE)
    assert [html.count(f'"align-{each}"') for each in ("left", "right", "center")] == [3, 3, 3]


def test_a_wide_table_has_a_block_for_each_row_on_telegram_too() -> None:
    [part] = on_telegram(f"|a|b|\n|-|-|\n|**c**|[{'d ' * 30}e](https://f.g)|\n|h|i|")
    assert part.text == f"a: c\nb: {'d ' * 30}e\n\na: h\nb: i"
    assert [kind for kind, _ in formatting(part)] == [*["bold"] * 3, "https://f.g", *["bold"] * 2]


def test_the_header_of_an_empty_column_is_not_lost() -> None:
    assert on_messenger("|a|b|\n|-|-|\n|c||\n|d||") == ["a: c\nb:\n\na: d"]


def test_long_headers_are_not_repeated() -> None:
    header = "a" * 60
    assert on_messenger(f"|{header}|b|\n|-|-|\n|c|d|\n|e|f|") == [f"{header}\nb\n\nc\nd\n\ne\nf"]


def test_too_large_for_the_page() -> None:
    markdown = "[a](http:b)" * 400 + "\n\n[c]: d"
    assert safe_html(markdown) == f"<p>{markdown}</p>".replace("\n\n", "</p><p>")
    assert "<a href" in safe_html("[a](http:b)" * 100 + "\n\n[c]: d")


def test_too_deep_for_the_page() -> None:
    assert Shown(safe_html("[" * 5000 + "a")).text.strip() == "[" * 5000 + "a"
    assert Shown(safe_html("> - " * 5000 + "a")).text == "> - " * 5000 + "a"


# None of these is in an address, the name of a language or a tag.
PIECES = [*"éøßжы日语𝒜", "ש", "กำ", "नि", "👩‍🚀", "🇺🇳", "👍🏽", "e\u0301"]
SEEN = set("".join(PIECES))
WORDS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)


def seen(text: str) -> str:
    return "".join(char for char in text if char in SEEN)


def inline(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        children.map("*{}*".format),
        children.map("**{}**".format),
        children.map("~~{}~~".format),
        children.map("[{}](https://t.ht/?p=_*_)".format),
        children.map("![{}](https://t.ht)".format),
        st.lists(children, min_size=2, max_size=4).map(" ".join),
        st.lists(children, min_size=2, max_size=4).map("".join),
        st.lists(children, min_size=2, max_size=3).map("\n".join),
    )


INLINE = st.recursive(st.one_of(WORDS, WORDS.map("`{}`".format)), inline, max_leaves=8)


def indented(mark: str, text: str) -> str:
    return mark + text.replace("\n", "\n" + " " * len(mark))


def block(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(children, min_size=1, max_size=3)
    return st.one_of(
        several.map("\n\n".join),
        several.map(lambda blocks: "\n".join(indented("- ", each) for each in blocks)),
        several.map(lambda blocks: "\n\n".join(indented("7. ", each) for each in blocks)),
        several.map(lambda blocks: "\n".join(indented("- [x] ", each) for each in blocks)),
        children.map(lambda text: re.sub("^", "> ", text, flags=re.MULTILINE)),
    )


CODE_LINES = st.lists(st.one_of(WORDS, WORDS.map("    {} | <b> $ || \\".format)), max_size=40)
BLOCKS = st.recursive(
    st.one_of(
        INLINE,
        WORDS.map("## {}".format),
        CODE_LINES.map(lambda code: "\n".join(["```py", *code, "```"])),
        st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4).map(
            lambda rows: "\n".join(
                ["| a | a |", "|---|--:|", *map("| {0[0]} | **{0[1]}** |".format, rows)]
            )
        ),
        st.just("---"),
    ),
    block,
    max_leaves=12,
)
MARKUP = r"""
    * ** _ __ ~~ ~ ` | || $ < > <b> </b> <!-- <https://t.ht> &amp; \ \* ! [ ]( ](https://t.ht) ](<)
    ]: # ) : ::: ^ = 1. - +
""".split()
BROKEN = st.lists(
    st.one_of(
        WORDS,
        st.sampled_from(
            [*MARKUP, " ", "\n", "\n\n", "    ", "\t", "\n> ", "\n- ", "\n# ", "\n---\n"]
        ),
        st.sampled_from(
            ["\n```py\n", "\n~~~\n", "\n| ", " | ", "\n|--|--|\n", "\n|:-|\n", "\n===\n"]
        ),
    ),
    max_size=40,
).map("".join)


def check_all(markdown: str, limit: int) -> None:
    """Check all rules that hold for any Markdown."""
    parts = on_telegram(markdown, limit)
    texts = on_messenger(markdown, limit)
    for part in parts:
        entities = [dict(entity) for entity in part.formatting]
        call = {"chat_id": 1, "text": part.text, "entities": entities}
        TELEGRAM.params("sendMessage", call, encoded=False)
        check_text(part.text, entities, limit)
        check_entities(entities)
        assert part.text.strip()
    for text in texts:
        message = {
            "recipient": {"id": "1"},
            "messaging_type": "RESPONSE",
            "message": {"text": text},
        }
        GRAPH.params("POST messages", message, encoded=False)
        assert 0 < len(text) <= limit
        assert text.strip()
    html = safe_html(markdown)
    assert bool(parts) == bool(texts) == (not shows_nothing(markdown))
    assert (on_telegram(markdown, limit), safe_html(markdown)) == (parts, html)
    everything = seen(markdown)
    assert seen(Shown(html).text) == everything
    for shown in ("".join(part.text for part in parts), "".join(texts)):
        if {*"|-"} <= {*markdown}:  # headers of tables may be repeated
            assert Counter(seen(shown)) >= Counter(everything)
        else:
            assert seen(shown) == everything


@given(BLOCKS, st.sampled_from([20, 60, 4096]))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_nested_markdown_arrives_whole(markdown: str, limit: int) -> None:
    check_all(markdown, limit)


@given(BROKEN, st.sampled_from([20, 60, 4096]))
@example("[é]: é", 20)
@example("\n| é\n---\né | é", 20)
def test_broken_markdown_arrives_whole(markdown: str, limit: int) -> None:
    check_all(markdown, limit)


@pytest.mark.long
@given(BLOCKS)
@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
def test_huge_markdown_arrives_whole(markdown: str) -> None:
    assume(markdown.strip())
    check_all("\n\n".join([markdown] * (20_000 // (len(markdown) + 2) + 1)), 2000)


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_taken(text: str) -> None:
    for part in on_telegram(text, 30):
        check_text(part.text, [dict(entity) for entity in part.formatting], 30)
        assert part.text.strip()
    assert all(0 < len(part) <= 30 for part in on_messenger(text, 30))
    Shown(safe_html(text))


EVIL = """<script>alert(1)</script> <img src=x onerror=alert(1)> javascript:alert(1) [x]( ) [
    ](javascript: ](JaVaScRiPt: ](data:text/html, ](vbscript: ](//e.e ](https://e.e" onclick="x
    &lt;script&gt; ` ``` | |--| <!-- --> <svg/onload=x> ![ "title<br>" <br> </code> &#106;avascript:
    <a href=" '>" \x00 - [x] 1. > # * ** ~~ </p>
""".split()


@given(st.lists(st.sampled_from([*EVIL, " ", "\n", "\n\n"]), max_size=30).map("".join))
def test_no_html_but_ours(markdown: str) -> None:
    Shown(safe_html(markdown))


@given(st.lists(WORDS, max_size=60).map(" ".join), st.integers(20, 60))
def test_words_without_markup_are_split_as_before(text: str, limit: int) -> None:
    assert [part.text for part in on_telegram(text, limit)] == split_text(text, limit, utf16_length)
    assert on_messenger(text, limit) == split_text(text, limit)


@pytest.mark.parametrize(
    "unit",
    ["*", "**a ", "[", "![", "[a](b) ", "> ", "`", "```\n", "|", "<", "\\", "_a ", "- ", "$", "\n",
     "| [a](b) |\n", "|-", "[a]: b\n", "~a~ ", "||a", "**注：**意", "> - ", "+ ", "- > 1. ", "$$\n",
     "\\[\n", "\\(", "$a ", "https://", "https://a.b/(", "www.", "a@", "x://[", "http://a)", "a_",
     "&#8203;", "<br>", "**`a` b** ", "🇦", "क्", "- ```\n", "|a|\n|-|\n|\n\n"],
)  # fmt: skip
@pytest.mark.parametrize("form", [on_telegram, on_messenger, safe_html])
@pytest.mark.long
def test_no_input_takes_long(unit: str, form: Callable[[str], object]) -> None:
    text = unit * (16_384 // len(unit)) + "x"
    assert processor_seconds(lambda: form(text), enough=3) < 3


LAZY = "> " * 30 + "a\n" + "b\n" * 2000
WIDE = "|a" * 500 + "|\n" + "|-" * 500 + "|\n" + "|\n" * 2000
LONG = f"|{'a' * 5000}|b|\n|-|-|\n" + "|a|b|\n" * 500
DEEP = "".join("  " * depth + "- a\n" for depth in range(100))


@pytest.mark.long
@pytest.mark.parametrize("markdown", [LAZY, WIDE, LONG, DEEP, "> - " * 4096 + "x", "+ " * 40 + "x"])
def test_neither_time_nor_length_grow_faster_than_the_source(markdown: str) -> None:
    shown = [part.text for part in on_telegram(markdown)] + on_messenger(markdown)
    html = safe_html(markdown)
    for form in (on_telegram, on_messenger, safe_html):
        assert processor_seconds(partial(form, markdown), enough=3) < 3
    assert sum(map(len, shown)) < 4 * len(markdown)
    assert len(html) < 12 * len(markdown)
