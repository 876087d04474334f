"""The words of the domain. Frozen values; every other module speaks in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chatbot.errors import Malformed

ENVELOPE_VERSION = 1
TURN_PREFIX = "turn#"


@dataclass(frozen=True, slots=True, order=True)
class TurnKey:
    """Where a turn lies: partition `conversation`, sort key `sort` (`turn#<13-digit ms>#<event>`).

    Made of the platform's own data alone, so that an event sent again after any delay meets its
    own turn.
    """

    conversation: str
    sort: str

    @classmethod
    def of(cls, conversation: str, occurred_at: int, event_id: str) -> TurnKey:
        return cls(conversation, f"{TURN_PREFIX}{occurred_at:013d}#{event_id}")

    @property
    def occurred_at(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.sort[len(TURN_PREFIX) : len(TURN_PREFIX) + 13])

    @property
    def event_id(self) -> str:
        return self.sort[len(TURN_PREFIX) + 14 :]


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
    UNSUPPORTED = "unsupported"  # a sticker, a place …: gets a sentence, never the model


@dataclass(frozen=True, slots=True)
class Message:
    """An event as the conversation sees it, read from its envelope by its channel.

    `command` is the name without slash and bot name, lower case; `arguments` what follows it.
    `quote` is the platform's id of the message the reply should quote ("" = none);
    `callback` the id of a button press that must be acknowledged ("" = none).
    """

    key: TurnKey
    channel: str
    kind: Kind
    text: str
    author: Author
    group: bool = False
    command: str = ""
    arguments: str = ""
    quote: str = ""
    callback: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said back: Markdown as the model wrote it."""

    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """One post of a reply: fits the platform's limit, is never empty.

    `entities` are the text's formatting as Telegram takes it, offsets in UTF-16 units.
    """

    text: str
    entities: tuple[Mapping[str, Any], ...] = ()


class State(StrEnum):
    """Where a turn's reply is on its way (docs/architecture.md, delivery rules)."""

    ANSWERED = "answered"  # stored, surely not posted
    SENDING = "sending"  # claimed by one attempt: only its claim's end tells more
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    HELD = "held"  # perhaps posted; the operator chose not to repeat


class Origin(StrEnum):
    """Whose words the answer is; only the model's own enter later prompts."""

    MODEL = "model"
    COMMAND = "command"
    FALLBACK = "fallback"
    FILTERED = "filtered"
    NOTICE = "notice"  # a fixed sentence: unsupported content, too long, limits
    STAFF = "staff"  # nothing is answered; `text` is what the page's staff wrote


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to post: held by the attempt that knows `token`, until `ends_at` (epoch ms)."""

    token: str
    ends_at: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange: what was said and what is answered. Times are epoch milliseconds.

    `posted` holds the platform's message ids of the parts that surely arrived, in order;
    `opened_at` is when posting was first claimed; `fresh_start` marks a break: reading back stops
    here unless `lifted_by` names the event that resumed.
    """

    key: TurnKey
    channel: str
    author: Author
    text: str
    reply: Reply
    state: State
    origin: Origin
    claim: Claim | None = None
    posted: tuple[str, ...] = ()
    opened_at: int = 0
    quote: str = ""
    fresh_start: bool = False
    lifted_by: str = ""
    leader: str = ""  # sort key of the turn that answers this one too (merged messages)
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """`~state` of a conversation: who it is with, and what they chose."""

    registered: bool = False
    name: str = ""
    language: str = ""
    forgotten_before: str = ""  # sort key; older events are acknowledged silently


@dataclass(frozen=True, slots=True)
class Window:
    """What one query tells of a conversation: turns newest first.

    `complete` is True when the table holds nothing older than the last of `turns`.
    """

    person: Person
    turns: tuple[Turn, ...]
    complete: bool

    def find(self, key: TurnKey) -> Turn | None:
        return next((turn for turn in self.turns if turn.key == key), None)

    def reaches(self, key: TurnKey) -> bool:
        """Whether a turn at `key`, if there were one, would be among `turns`."""
        return self.complete or bool(self.turns and self.turns[-1].key.sort <= key.sort)


@dataclass(frozen=True, slots=True)
class PromptLine:
    """One line of what the model is shown; `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. `cut` when it stopped at the token limit."""

    text: str
    model: str
    tokens_in: int = 0
    tokens_out: int = 0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One message of the queue as the worker holds it. `sent_at` is epoch milliseconds."""

    message_id: str
    receipt: str
    group: str
    receive_count: int
    sent_at: int
    body: str


@dataclass(frozen=True, slots=True)
class Done:
    """The record has reached its end and may be deleted."""


@dataclass(frozen=True, slots=True)
class HandBack:
    """The record, and all after it in its group, must come again after `delay` seconds.

    `deliberate` is False when this try died of something unforeseen, which counts against it.
    """

    delay: float
    deliberate: bool = True


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The record belongs to the dead-letter queue; its conversation goes on."""

    reason: str


Outcome = Done | HandBack | DeadLetter
