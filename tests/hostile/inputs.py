"""The inputs of a run: number by number from a seed, and what judges them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tests.hostile import answers, doors, gets, growth, reading, requests, splitting, texts
from tests.hostile.findings import Findings, Input

STATIONS = {"door": 410, "answer": 400, "split": 132, "page": 25, "get": 25, "time": 8}
"""What gets how many of each thousand inputs."""
_THOUSAND = 1_000
_STEP = 617
"""Spreads the stations evenly over each thousand."""
_ANSWER_KINDS = (*texts.KINDS, *["pairs", "triples"] * 4)
_DOOR_KINDS = (*requests.KINDS, *["odd fields"] * 8, "forged", "forged", "generated", "generated")
_RARE = 20
"""Only every so many-th large request is one; the others are misshapen."""


def make(seed: str, number: int) -> Input:
    """Make input `number` of a seed, always the same."""
    rng = random.Random(f"hostile:{seed}:{number}")
    station, turn = _place(number)
    kind, data = _MAKERS[station](rng, turn)
    return Input(number, station, kind, data)


def _place(number: int) -> tuple[str, int]:
    """The input's station, and how many inputs that had before."""
    place = number % _THOUSAND * _STEP % _THOUSAND
    for station, share in STATIONS.items():
        if place < share:
            return station, number // _THOUSAND * share + place
        place -= share
    raise AssertionError("the shares are a thousand")


def _kind(kinds: Sequence[str], turn: int) -> tuple[str, int]:
    """The kind of a station's input, and how many inputs of the kind it had before."""
    rounds, place = divmod(turn, len(kinds))
    kind = kinds[place]
    return kind, rounds * kinds.count(kind) + kinds[:place].count(kind)


def _answer(rng: random.Random, turn: int) -> tuple[str, dict[str, Any]]:
    kind, count = _kind(_ANSWER_KINDS, turn)
    size = rng.choice((8, 60, 60, 60, 200, 200, 200, 200, 500, 1_000))
    if turn % 97 == 0:
        size = rng.choice((4_000, 8_000))
    elif turn % 997 == 0:
        size = 70_000  # is cut at LONGEST_ANSWER
    text = texts.KINDS[kind](rng, size, count)
    return kind, {"text": text, "plain": rng.random() < 0.02}


def _split(rng: random.Random, turn: int) -> tuple[str, dict[str, Any]]:
    kinds = list(texts.KINDS)
    kind = kinds[turn % len(kinds)]
    size = rng.choice((200, 1_000, 3_000, 5_000, 9_000))
    text = texts.KINDS[kind](rng, size, turn // len(kinds))
    return kind, {"text": text, "limit": rng.choice(splitting.LIMITS), "utf16": turn % 2 == 0}


def _door(rng: random.Random, turn: int) -> tuple[str, dict[str, Any]]:
    kind, count = _kind(_DOOR_KINDS, turn)
    if kind == "large" and count % _RARE:
        kind = "misshapen"
    return kind, requests.request(rng, kind, count)


def _page(rng: random.Random, turn: int) -> tuple[str, dict[str, Any]]:
    """A conversation: of short turns, of many, or, rarely, of the longest."""
    kinds = list(texts.KINDS)
    kind = kinds[turn % len(kinds)]
    size, most = rng.choice(((60, 120), (300, 20), (300, 20), (2_000, 8)))
    if turn % 97 == 0:
        size, most = 60_000, 25
    one = texts.KINDS[kind](rng, size, turn)
    other = texts.KINDS[rng.choice(kinds)](rng, max(8, size // 10), turn)
    forms = rng.choice((["stored"], ["plain"], ["stored", "earlier", "plain"], ["earlier"]))
    if size == 60_000:
        forms = rng.choice((["plain"], ["plain", "plain", "plain", "earlier"]))
    turns = [
        {"question": other, "answer": rng.choice((one, one, other, "")), "form": rng.choice(forms)}
        for _ in range(rng.randrange(1, most))
    ]
    draft = rng.choice(("", one, other * 50))
    return kind, {"turns": turns, "draft": draft, "forward": rng.random() < 0.5}


def _get(rng: random.Random, turn: int) -> tuple[str, dict[str, Any]]:
    return "paths, cursors and cookies", gets.request(rng)


def _time(rng: random.Random, turn: int) -> tuple[str, dict[str, Any]]:
    """A text in three lengths: made so long, or repeated."""
    kind, again = _kind(_ANSWER_KINDS, turn)
    forms, size = list(growth.SLOW_FORMS), rng.choice((1_000,) * 14 + (3_000,) * 5 + (12_000,))
    if rng.random() < 0.4:
        forms, size = list(growth.QUICK_FORMS), rng.choice((10_000, 50_000))
    seed = rng.random()
    if kind in ("prose", "mixed") or rng.random() < 0.5:
        text = texts.KINDS[kind](random.Random(seed), size, again)
        made = [text * times for times in (1, 2, 4)]
    else:
        sizes = (size, 2 * size, 4 * size)
        made = [texts.KINDS[kind](random.Random(seed), each, again) for each in sizes]
    return kind, {"form": rng.choice(forms), "texts": made}


_MAKERS = {
    "door": _door,
    "answer": _answer,
    "split": _split,
    "page": _page,
    "get": _get,
    "time": _time,
}


def judge(one: Input, findings: Findings) -> None:
    """Give the input to what it is for. Raises Broken where a bound is passed."""
    findings.begin(one)
    data: Any = one.data
    match one.station:
        case "door":
            doors.judge(data, findings)
        case "answer":
            answers.judge(data["text"], data["plain"], findings)
        case "split":
            splitting.judge(data["text"], data["limit"], data["utf16"], findings)
        case "page":
            reading.judge(data["turns"], data["draft"], data["forward"], findings)
        case "get":
            gets.judge(data, findings)
        case _:
            growth.judge(data["form"], data["texts"], findings)
