"""Generate texts of characters that are not what they seem: joined, combined, turned, unseen."""

from __future__ import annotations

import random

from tests.hostile.filling import filled


def emoji(rng: random.Random, size: int, turn: int) -> str:
    """Emoji of several characters, whole, cut, and joined without end."""
    units = (
        "👩‍👩‍👧‍👦",
        "👍🏽",
        "🇩🇪",
        "🇩",
        "❤️",
        "1️⃣",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "👩\u200d",
        "\u200d👩",
        "🏽",
        "\ufe0f",
        "😀",
    )
    return filled("".join(rng.choice(units) for _ in range(rng.choice((1, 2, 5)))), size)


def combining(rng: random.Random, size: int, turn: int) -> str:
    """Letters with a mark, with hundreds of marks, and marks without a letter."""
    marks = "".join(chr(rng.randrange(0x300, 0x36F)) for _ in range(rng.choice((1, 5, 300))))
    units = (f"a{marks}", marks, f"ก{marks}็", f"각{marks}", "ᄀ" * 40, f"*a{marks}*", "क्" * 30)
    return filled(rng.choice(units) + rng.choice(("", " ", "\n", ".")), size)


def directions(rng: random.Random, size: int, turn: int) -> str:
    """Controls of direction, that are never ended, among both directions."""
    controls = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
    words = ("שלום", "مرحبا", "hello", "**b**", "`c`", "[a](https://e.x)", "\n", " ")
    pieces = [rng.choice(controls) + rng.choice(words) for _ in range(12)]
    return filled("".join(pieces), size)


def invisible(rng: random.Random, size: int, turn: int) -> str:
    """Characters that nobody can see, alone or between marks and words."""
    unseen = (
        "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u2800\u3164\u034f\u115f\u17b4\ufe00"
        "\U000e0100\U000e0001\u2028\u2029\u0085\u00a0\u3000\u1680\ufdd0\ufdd1\ufdd2\ufffe\uffff"
    )
    words = ("", "", "a", "*a*", "`b`", "|", "- ", "\n")
    pieces = [
        rng.choice(unseen) * rng.choice((1, 3)) + rng.choice(words)
        for _ in range(rng.choice((1, 10)))
    ]
    return filled("".join(pieces), size)


def controls(rng: random.Random, size: int, turn: int) -> str:
    """NUL, other controls, sequences that terminals obey, and halves of characters."""
    units = (
        "\0",
        "a\0b",
        "\x1b[2J\x1b]0;title\x07",
        "\ud83d",
        "\ude00",
        "\ude00\ud83d",
        "\ud83d\ude00",
        "*\ud800*",
        "`\0`",
        "\x0b\x0c\x1c\x1d\x1e\x1f",
        "\x08\x7f\x9b\x85",
        "\r",
        "\r\n\r",
        "| \0 |\n|-|\n",
        "[\ud83d](https://e.x/\0)",
        "word ",
    )
    return filled("".join(rng.choice(units) for _ in range(rng.choice((1, 3, 8)))), size)
