"""A turn: what a person said, what is answered, and how far its delivery has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chatbot.core.files import StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Message

LONGEST_TEXT = 50_000
"""Characters kept of a message, far beyond what people can send: an item holds 400 KB."""


@dataclass(frozen=True, slots=True)
class Button:
    """`payload` is sent as the person's next message when the button is pressed."""

    label: str
    payload: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said back: Markdown as the model wrote it; its first paragraph is what is made's
    caption."""

    text: str
    buttons: tuple[Button, ...] = ()
    file: StoredFile | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One post of a reply: fits the platform's limit, is never empty.

    `entities` are the text's formatting as Telegram takes it, offsets in UTF-16 units. What was
    made comes first, with a caption; buttons are on the last part.
    """

    text: str
    entities: tuple[Mapping[str, Any], ...] = ()
    buttons: tuple[Button, ...] = ()
    file: StoredFile | None = None


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
class Links:
    """How a turn stands to others. Sort keys name them; "" names none.

    `fresh_start` marks a break: reading back stops here, unless `lifted_by` names the event that
    resumed. `resumed` is that event's own mark: reading back goes on beyond it, however old what
    follows is. `merged_into` is the turn that answers this message too; `replaces` the turn whose
    message is answered anew by this one.
    """

    fresh_start: bool = False
    lifted_by: str = ""
    resumed: bool = False
    merged_into: str = ""
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the model took for an answer; `estimate` is what its prompt was thought to take."""

    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    estimate: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange: what was said and what is answered. Times are epoch milliseconds.

    `more` holds the texts of the other messages that the turn answers; `quote` the platform's id of
    the message that the reply quotes; `posted` the platform's ids of the parts that surely arrived,
    in order; `opened_at` is when posting was first claimed; `rating` the person's, 1, -1, or 0.
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
    links: Links = Links()
    usage: Usage = Usage()

    @property
    def words(self) -> str:
        """All that is answered."""
        return f"{self.text}\n{self.more}" if self.more else self.text

    @property
    def breaks(self) -> bool:
        """Whether reading back stops here: a fresh start that nothing has lifted."""
        return self.links.fresh_start and not self.links.lifted_by

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do for it."""
        return self.state in (State.DELIVERED, State.UNDELIVERABLE, State.HELD)

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
            quote=message.handles.quote,
            more=message.more[:LONGEST_TEXT],
        )
