"""The words of the domain. Frozen values; every other module speaks in them."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chatbot.errors import Malformed

ENVELOPE_VERSION = 1
LONGEST_TEXT = 50_000
"""Characters kept of a message, far beyond what people can send: an item holds 400 KB."""
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

    @property
    def draft(self) -> int:
        """Number of the answer while it is written, never 0 (Bot API, sendMessageDraft)."""
        return zlib.crc32(self.sort.encode()) >> 1 or 1

    def file_name(self, ending: str) -> str:
        """Where in the bucket lies what is made for this turn, which an attempt after it finds."""
        return f"{folder_of(self.conversation)}/{_digest(self.sort)}.{ending}"


def folder_of(conversation: str) -> str:
    """The folder in the bucket of what is made in a conversation; it tells nobody whose it is."""
    return _digest(conversation)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


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


@dataclass(frozen=True, slots=True)
class Message:
    """An event as the conversation sees it, read from its envelope by its channel.

    `command` is the name without slash and bot name, lower case; `arguments` what follows it.
    `quote` is the platform's id of the message the reply should quote ("" = none);
    `callback` the id of a button press that must be acknowledged ("" = none).
    `quoted` is the text it replies to, where the platform sends that along, else `replied_to` is
    the platform's id of that message. `rating` (1, 0, -1) is for the answer `replied_to`.
    `more` are the texts of the messages that are answered with it; `unfinished` when its platform
    cut a longer text, whose rest is on the way.
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
    media: tuple[Media, ...] = ()
    quoted: str = ""
    replied_to: str = ""
    rating: int = 0
    more: str = ""
    unfinished: bool = False

    @property
    def words(self) -> str:
        """All that is answered."""
        return f"{self.text}\n{self.more}" if self.more else self.text


@dataclass(frozen=True, slots=True)
class Button:
    """`payload` is sent as the person's next message when the button is pressed."""

    label: str
    payload: str


@dataclass(frozen=True, slots=True)
class Made:
    """A picture or file of ours in the bucket, under `name`; `type` is its media type."""

    name: str
    type: str
    title: str = ""  # as the person sees it: a file's name, what a picture shows

    @property
    def is_picture(self) -> bool:
        return self.type.startswith("image/")


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said back: Markdown as the model wrote it; its first paragraph is what is made's
    caption."""

    text: str
    buttons: tuple[Button, ...] = ()
    made: Made | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One post of a reply: fits the platform's limit, is never empty.

    `entities` are the text's formatting as Telegram takes it, offsets in UTF-16 units. What was
    made comes first, with a caption; buttons are on the last part.
    """

    text: str
    entities: tuple[Mapping[str, Any], ...] = ()
    buttons: tuple[Button, ...] = ()
    made: Made | None = None


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
    more: str = ""  # of a leader: the texts of those messages
    resumed: bool = False  # reading back goes on beyond here, however old what follows is
    replaces: str = ""  # sort key of the turn whose message was answered anew
    rating: int = 0  # of the answer, by the person: 1, -1, or 0 for none
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    estimate: int = 0  # what the prompt was thought to take of `tokens_in`

    @property
    def words(self) -> str:
        """All that is answered."""
        return f"{self.text}\n{self.more}" if self.more else self.text

    @classmethod
    def of(cls, message: Message, reply: Reply, origin: Origin) -> Turn:
        """The turn that answers `message`, not yet stored."""
        return cls(
            key=message.key,
            channel=message.channel,
            author=message.author,
            text=message.text[:LONGEST_TEXT],
            reply=reply,
            state=State.ANSWERED,
            origin=origin,
            quote=message.quote,
            more=message.more[:LONGEST_TEXT],
        )


@dataclass(frozen=True, slots=True)
class Person:
    """`~state` of a conversation: who it is with, and what they chose."""

    registered: bool = False
    name: str = ""
    language: str = ""
    mode: str = ""  # "image": every message is a prompt for a picture
    persona: str = ""  # name of the system prompt that was picked
    asked: bool = False  # to press /start, which is asked once
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
    """One line of what the model is shown; `role` is system, user or assistant.

    `pictures` are `data:` addresses.
    """

    role: str
    content: str
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. `cut` when it stopped at the token limit, `stopped` when told to."""

    text: str
    model: str
    tokens_in: int = 0
    tokens_out: int = 0
    cut: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """Bytes and their media type."""

    content: bytes
    type: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A wish to stop what is being written: `event` names its message or draft, "" any before `at`.

    `at` is epoch milliseconds.
    """

    conversation: str
    event: str
    at: int


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
    """The record has reached its end and may be deleted, with the `merged` ones after it."""

    merged: int = 0


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
