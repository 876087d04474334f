"""Print updates that aiogram and python-telegram-bot make of their own classes, as JSON lines.

Runs in `.venv-telegram`. The libraries say which kinds of updates and which fields there are. Each
kind of update is made with its required fields only (`amount` 0) and with optional ones down to
some levels; where a field may be of several types, each of them has its turn. Messages to the bot
are made with one optional field at a time, in a private chat and as replies to the bot in a group.
"""

from __future__ import annotations

import collections.abc
import datetime
import enum
import functools
import inspect
import json
import sys
import types
import typing
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import aiogram.types
import telegram
from pydantic import BaseModel
from telegram.ext import filters

BOT = int(sys.argv[1])
"""The bot's user id."""
AMOUNTS = {"kinds": (0, 1, 2), "messages": (0, 1)}
"""Levels on which optional fields are present."""
VARIANTS = {"kinds": 6, "messages": 3}
"""How many of the types that a field may have get their turn: a chat member has six."""
DEEPEST = -4
"""Levels below those with optional fields at which nothing more is made."""

Field = tuple[Any, bool]
"""The type of a field, and whether it is required."""


class Library(typing.NamedTuple):
    name: str
    types: Any
    fields_of: Callable[[Any], dict[str, Field] | None]
    written: Callable[[Any], Any]


"""`fields_of` returns None for what is no type of the Bot API; `written` returns JSON's objects."""

VALUES: dict[str, Any] = {
    "Chat.type": "private",
    "MessageEntity.type": "bold",
    "MessageEntity.offset": 0,
    "MessageEntity.length": 2,
    "Sticker.type": "regular",
    "text": "Hi",
    "caption": "Hi",
    "data": "/help",
    "emoji": "👍",
    "url": "https://example.com/",
    "currency": "XTR",
    "is_bot": False,
}
"""What Telegram could say in a field, by its type and name or by its name alone."""


class Maker:
    """Makes objects of a library's classes; `variant` chooses among the types of a field."""

    def __init__(self, library: Library, variant: int) -> None:
        self.library = library
        self.variant = variant

    def make(self, cls: Any, amount: int, **given: Any) -> Any:
        """Make an object of the fields `given`, the required and perhaps the optional ones.

        None where a required one is too deep.
        """
        fields = self.library.fields_of(cls)
        assert fields is not None
        made = dict(given)
        for name, (kind, required) in fields.items():
            if name not in made and (required or amount > 0):
                value = self.value(f"{cls.__name__}.{name}", kind, amount - 1)
                if value is not None:
                    made[name] = value
                elif required:
                    return None
        try:
            return cls(**made)
        except TypeError:
            # python-telegram-bot checks some required fields only here, to be compatible.
            if amount > 0:
                raise
            return self.make(cls, 1, **given)

    def value(self, path: str, kind: Any, amount: int) -> Any:
        """Make the value of the field `path`, as "Chat.id"; None where it is too deep."""
        origin, of = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Annotated:
            return self.value(path, of[0], amount)
        if origin is typing.Literal:
            return of[0]
        if origin in (typing.Union, types.UnionType):
            return self._one_of(path, [each for each in of if each is not type(None)], amount)
        if origin in (list, tuple, collections.abc.Sequence):
            item = self.value(path, of[0], amount)
            return [] if item is None else [item]
        if not inspect.isclass(kind):
            return None
        if self.library.fields_of(kind) is not None:
            forms = [each for each in kind.__subclasses__() if each.__module__ == kind.__module__]
            if forms and not issubclass(kind, BaseModel):
                return self._one_of(path, forms, amount)
            return self.make(kind, amount) if amount > DEEPEST else None
        return _plain(path, kind)

    def _one_of(self, path: str, kinds: list[Any], amount: int) -> Any:
        first = self.variant % len(kinds) if amount > DEEPEST // 2 else 0
        made = (self.value(path, each, amount) for each in kinds[first:] + kinds[:first])
        return next((each for each in made if each is not None), None)


def _plain(path: str, kind: type) -> Any:
    name = path.rpartition(".")[2]
    known = VALUES.get(path, VALUES.get(name))
    if isinstance(known, kind):
        return known
    if issubclass(kind, datetime.datetime):
        return datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
    if issubclass(kind, datetime.timedelta):
        return datetime.timedelta(seconds=60)
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    if issubclass(kind, str):
        return "x"
    return {int: 7, float: 1.5, bool: True, dict: {}}.get(kind)


@functools.cache
def _fields_of_aiogram(cls: Any) -> dict[str, Field] | None:
    base: type[BaseModel] = aiogram.types.TelegramObject
    if not (inspect.isclass(cls) and issubclass(cls, base)):
        return None
    fields: dict[str, Any] = cls.model_fields
    return {name: (each.annotation, each.is_required()) for name, each in fields.items()}


@functools.cache
def _fields_of_ptb(cls: Any) -> dict[str, Field] | None:
    if not (inspect.isclass(cls) and issubclass(cls, telegram.TelegramObject)):
        return None
    hints = typing.get_type_hints(cls.__init__, localns=dict(vars(telegram)))
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {
        each.name: (hints[each.name], each.default is inspect.Parameter.empty)
        for each in parameters
        if each.name not in ("self", "api_kwargs")
    }


def _written_by_aiogram(made: BaseModel) -> Any:
    def unset(value: object) -> None:
        """A `Default`, which stands for the settings of aiogram's bot."""

    return _without_none(made.model_dump(mode="json", by_alias=True, fallback=unset))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(each) for name, each in value.items() if each is not None}
    return [_without_none(each) for each in value] if isinstance(value, list) else value


AIOGRAM = Library("aiogram", aiogram.types, _fields_of_aiogram, _written_by_aiogram)
PTB = Library("python-telegram-bot", telegram, _fields_of_ptb, lambda made: made.to_dict())


def made_by(library: Library) -> Iterator[tuple[str, str, int, Any]]:
    """Yield kind, field, amount and object of each update that the library can make."""
    every = library.types
    kinds = [name for name in library.fields_of(every.Update) or {} if name != "update_id"]
    for variant, kind, amount in product(range(VARIANTS["kinds"]), kinds, AMOUNTS["kinds"]):
        maker = Maker(library, variant)
        yield kind, "", amount, maker.make(every.Update, 0, **_one(maker, kind, amount))
    for variant in range(VARIANTS["messages"]):
        maker = Maker(library, variant)
        for field, amount, message in _messages(maker):
            for kind in ("message", "edited_message")[: 1 if variant else 2]:
                update = maker.make(every.Update, 0, update_id=1, **{kind: message})
                yield kind, field, amount, update


def _one(maker: Maker, kind: str, amount: int) -> dict[str, Any]:
    annotation, _ = (maker.library.fields_of(maker.library.types.Update) or {})[kind]
    return {"update_id": 1, kind: maker.value(f"Update.{kind}", annotation, amount)}


def _messages(maker: Maker) -> Iterator[tuple[str, int, Any]]:
    """Yield the messages that a person writes to the bot, with one optional field each."""
    library, every = maker.library, maker.library.types
    ada = maker.make(every.User, 0, id=7, is_bot=False, first_name="Ada")
    bot = maker.make(every.User, 0, id=BOT, is_bot=True, first_name="Bot")
    private = maker.make(every.Chat, 0, id=7, type="private")
    group = maker.make(every.Chat, 0, id=-1007, type="supergroup")
    answer = maker.make(every.Message, 0, chat=group, from_user=bot, text="Hi")
    places = ({"chat": private}, {"chat": group, "reply_to_message": answer})
    fields = library.fields_of(every.Message) or {}
    for name, (annotation, required) in fields.items():
        for amount in AMOUNTS["messages"]:
            value = None if required else maker.value(f"Message.{name}", annotation, amount)
            if value is None or name in ("from_user", "reply_to_message"):
                continue
            with_text = {} if name == "text" else {"text": "Hi"}
            for place, words in product(places, ({}, with_text)[: 1 if maker.variant else 2]):
                given = {**place, **words, "from_user": ada, name: value}
                yield name, amount, maker.make(every.Message, 0, **given)


def main() -> None:
    """Print each update once, with what the libraries take a message for.

    `content` is aiogram's type of its content, `service` whether it is a service message for
    python-telegram-bot.
    """
    seen = set()
    for library in (AIOGRAM, PTB):
        for kind, field, amount, made in made_by(library):
            update = library.written(made)
            line = json.dumps(update, sort_keys=True)
            if line in seen:
                continue
            seen.add(line)
            about = {"by": library.name, "kind": kind, "field": field, "amount": amount}
            if kind == "message":
                parsed = telegram.Update.de_json(update, None)
                about["service"] = bool(filters.StatusUpdate.ALL.check_update(parsed))
                about["content"] = aiogram.types.Message(**update["message"]).content_type
            sys.stdout.write(json.dumps({**about, "update": update}) + "\n")


if __name__ == "__main__":
    main()
