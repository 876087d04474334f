"""Generate what people and faulty programs write: texts, names, and values of wrong types."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

BOT = "fuzzed_bot"
MARKER = "Zwiebelkuchen mit Öl"
"""A text that occurs in many messages, and must never occur in a log."""

_TEXTS = (
    "",
    " ",
    "\n\t ",
    "hello",
    f"{MARKER} hello",
    f"{MARKER} Grüße 😀 👩‍👩‍👧‍👦 e\u0301",
    "/start",
    "/help",
    "/reset now",
    f"/start@{BOT} {MARKER}",
    "/start@another_bot",
    "/nothing_of_ours",
    "/",
    "//",
    "/" + "x" * 60,
    f"@{BOT}",
    f"@{BOT} {MARKER}",
    f"{MARKER} @{BOT.upper()}, 😀 and @somebody",
    "GET_STARTED",
    '"quoted" \\ and <b>&amp;</b>',
    "שלום עולם مرحبا \u202eright to left\u202c",
    "zero\0width\u200b\ufeff\ufffe\uffff",
    "half a pair \ud83d of two",
    "\udc00",
    "{date} {name} {0} %s ${x}",
    "\u2028\u2029\x0b\x0c\x1f\x7f\x85",
)
_JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63,
    10**30,
    -(10**18),
    0.5,
    1e308,
    "",
    "0",
    "x",
    " ",
    "\0",
    "\ud83d",
    "é",
    "9" * 400,
    "x" * 2000,
    [],
    [None],
    [[]],
    [0, "x", {}],
    {},
    {"id": None},
    {"id": 1},
    {"text": "x"},
    {"": ""},
)


def text(rng: random.Random) -> str:
    """Generate a text: mostly short, up to the length that platforms accept, rarely longer."""
    kind = rng.random()
    if kind < 0.9:
        return rng.choice(_TEXTS)
    if kind < 0.96:
        return "".join(rng.choices(_TEXTS, k=3))
    length = 500_000 if kind > 0.9995 else rng.choice((1999, 2000, 2001, 4096, 5000))
    word = rng.choice(("word ", "x", "😀", "e\u0301", ". ", "\n"))
    return (word * length)[:length]


def name(rng: random.Random) -> str:
    return rng.choice(("Ada", "", "Ö", "x" * 64, "{date}", "\ud83d", "\n", "😀", "</b>"))


def junk(rng: random.Random) -> Any:
    if rng.random() < 0.02:
        nested: Any = 1
        for _ in range(rng.choice((5, 60, 70, 500))):
            nested = [nested] if rng.random() < 0.5 else {"a": nested}
        return nested
    return deepcopy(rng.choice(_JUNK))


def misshape(rng: random.Random, data: Any) -> Any:
    """Change `data` at a random place to something wrong, and return it."""
    places = list(_places(data))
    if not places:
        return junk(rng)
    holder, key = rng.choice(places)
    if rng.random() < 0.3:
        del holder[key]
    elif isinstance(holder, dict) and rng.random() < 0.1:
        holder[rng.choice(("id", "text", "message", "\ud83d", "é" * 30))] = junk(rng)
    else:
        holder[key] = junk(rng)
    return data


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Yield each place in `data`, as (dict, name) or (list, index)."""
    found: list[tuple[Any, Any]] = []
    waiting = [data]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, (dict, list)):
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            found += [(holder, key) for key in keys]
            waiting += [holder[key] for key in keys]
    return found


def mutilate(rng: random.Random, body: bytes) -> bytes:
    """Flip, cut, insert or repeat some bytes."""
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        where = rng.randrange(len(body) + 1)
        kind = rng.randrange(4)
        if kind == 0 and where < len(body):
            flipped = bytes([body[where] ^ 1 << rng.randrange(8)])
            body = body[:where] + flipped + body[where + 1 :]
        elif kind == 1:
            body = body[:where] + body[where + rng.choice((1, 2, 10, len(body))) :]
        elif kind == 2:
            odd = (
                b"\xff",
                b"\0",
                b'"',
                b"{",
                b"}",
                b"]",
                b"\\",
                b"NaN",
                b"1e999",
                b"\\ud83d",
                b",",
            )
            body = body[:where] + rng.choice(odd) + body[where:]
        else:
            body = body[:where] + body[where // 2 : where] + body[where:]
    return body
