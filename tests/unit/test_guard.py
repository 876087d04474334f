"""What shows that a conversion kept all words, the gaps between them, and all addresses."""

from __future__ import annotations

import pytest

from chatbot.channels.text.entities import parts_of
from chatbot.channels.text.guard import keeps_words
from chatbot.channels.text.html import safe_html
from chatbot.channels.text.split import utf16_length

STEPS = "1. Install it:\n   ```bash\n   pip install foo\n   ```\n2. Run it"


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        (STEPS, "Install it:\npip install foo\nRun it"),
        ("one.\n\nTwo", "one.\nTwo"),
        ("a<br>b", "a\nb"),
        ("**a** *b*", "a b"),
        ("|a|b|\n|-|-|\n|c|d|", "a | b\nc | d"),
        ("[a](https://b.c) d", "a (https://b.c) d"),
        ("x &#97;b", "x ab"),
        ("a&amp;b c", "a&b c"),
        ("a - b", "a - b"),
        ("1. a\n2. b", "a\nb"),
        ("`a` and `b`", "a and b"),
        ("`a<br><br>b`", "a<br><br>b"),
        ("[a](https://b.c/x)[d](https://e.f/y)", "a (https://b.c/x)d (https://e.f/y)"),
        ("[a](https://b.c/x_(y))z", "a (https://b.c/x_(y))z"),
        ("a](https://b.c/x)z", "a](https://b.c/x)z"),
    ],
)
def test_what_is_kept(markdown: str, shown: str) -> None:
    assert keeps_words(markdown, shown)


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        (STEPS, "Install it:pip install foo\nRun it"),
        (STEPS, "Install it:\npip install fooRun it"),
        ("one.\n\nTwo", "one.Two"),
        ("one.\n\nTwo\n\nTwo", "one.Two\n\nTwo"),
        ("(a)\n(b)", "(a)(b)"),
        ("a<br>b", "ab"),
        ("a: <br> b", "a:b"),
        ("[a](https://b.c) d\ne", "a (https://b.c) d.e"),
        ("a b", "a"),
        ("a b", "b a"),
        ("a", ""),
        ("[a](https://b.c/d_e)", "a https://b.c/de"),
        ("[a](https://b.c/d-e) [a](https://b.c/d-e)", "a https://b.c/d-e a https://b.c/d+e"),
    ],
)
def test_what_is_not(markdown: str, shown: str) -> None:
    assert not keeps_words(markdown, shown)


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        (
            "1. Install the package\n   ```bash\n   pip install foo\n   ```\n2. Run it",
            '<ol>\n<li>Install the package<pre><code class="language-bash">pip install foo\n'
            "</code></pre>\n</li>\n<li>Run it</li>\n</ol>\n",
        ),
        (
            "- a\n  > b\n- c",
            "<ul>\n<li>a\n<blockquote>\n<p>b</p>\n</blockquote>\n</li>\n<li>c</li>\n</ul>\n",
        ),
        ("- a\n  # b\n  c", "<ul>\n<li>a\n<h1>b</h1>\nc</li>\n</ul>\n"),
        ("- a\n  $$\n  b\n  $$", '<ul>\n<li>a<p class="math">$$\nb\n$$</p>\n</li>\n</ul>\n'),
        (
            "> - a\n>   ```\n>   b\n>   ```",
            "<blockquote>\n<ul>\n<li>a<pre><code>b\n</code></pre>\n</li>\n</ul>\n</blockquote>\n",
        ),
        ("---", "<hr>\n"),
        ("|a|\n|-|\n|b|c|\n\n---\n\nd", "<p>|a|<br>|-|<br>|b|c|</p><hr>\n<p>d</p>\n"),
    ],
)
def test_blocks_are_blocks_on_the_page(markdown: str, html: str) -> None:
    assert safe_html(markdown) == html


LINKS = [
    ("Fact **b** [1](https://a.bc/x)[2](https://d.ef/y).", ["https://a.bc/x", "https://d.ef/y"]),
    ("[a](https://a.bc/x)—**b**", ["https://a.bc/x"]),
    ("[a](https://a.bc/x)-[c](https://d.ef/y)", ["https://a.bc/x", "https://d.ef/y"]),
    ("[a](https://a.bc/x)/[c](https://d.ef/y)", ["https://a.bc/x", "https://d.ef/y"]),
    ("![i](https://a.bc/x)![j](https://d.ef/y)", ["https://a.bc/x", "https://d.ef/y"]),
    ("[a](https://a.bc/x)'s", ["https://a.bc/x"]),
    ("[a](https://a.bc/x)text", ["https://a.bc/x"]),
    ("[a](https://a.bc/x)(note)", ["https://a.bc/x"]),
    ("[a](https://a.bc/x)[note]", ["https://a.bc/x"]),
    ("[a](https://a.bc/x_(y))[b](<https://d.ef/y>)z", ["https://a.bc/x_(y)", "https://d.ef/y"]),
    ("[a](https://a.bc/?u=https://g.hi/k)*b*", ["https://a.bc/?u=https://g.hi/k"]),
    ("[https://a.bc](https://a.bc) *b*", ["https://a.bc"]),
    ("*b* (https://d.ef/x_y)[2](https://a.bc)", ["https://a.bc"]),
    ("https://d.ef/x[y]/![z](https://a.bc)", ["https://a.bc"]),
    ("https://d.ef/x|[**z**](https://a.bc)", ["https://a.bc"]),
    ("[a](https://a.bc/x|y)**b**", ["https://a.bc/x%7Cy"]),
    (
        "".join(f"[{n}](https://a.bc/{n})" for n in range(300)),
        [f"https://a.bc/{n}" for n in range(300)],
    ),
]


@pytest.mark.parametrize(("markdown", "addresses"), LINKS)
def test_links_next_to_each_other_are_links(markdown: str, addresses: list[str]) -> None:
    html = safe_html(markdown)
    assert [html.count(f'<a href="{address}"') for address in addresses] == [1] * len(addresses)
    parts = parts_of(markdown, 4096, utf16_length, formatting=True)
    linked = [entity["url"] for part in parts for entity in part.formatting if "url" in entity]
    assert [str(address).replace("|", "%7C") for address in linked] == addresses
    messenger = "".join(part.text for part in parts_of(markdown, 9999, len, formatting=False))
    assert "](" not in messenger
    assert "*" not in messenger


def test_a_link_whose_words_are_its_address_is_shown_once() -> None:
    for markdown, shown in [
        ("[https://a.bc](https://a.bc) *b*", "https://a.bc b"),
        ("[me@x.org](mailto:me@x.org) *b*", "me@x.org b"),
        ("![https://a.bc](https://a.bc) *b*", "🖼 https://a.bc b"),
    ]:
        [part] = parts_of(markdown, 2000, len, formatting=False)
        assert part.text == shown
        [part] = parts_of(markdown, 4096, utf16_length, formatting=True)
        assert part.text == shown
        assert "<em>b</em>" in safe_html(markdown)
