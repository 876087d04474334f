"""Generate hostile requests to the webhook and the page's function from a seed, by kinds.

Bodies are those that platforms have sent, changed; signatures and cookies are right or forged.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from tests import oddities
from tests.fuzz import cases, words
from tests.fuzz.cases import SENDERS, Sent, event_of
from tests.fuzz.telegram import BOT_ID
from tests.hostile import texts
from tests.hostile.recorded import Body, bodies

NOW = 1_795_262_400_000
"""Epoch milliseconds: when the recorded requests were sent."""
Make = Callable[[random.Random, int], tuple[str, bytes]]
"""Makes route and body; `turn` counts the requests of its kind."""
_STEP = 104_729
_VALUES: tuple[Any, ...] = (
    *oddities.VALUES,
    False,
    -(2**63),
    2**64,
    "\0",
    "\ud83d",
    "\u202e",
    "9" * 70,
    "x" * 5_000,
    [[[[]]]],
    {"": {"": ""}},
)
_NUMBERS = (
    *"1e999 -1e999 NaN Infinity -Infinity 1E400 0.1e-999 -0 1.0 9007199254740993 1e15".split(),
    *"-1 00 1. +1 0x1f 1_000 1e-400 18446744073709551616 253402300800000 -62135596800001".split(),
    "1e308",
    "9" * 64,
    "9" * 65,
    "9" * 5_000,
    "-" + "1" * 63,
    "0." + "3" * 9_000,
    "1" + "0" * 400,
)


def odd_fields(rng: random.Random, turn: int) -> tuple[str, bytes]:
    """Every field of every body in turn, with a value of another type or size."""
    body, path = _fields()[turn * _STEP % len(_fields())]
    return body.path, _written(oddities.changed(body.data, path, rng.choice(_VALUES)))


@cache
def _fields() -> tuple[tuple[Body, oddities.Path], ...]:
    return tuple((body, path) for body in bodies() for path in body.places)


def misshapen(rng: random.Random, turn: int) -> tuple[str, bytes]:
    body = rng.choice(bodies())
    data: Any = json.loads(json.dumps(body.data))
    for _ in range(rng.choice((1, 2, 4, 8))):
        data = words.misshape(rng, data)
    return body.path, _written(data)


def mutilated(rng: random.Random, turn: int) -> tuple[str, bytes]:
    body = rng.choice(bodies())
    return body.path, words.mutilate(rng, _written(body.data))


def truncated(rng: random.Random, turn: int) -> tuple[str, bytes]:
    """A body that ends anywhere, within a character, too."""
    body = rng.choice(bodies())
    whole = _written(body.data)
    return body.path, whole[: rng.randrange(len(whole))]


def encoding(rng: random.Random, turn: int) -> tuple[str, bytes]:
    """Bytes that are no UTF-8 in a text, or all of it in another encoding."""
    path, whole = texts_of_people(rng, turn)
    if rng.random() < 0.3:
        code = rng.choice(("utf-16", "utf-32", "utf-16-le", "latin-1", "utf-8-sig", "utf-7"))
        return path, whole.decode("utf-8", "replace").encode(code, "replace")
    wrong = (b"\xff", b"\xc0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xf4\x90\x80\x80", b"\xe2\x82")
    at = rng.randrange(len(whole) + 1)
    return path, whole[:at] + rng.choice((*wrong, b"\x80", b"\xf8\x88\x80\x80\x80")) + whole[at:]


def nested(rng: random.Random, turn: int) -> tuple[str, bytes]:
    """JSON within JSON, in place of a field or of all."""
    depth = rng.choice((10, 60, 63, 64, 65, 70, 500, 5_000, 50_000))
    opening, closing = rng.choice((("[", "]"), ('{"a":', "}"), ('[{"text":', "}]"), ("[1,", "]")))
    ended = rng.random() < 0.8
    value = opening * depth + "1" + (closing * depth if ended else "")
    return _with_json(rng, value)


def numbers(rng: random.Random, turn: int) -> tuple[str, bytes]:
    """Numbers that are none, of thousands of digits, and dates beyond the calendar."""
    value = _NUMBERS[turn % len(_NUMBERS)]
    return _with_json(rng, value if rng.random() < 0.8 else f"[{value},{value}]")


def duplicates(rng: random.Random, turn: int) -> tuple[str, bytes]:
    """A field twice, or thousands of other fields."""
    name = rng.choice(("id", "text", "message", "update_id", "__proto__", "", "\\u0000"))
    count = rng.choice((2, 2, 100, 3_000))
    same = rng.random() < 0.5
    fields = (
        f'"{name}{"" if same else n}":{rng.choice(("1", "null", "[]"))}' for n in range(count)
    )
    return _with_json(rng, "{" + ",".join(fields) + "}")


def texts_of_people(rng: random.Random, turn: int) -> tuple[str, bytes]:
    """A hostile text in place of a text: of a message, a name, a button, an address."""
    named = rng.choice(_texts_in_bodies())
    kinds = list(texts.KINDS)
    size = rng.choice((8, 100, 100, 1_000, 4_096, 8_000, 20_000))
    text = texts.KINDS[kinds[turn % len(kinds)]](rng, size, turn)
    return named[0].path, _written(oddities.changed(named[0].data, named[1], text))


@cache
def _texts_in_bodies() -> tuple[tuple[Body, oddities.Path], ...]:
    return tuple((body, path) for body, path in _fields() if isinstance(_at(body.data, path), str))


def mentions(rng: random.Random, turn: int) -> tuple[str, bytes]:
    """A message of Telegram with mentions that overlap, are in no order, or beyond the text."""
    named = f"@{words.BOT} "
    text = "".join(rng.choice((named, "😀", "a", " ", "\ud83d")) for _ in range(40))
    length = len(text.encode("utf-16-le", "surrogatepass")) // 2
    found = [
        {
            "type": rng.choice(("mention", "text_mention", "bot_command", "url", "new")),
            "offset": rng.choice((rng.randrange(-3, length + 3), text.find(named), 2**62)),
            "length": rng.choice((rng.randrange(-3, 9), len(named) - 1, length, 2**62)),
            "user": rng.choice(({"id": BOT_ID, "is_bot": True, "first_name": "x"}, {}, None)),
        }
        for _ in range(rng.choice((1, 5, 100)))
    ]
    bodies_of_messages = [each for each in bodies() if "message" in each.data]
    body = rng.choice(bodies_of_messages)
    message = {**body.data["message"], "text": text, "entities": found}
    return body.path, _written({**body.data, "message": message})


def large(rng: random.Random, turn: int) -> tuple[str, bytes]:
    """Up to six megabytes: in one text, in many events, in one field each."""
    size = rng.choice((200_000, 200_000, 1_000_000, 1_100_000, 5_900_000))
    match turn % 4:
        case 0:
            body, path = rng.choice(_texts_in_bodies())
            text = rng.choice(("a", "é", "😀", "\\", "\0", "> - ")) * (size // 6)
            return body.path, _written(oddities.changed(body.data, path, text))
        case 1:
            body = rng.choice([each for each in bodies() if each.channel == "messenger"])
            entry = json.dumps(body.data["entry"][0]).encode() if body.data["entry"] else b"{}"
            entries = b",".join([entry] * (min(size, 400_000) // len(entry)))
            return body.path, b'{"object":"page","entry":[' + entries + b"]}"
        case 2:
            return _with_json(rng, "[" + rng.choice(("{},", "0,", '"",')) * (size // 4) + "0]")
        case _:
            return _with_json(
                rng, '"' + rng.choice(("\\ud83d", "\\u0000", "é")) * (size // 6) + '"'
            )


def _with_json(rng: random.Random, value: str) -> tuple[str, bytes]:
    """A body with JSON that is written like this in one of its places, or instead of it."""
    body, path = rng.choice(_fields())
    if rng.random() < 0.1:
        return body.path, value.encode()
    mark = "a place for JSON"
    whole = json.dumps(oddities.changed(body.data, path, mark), ensure_ascii=False)
    return body.path, whole.replace(f'"{mark}"', value).encode("utf-8", "surrogatepass")


def _at(data: Any, path: oddities.Path) -> Any:
    for name in path:
        data = data[name]
    return data


def _written(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass")


KINDS: Mapping[str, Make] = {
    "odd fields": odd_fields,
    "misshapen": misshapen,
    "mutilated": mutilated,
    "truncated": truncated,
    "encoding": encoding,
    "nested": nested,
    "numbers": numbers,
    "duplicates": duplicates,
    "texts": texts_of_people,
    "mentions": mentions,
    "large": large,
}


def request(rng: random.Random, kind: str, turn: int) -> dict[str, Any]:
    """A request as the HTTP API hands it over, with "authentic": whether it is to be let in."""
    if kind == "generated":
        one = cases.case(str(rng.random()), turn, NOW)
        return {"event": dict(one.event), "channel": one.channel, "authentic": one.authentic}
    path, body = KINDS["odd fields" if kind == "forged" else kind](rng, turn)
    channel = path.split("/")[1]
    sent = SENDERS[channel](rng, body)
    for _ in range(20):
        if sent.authentic != (kind == "forged"):
            break
        sent = SENDERS[channel](rng, body)
    event = event_of(rng, path, _odd_headers(rng, sent) if rng.random() < 0.1 else sent)
    return {"event": event, "channel": channel, "authentic": sent.authentic}


def _odd_headers(rng: random.Random, sent: Sent) -> Sent:
    """Headers and cookies beside those that count, as anybody can send."""
    odd = rng.choice(("x" * 8_000, "\u202e", "é", "", "a=b; c=d", "\x1b[2J", "%00", "=;=;,"))
    headers = {**sent.headers, "x-odd": odd, "user-agent": odd, "accept-encoding": odd}
    return Sent(sent.body, headers, (*sent.cookies, odd, f"conversation={odd}"), sent.authentic)
