"""Events of platforms: the envelope that is queued, and the message that is read from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from chatbot.core.errors import Malformed
from chatbot.core.key import TurnKey

if TYPE_CHECKING:
    from chatbot.core.turn import Turn

ENVELOPE_VERSION = 1
MOVED = "moved"
"""Kind of the event that gives a conversation a new id."""
_DROPPED = ":dropped"
_NEVER_ANSWERED = frozenset({"echo", "edit", MOVED, "rating", "reaction"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event of a platform as it is queued, its `payload` as the platform sent it.

    `occurred_at` is milliseconds since the epoch; `event_id` ends with the event's kind. Example:

        Envelope("telegram", "telegram:42", "000000000007:message", 1795262400000, payload)
    """

    channel: str
    conversation: str
    event_id: str
    occurred_at: int
    payload: Mapping[str, Any]

    @property
    def key(self) -> TurnKey:
        """Key of the turn that answers the event."""
        return TurnKey.of(self.conversation, self.occurred_at, self.event_id)

    def as_dropped(self) -> Envelope:
        """The event in whose place the person is told that it was dropped at the door."""
        return replace(self, event_id=f"{self.event_id}{_DROPPED}")

    @property
    def is_dropped(self) -> bool:
        """Whether it was made by `as_dropped`."""
        return self.event_id.endswith(_DROPPED)

    @property
    def kind(self) -> str:
        """The event's kind, with which its id ends."""
        return self.event_id.removesuffix(_DROPPED).rpartition(":")[2]

    @property
    def asks(self) -> bool:
        """Whether somebody may expect an answer to events of this kind."""
        return self.kind not in _NEVER_ANSWERED

    def to_json(self) -> str:
        """The body of the queued message, compact JSON with the version `v`."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        envelope = {"v": ENVELOPE_VERSION, **fields}
        return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, body: str) -> Envelope:
        """Parse the body of a queued message.

        Raises Malformed for anything that `to_json` of this version would not write.
        """
        try:
            data = json.loads(body)
            version = data.pop("v")
            envelope = cls(**data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # `from None`: the decoder's error quotes the body, which holds what people wrote.
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
    """Who wrote: the platform's id, a first or display name, a language code ("" = unknown)."""

    id: str
    name: str = ""
    language: str = ""


class Kind(StrEnum):
    """Kind of a message, which decides how it is handled."""

    TEXT = "text"
    COMMAND = "command"
    STAFF = "staff"  # written by the page's staff: stored as context, never answered
    RATING = "rating"  # thumb up or down for an answer: stored with it, never answered
    MOVED = "moved"  # the platform gave the conversation a new id: taken over, never answered
    DROPPED = "dropped"  # stands for messages that were dropped at the door: a fixed sentence
    UNSUPPORTED = "unsupported"  # content we cannot read: answered with a fixed sentence


@dataclass(frozen=True, slots=True)
class Media:
    """An attachment. `source` is the id or URL by which the channel downloads it.

    `kind` is "photo", "audio" or "document"; `size` is in bytes, 0 where the platform does not say.
    """

    kind: str
    source: str
    size: int = 0
    name: str = ""

    @property
    def mark(self) -> str:
        """Placeholder for the attachment in a message's text, such as "[picture]"."""
        marks = {"photo": "[picture]", "audio": "[recording]"}
        return marks.get(self.kind, f"[document: {self.name}]" if self.name else "[document]")


class Command(NamedTuple):
    """A slash command: lower-case name without slash and bot name ("" = none), and arguments."""

    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """The message that is replied to: the platform's id, and its text and attachments if known.

    The answer does not depend on these attachments: those that cannot be read are left out.
    """

    id: str = ""
    text: str = ""
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class Handles:
    """Ids that the platform expects in our calls ("" = none).

    `quote` is the message that the reply quotes; `callback` the button press to acknowledge.
    """

    quote: str = ""
    callback: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """An event in the form that all channels share, read from an envelope by its channel.

    `rating` (1, -1, or 0 to take it back) applies to the answer that `reply_to` names. `more` is
    the text of later messages that are merged into this one. `unfinished` is True for a piece of a
    longer text that the platform has split, when further pieces will follow, and for a part of an
    album. `album` is the platform's id of the album that the message is a part of. With `addressed`
    False it is answered only together with a part of its album that is addressed to the bot.

    `id` is the platform's id of the message, by which a later event may name it. An event with
    `edits` is the new form of the message with that id; with `edits_words` only its words are new.
    `counted_as` is whose daily limits count where the author is no account, such as a channel.
    `described` is what stands for attachments before the words of `text`. `moved_from` is the
    conversation under whose key this one was known before (`Kind.MOVED`). All of these are "" where
    they do not apply.
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
    album: str = ""
    addressed: bool = True
    id: str = ""
    edits: str = ""
    edits_words: bool = False
    described: str = ""
    moved_from: str = ""
    counted_as: str = ""

    def as_dropped(self) -> Message:
        """What remains of a message that was dropped: who wrote it and how to answer there.

        One that is not to be answered remains as it is: nobody has asked the bot anything.
        """
        silent = self.kind in (Kind.RATING, Kind.MOVED, Kind.STAFF)
        if silent or self.edits or not self.addressed:
            return self
        return Message(
            self.key,
            self.channel,
            Kind.DROPPED,
            "",
            self.author,
            self.group,
            handles=self.handles,
        )

    @property
    def full_text(self) -> str:
        """The text with those of the merged messages, one a line."""
        return f"{self.text}\n{self.more}" if self.more else self.text


@dataclass(frozen=True, slots=True)
class Stop:
    """A request to stop an answer that is being generated.

    `event` is the event id of the message, or the id of the preview; "" stops any answer to a
    message from before `at` (milliseconds since the epoch).
    """

    conversation: str
    event: str
    at: int


def log_fields(event: Envelope | Message | Turn) -> dict[str, str | float]:
    """Fields that identify an event, or the turn that answers it, in log lines."""
    key = event.key
    return {"channel": event.channel, "conversation": key.conversation, "event_id": key.event_id}
