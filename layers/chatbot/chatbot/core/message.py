"""An event of a platform: the envelope that carries it, and the message read from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from chatbot.core.errors import Malformed
from chatbot.core.key import TurnKey

ENVELOPE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event of a platform on its way through the queue, the platform's own data untouched.

    `occurred_at` is milliseconds since the epoch; `event_id` carries the event's kind.
    """

    channel: str
    conversation: str
    event_id: str
    occurred_at: int
    payload: Mapping[str, Any]

    @property
    def key(self) -> TurnKey:
        return TurnKey.of(self.conversation, self.occurred_at, self.event_id)

    def to_json(self) -> str:
        fields = {name: getattr(self, name) for name in self.__slots__}
        envelope = {"v": ENVELOPE_VERSION, **fields}
        return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, body: str) -> Envelope:
        """Raises Malformed for anything `to_json` of this version would not write."""
        try:
            data = json.loads(body)
            version = data.pop("v")
            envelope = cls(**data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # The decoder's text quotes the body, which holds people's words.
            raise Malformed("envelope is not of the documented form") from None
        names = (envelope.channel, envelope.conversation, envelope.event_id)
        if (
            version != ENVELOPE_VERSION
            or not all(isinstance(name, str) and name for name in names)
            or type(envelope.occurred_at) is not int
            or not isinstance(envelope.payload, dict)
        ):
            raise Malformed("envelope of another version or shape")
        return envelope


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote: the platform's id, a name to be called by, a language code ("" = unknown)."""

    id: str
    name: str = ""
    language: str = ""


class Kind(StrEnum):
    """What a message is to the conversation."""

    TEXT = "text"
    COMMAND = "command"
    STAFF = "staff"  # written by the page's staff by hand: kept, never answered
    RATING = "rating"  # a thumb for an answer: kept with it, never answered
    UNSUPPORTED = "unsupported"  # what nobody can read: gets a sentence, never the model


@dataclass(frozen=True, slots=True)
class Media:
    """Something sent that is not text. `source` is what the platform fetches it by.

    `kind` is photo, audio or document; `size` in bytes, 0 where the platform does not say.
    """

    kind: str
    source: str
    size: int = 0
    name: str = ""

    @property
    def mark(self) -> str:
        """What stands for it in a text."""
        marks = {"photo": "[picture]", "audio": "[recording]"}
        return marks.get(self.kind, f"[document: {self.name}]" if self.name else "[document]")


class Command(NamedTuple):
    """A command: its name without slash and bot name, lower case ("" = none), and what follows."""

    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """What a message replies to: the platform's id of it, or its text where that was sent along."""

    id: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Handles:
    """What the platform wants back, in its own ids ("" = nothing).

    `quote` is the message that the reply should quote; `callback` the button press that must be
    acknowledged.
    """

    quote: str = ""
    callback: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """An event as the conversation sees it, read from its envelope by its channel.

    `rating` (1, 0, -1) is for the answer that `reply_to` names. `more` are the texts of the
    messages that are answered with it; `unfinished` when its platform cut a longer text, whose rest
    is on the way.
    """

    key: TurnKey
    channel: str
    kind: Kind
    text: str
    author: Author
    group: bool = False
    command: Command = Command()
    media: tuple[Media, ...] = ()
    reply_to: ReplyTo = ReplyTo()
    handles: Handles = Handles()
    rating: int = 0
    more: str = ""
    unfinished: bool = False

    @property
    def words(self) -> str:
        """All that is answered."""
        return f"{self.text}\n{self.more}" if self.more else self.text


@dataclass(frozen=True, slots=True)
class Stop:
    """A wish to stop what is being written: `event` names its message or draft, "" any before `at`.

    `at` is epoch milliseconds.
    """

    conversation: str
    event: str
    at: int
