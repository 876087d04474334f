"""Generate texts of links, code, formulas, entities and HTML, whole and broken."""

from __future__ import annotations

import random

from tests.hostile.filling import filled, until


def links(rng: random.Random, size: int, turn: int) -> str:
    """Links and pictures of all forms, whole and broken, and definitions."""
    address = rng.choice(
        (
            "https://example.org/a_b*c",
            "javascript:alert(1)",
            "http://[::1]/",
            "https://e.x/?q=%00%zz",
            "https://e.x/" + "(" * rng.choice((1, 30)),
            "https://e.x/" + "a" * rng.choice((100, 3_000)),
            "mailto:a@b.c",
            "data:text/html,<b>",
            "//e.x",
            "www.e.x",
            "https://münchen.example/ä",
            "<https://e.x/ b>",
            "",
        )
    )
    forms = (
        f"[a]({address})",
        f"[{address}]({address})",
        f"![a]({address} 'title')",
        f"[![a]({address})]({address})",
        f"<{address}>",
        address + " ",
        f"[a][b]\n\n[b]: {address}\n\n",
        f"[a]: {address}\n",
        "[" * rng.choice((1, 50)) + f"a]({address})",
        f"[a]({address}" + rng.choice(("", ")", " ", "\n")),
        "![](" + "a@b.c ",
        "[a](" * 3,
        "]" * 5 + "[",
    )
    unit = "".join(rng.sample(forms, rng.choice((1, 1, 2, 3))))
    return filled(unit, size)


def code(rng: random.Random, size: int, turn: int) -> str:
    """Code between fences that do not match, and spans of code with ever more marks."""
    if rng.random() < 0.3:
        lines = ["`" * (n % 80 + 1) + rng.choice(("a", "", " ", "\n")) for n in range(size)]
        return "".join(until(lines, size))
    fence = rng.choice(
        ("```", "~~~", "````", "`" * 40, "``` py", "~~~a~b", "  ```", "- ```", "> ~~~")
    )
    inner = rng.choice(("a", "", "*a*\n\n* b", "| a |\n|-|", "    x", "\t", "<b>", "```", "\\("))
    close = rng.choice((fence.strip(" ->py"), "", "``", "~~~~", "```` x"))
    return filled(f"{fence}\n{inner}\n{close}\n{rng.choice(('', chr(10), 'words'))}", size)


def formulas(rng: random.Random, size: int, turn: int) -> str:
    openings = ("$", "$$", "\\(", "\\[", "$$\n", "\\[\n", "\\\\(", "> $$\n", "- \\[\n")
    opening = rng.choice(openings)
    closing = rng.choice(("$", "$$", "\\)", "\\]", "\n$$", "\n\\]\n", "", "$ $", "\\"))
    inner = rng.choice(
        ("x_1 * y_2", "{" * 30, "\\frac{a}{b}", "\n", "\n\n", "`a`", "5", "\\$", "😀")
    )
    return filled(f"{opening}{inner}{closing}{rng.choice(('', ' ', 'a', chr(10)))}", size)


def entities(rng: random.Random, size: int, turn: int) -> str:
    forms = (
        "&amp;&lt;&#0;&#xD800;&#x110000;&#x1F600;&nosuch;&;&#;&#x;&copy;&CounterClockwiseContour"
        "Integral;&#9999999999;&#x0000041;&bsemi;&lt;br&gt;&nbsp;&zwnj;&#8238;&#10;&#x7f;&amp;amp;"
    ).split(";")
    unit = "".join(
        rng.choice(forms) + rng.choice((";", ";", "", ";;")) for _ in range(rng.choice((1, 3, 9)))
    )
    return filled(unit + rng.choice(("", " ", "\n", "a")), size)


def html(rng: random.Random, size: int, turn: int) -> str:
    forms = (
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<br>",
        "<BR / >",
        "<br",
        "<!-- a --",
        "<![CDATA[",
        "<?php ",
        "</p></div></body>",
        "<a href='javascript:x'>",
        "<" * 50,
        "<a " * 10,
        '"><svg/onload=x>',
        "<b>\n\n</b>",
        "<details><summary>a\n",
        "<table><tr><td>",
        "<x:y@z.w>",
        "&lt;script&gt;",
    )
    unit = "".join(rng.sample(forms, rng.choice((1, 1, 2, 4))))
    return filled(unit + rng.choice(("", "\n", " ", "\n\n")), size)
