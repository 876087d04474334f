"""Generate updates of Telegram from the machine-readable Bot API."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

from local.standins.contract import Contract
from tests.fuzz import words

BOT_ID = 424242

_DEEPEST = 5
_NOON = 1_795_262_400
_PLACES: dict[str, Callable[[random.Random], Any]] = {
    # Fields whose values Telegram limits further than the contract's Integer or String.
    "Update.update_id": lambda rng: rng.randrange(10**9),
    "CallbackQuery.id": lambda rng: str(rng.randrange(1, 2**60)),
    "Chat.type": lambda rng: rng.choice(("private", "group", "supergroup", "channel")),
    "Chat.id": lambda rng: rng.choice((7, -100123, -(10**12), 2**52)),
    "User.id": lambda rng: rng.choice((7, BOT_ID, 2**52)),
    "User.is_bot": lambda rng: rng.random() < 0.05,
    "InaccessibleMessage.date": lambda rng: 0,
    "MessageEntity.type": lambda rng: rng.choice(("mention", "text_mention", "url", "new_kind")),
    "MessageEntity.offset": lambda rng: rng.randrange(30),
    "MessageEntity.length": lambda rng: rng.randrange(1, 30),
}
_FIELDS: dict[str, Callable[[random.Random], Any]] = {
    "date": lambda rng: _NOON - rng.choice((0, 1, 86400, 30 * 86400)),
    "message_id": lambda rng: rng.randrange(1, 2**31),
    "message_thread_id": lambda rng: rng.randrange(1, 2**31),
    "text": words.text,
    "caption": words.text,
    "data": words.text,
    "first_name": words.name,
    "title": words.name,
    "language_code": lambda rng: rng.choice(("en", "de", "zh-hans")),
    "emoji": lambda rng: rng.choice(("👍", "👎", "❤")),
}
_PLAIN: dict[str, Callable[[random.Random], Any]] = {
    "String": lambda rng: rng.choice(("x", "id-1", "Ä 😀", "")),
    "Integer": lambda rng: rng.choice((0, 1, 7, 1_795_262_400, 2**52)),
    "Float": lambda rng: rng.choice((0, 1.5, -0.1)),
    "Boolean": lambda rng: rng.random() < 0.5,
    "Object": lambda rng: {},
    "InputFile": lambda rng: "attach://x",
}


class Updates:
    """Generates updates. `made` holds (type, field) of each optional field present so far."""

    def __init__(self) -> None:
        types = Contract("bot-api").types
        self._types = {name: entry for name, entry in types.items() if isinstance(entry, dict)}
        self._unions = {name: entry for name, entry in types.items() if isinstance(entry, list)}
        self.kinds = [name for name in self._types["Update"] if name != "update_id"]
        self.made: set[tuple[str, str]] = set()

    def optional(self, type_name: str) -> list[str]:
        fields = self._types[type_name]
        return [name for name, types in fields.items() if not types.startswith("!")]

    def update(self, rng: random.Random, number: int) -> dict[str, Any]:
        """Generate the next update: all kinds in turn, every second one a message.

        The optional fields of each kind are present in turn too.
        """
        kind = "message" if number % 2 else self.kinds[number // 2 % len(self.kinds)]
        kind_type = self._types["Update"][kind].removeprefix("!")
        optional = self.optional(kind_type)
        forced = optional[number // 2 % len(optional)] if optional and rng.random() < 0.8 else ""
        share = rng.choice((0.02, 0.02, 0.05, 0.1, 0.3))
        content = self._object(rng, kind_type, 1, share, forced)
        if kind == "message" and rng.random() < 0.6:
            content.setdefault("from", {"id": 7, "is_bot": False, "first_name": "Ada"})
            content.setdefault("text", words.text(rng))
        return {"update_id": _PLACES["Update.update_id"](rng), kind: content}

    def _object(
        self, rng: random.Random, name: str, depth: int, share: float, forced: str = ""
    ) -> dict[str, Any]:
        made = {}
        for field, types in self._types[name].items():
            required = types.startswith("!")
            if required or field == forced or (depth < _DEEPEST and rng.random() < share):
                made[field] = self._field(rng, name, field, types.removeprefix("!"), depth, share)
                if not required:
                    self.made.add((name, field))
        return made

    def _field(
        self, rng: random.Random, name: str, field: str, types: str, depth: int, share: float
    ) -> Any:
        special = _PLACES.get(f"{name}.{field}")
        if special is None and ("String" in types or "Integer" in types):
            special = _FIELDS.get(field)
        return special(rng) if special else self._value(rng, types, depth, share)

    def _value(self, rng: random.Random, types: str, depth: int, share: float) -> Any:
        choices = self._choices(types)
        if depth >= _DEEPEST:
            choices = [name for name in choices if name in _PLAIN] or choices
        name = rng.choice(choices)
        if name.startswith("Array of "):
            count = 0 if depth >= _DEEPEST else rng.choice((0, 1, 1, 2))
            item = name.removeprefix("Array of ")
            return [self._value(rng, item, depth + 1, share) for _ in range(count)]
        if name in self._types:
            return self._object(rng, name, depth + 1, share)
        return name[1:] if name.startswith("=") else _PLAIN[name](rng)

    def _choices(self, types: str) -> list[str]:
        names = []
        for name in types.split("|"):
            plain = name.partition("~")[0].partition("<=")[0]
            union = self._unions.get(plain)
            names += self._choices("|".join(union)) if union else [plain]
        return names


@cache
def updates() -> Updates:
    return Updates()
