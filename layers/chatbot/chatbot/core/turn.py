"""A turn: a person's message, its answer, and the state of the answer's delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from chatbot.core.files import StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.limits import LONGEST_COMMAND, LONGEST_DRAWING, MOST_STORED
from chatbot.core.message import Author, Kind, Media, Message

LONGEST_TEXT = 50_000
"""Characters that are stored of a message; fewer where it and its answer are too large for an item
of the table (adapters/dynamodb/fitting.py)."""
MOST_PICTURES = 10
"""Pictures whose source is stored with a turn: as many as an album has."""
_LONGEST_SOURCE = 2_000  # characters; a longer URL is not stored


@dataclass(frozen=True, slots=True)
class Button:
    """A button below a reply. Pressing it sends `payload`, such as "/new fresh", as a message."""

    label: str
    payload: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: Markdown as the model wrote it, buttons, and a generated file.

    With a file, the first paragraph of `text` is its caption. A `plain` reply is posted as it is
    written: the attempt that stored it may have ended over its conversion.
    """

    text: str
    buttons: tuple[Button, ...] = ()
    file: StoredFile | None = None
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One post of a reply, within the platform's limits and never empty.

    `formatting` is in the platform's own form: only the channel that made the part reads it. The
    first part has the file, the last one the buttons.
    """

    text: str
    formatting: tuple[Mapping[str, Any], ...] = ()
    buttons: tuple[Button, ...] = ()
    file: StoredFile | None = None


class State(StrEnum):
    """State of a turn's delivery (docs/architecture.md, Delivery rules)."""

    ANSWERED = "answered"  # stored, the next part surely not posted
    SENDING = "sending"  # claimed by an attempt, which may be posting until its claim ends
    DELIVERED = "delivered"  # every part was posted
    UNDELIVERABLE = "undeliverable"  # the platform will never take it
    HELD = "held"  # perhaps posted; AMBIGUOUS_DELIVERY says not to repeat it


class Origin(StrEnum):
    """Where an answer comes from. Only those of `MODEL` enter later prompts as answers.

    `core.timeline` says which turns count at all.
    """

    MODEL = "model"
    COMMAND = "command"
    FALLBACK = "fallback"  # FALLBACK_TEXT: the model was unavailable
    FILTERED = "filtered"  # FILTERED_TEXT: the content filter stopped it
    NOTICE = "notice"  # a fixed sentence: unsupported content, too long, limits
    STAFF = "staff"  # no answer; `text` was written by the page's staff


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one attempt to post a turn, until `ends_at` (milliseconds since the epoch).

    `token` is random and identifies the attempt.
    """

    token: str
    ends_at: int


@dataclass(frozen=True, slots=True)
class Links:
    """Relations of a turn to others, by their sort keys ("" = none).

    `fresh_start`: earlier turns no longer count, unless `lifted_by` names the event (/new earlier)
    that lifted it. `resumed`: this turn is such an event, and earlier turns count whatever their
    age. `merged_into`: this turn is a pointer to the turn that answers its message together with
    others. `replaces`: the turn whose message this one answers again (/retry).
    """

    fresh_start: bool = False
    lifted_by: str = ""
    resumed: bool = False
    merged_into: str = ""
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of an answer as the model reported them; `estimate` is our estimate of its prompt."""

    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    estimate: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One message with its answer and the state of its delivery.

    `posted` are the platform's ids of the parts that surely arrived, in order; `opened_at` is when
    posting was first claimed, in milliseconds since the epoch. `quote` is the platform's id of the
    message that the reply quotes. `more` is the text of the messages that are merged into this
    one. `rating` is the person's: 1, -1, or 0 for none. `since` is the sort key of the oldest turn
    in the prompt that gave the answer, "" where there was no prompt or no version that stored it.
    `media` are the pictures that the model was shown with the message, by kind and source: the
    platform may still have them. `html` is the answer as the web page shows it, made once after it
    was stored; "" where no page shows it, where it has no room, where the worker died over it, and
    for earlier versions.
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
    more: str = ""
    rating: int = 0
    since: str = ""
    links: Links = Links()
    usage: Usage = Usage()
    media: tuple[Media, ...] = ()
    html: str = ""

    @property
    def full_text(self) -> str:
        """The text with those of the merged messages, one a line."""
        return f"{self.text}\n{self.more}" if self.more else self.text

    @property
    def breaks(self) -> bool:
        """Whether earlier turns do not count: a fresh start that is not lifted."""
        return self.links.fresh_start and not self.links.lifted_by

    def with_html(self, html: str) -> Turn:
        """The turn with this HTML, or none where the table has no room for it (MOST_STORED)."""
        title = self.reply.file.title if self.reply.file else ""
        texts = self.text, self.more, self.reply.text, title, html
        size = sum(len(text.encode("utf-8", "replace")) for text in texts)
        return replace(self, html=html if size <= MOST_STORED else "")

    @property
    def settled(self) -> bool:
        """Whether delivery has ended, one way or another."""
        return self.state in (State.DELIVERED, State.UNDELIVERABLE, State.HELD)

    @classmethod
    def of(cls, message: Message, reply: Reply, origin: Origin) -> Turn:
        """The turn that answers `message`, not yet stored."""
        return cls(
            key=message.key,
            channel=message.channel,
            author=message.author,
            text=message.text[: _longest_text(message)],
            reply=reply,
            state=State.ANSWERED,
            origin=origin,
            quote=message.handles.quote,
            more=message.more[:LONGEST_TEXT],
            media=tuple(
                Media(media.kind, media.source)
                for media in message.media[:MOST_PICTURES]
                if media.kind == "photo" and len(media.source) <= _LONGEST_SOURCE
            ),
        )


def _longest_text(message: Message) -> int:
    """Characters that are stored of the text: of a command, no more than it can use."""
    if message.kind is not Kind.COMMAND:
        return LONGEST_TEXT
    return LONGEST_DRAWING if message.command.name == "image" else LONGEST_COMMAND
