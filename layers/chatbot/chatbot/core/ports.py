"""What the conversation needs of the outside, as narrow protocols.

Each consumer names the port that it needs; adapters, channels and the tests' fakes fulfil them.
`History` and `Channel` are the sums of their ports, for whoever composes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from chatbot.core.errors import ChatbotError

if TYPE_CHECKING:
    from chatbot.core.completion import Completion, PromptLine
    from chatbot.core.files import File
    from chatbot.core.key import TurnKey
    from chatbot.core.message import Envelope, Media, Message
    from chatbot.core.timeline import ConversationProfile, Timeline
    from chatbot.core.turn import Claim, Part, Reply, Turn
    from chatbot.core.work import Record

Clock = Callable[[], int]
"""Now, in epoch milliseconds."""


def now_ms() -> int:
    """Return the current time in epoch milliseconds: the `Clock` outside of tests."""
    return time.time_ns() // 1_000_000


# Channels


class Settling(Enum):
    """How a post of unknown fate is settled once its claim is over."""

    NOTHING_TO_POST = "nothing"  # the stored turn is the message
    READ_BACK = "read back"  # the platform can be asked
    OPERATOR = "operator"  # AMBIGUOUS_DELIVERY: post again, or hold


class Reader(Protocol):
    """Reads what a platform has sent."""

    def read(self, envelope: Envelope) -> Message:
        """The envelope as a message. Raises Malformed when its payload is not of the platform's
        form."""

    def load(self, media: Media) -> File:
        """Fetch what was sent along; its type by its content. Raises Unfetchable, PostRefused."""

    def earlier(self, message: Message, most: int) -> Sequence[Turn]:
        """What the platform knows of the conversation before `message`, oldest first.

        Delivered turns under keys of their own, at most `most`. Raises PostRefused.
        """

    def is_administrator(self, message: Message) -> bool:
        """Whether the author is an administrator of the group. Raises PostRefused."""

    @property
    def mention(self) -> str:
        """How people address the bot in a group, such as "@name"; "" where they do not."""


class Indicator(Protocol):
    """Shows a person that an answer is being made, and as much of it as there is."""

    def acknowledge(self, message: Message) -> None:
        """Tell the platform that the message was taken (seen mark, button press).

        Never raises: what is lost here must not cost the answer.
        """

    def show_typing(self, message: Message, drawing: bool = False) -> None:
        """Show for some seconds that an answer is on its way. Never raises."""

    def preview(self, message: Message, text: str) -> bool:
        """Show the answer as far as it is written. False where the platform has no place for it.

        Raises ChatbotError: the answer itself goes on.
        """

    def preview_id(self, key: TurnKey) -> str:
        """The platform's id of the preview of the answer to `key`; "" where it has none."""


class Poster(Protocol):
    """Posts a turn's reply, part by part."""

    @property
    def settling(self) -> Settling: ...

    def split(self, reply: Reply) -> Sequence[Part]:
        """Parts that fit the platform, in order, none empty; the same for the same reply."""

    def post(self, turn: Turn, part: Part) -> str:
        """Post one part of the turn's reply within POST_TIMEOUT; returns the platform's message id.

        Raises PostRefused (surely not posted), CredentialRefused, Undeliverable, AmbiguousPost.
        """

    def find_posted(self, turn: Turn, part: Part, known: Iterable[str]) -> str | None:
        """READ_BACK only: the id under which `part` arrived since `turn.opened_at`, or None.

        `known` are ids that turns have recorded, which do not count. Raises PostRefused.
        """


class Channel(Reader, Indicator, Poster, Protocol):
    """The worker's side of a platform. `channels.base` has defaults for what a platform lacks."""

    @property
    def name(self) -> str: ...


# The conversation table. Every method may raise HistoryUnavailable.


class TurnExists(ChatbotError):
    """A conditional write found another's turn.

    `turn` is what the table holds, None when it is gone.
    """

    def __init__(self, turn: Turn | None) -> None:
        super().__init__("another's turn stands there")
        self.turn = turn


class Counted(Enum):
    """What became of an event that was to be counted."""

    NOW = "now"
    BEFORE = "before"
    TOO_MANY = "too many"


class Turns(Protocol):
    """Reads turns, strongly consistent."""

    def read(self, conversation: str, turns: int) -> Timeline:
        """The profile and the newest turns: at least `turns` of them if there are."""

    def find(self, key: TurnKey) -> Turn | None:
        """One turn by its exact key, expired or not."""

    def older(self, before: TurnKey) -> Iterator[Turn]:
        """Every turn below the key, newest first, read page by page."""


class TurnWrites(Turns, Protocol):
    """Writes turns, each on a condition of its own (docs/architecture.md, delivery rules)."""

    def put(self, turn: Turn) -> None:
        """Raises TurnExists with the stored turn when one stands at its key."""

    def put_all(self, turns: Sequence[Turn]) -> None:
        """All or none; raises TurnExists with what stands at the first one's key (None if free)."""

    def take_over(self, found: Turn, claim: Claim, now: int) -> Turn:
        """Claim a turn that is `answered`, or `sending` under no claim or one over before `now`.

        Only while state and claim token are still those of `found`. Returns the turn as it then
        is. Raises TurnExists with the turn that stands there otherwise (None when it is gone).
        """

    def save(self, turn: Turn) -> None:
        """Write state, end of claim and `posted` of a turn that the caller holds.

        Only under the turn's own claim token; raises TurnExists under another's. Writes the whole
        of `posted`, so that an SDK's silent retry never appends a part twice.
        """

    def mark_delivered(self, key: TurnKey, posted: tuple[str, ...]) -> None:
        """Unconditional; writes the whole of `posted`."""

    def abandon(self, key: TurnKey, now: int) -> None:
        """Leave a `sending` turn without a claim: its record went to the dead letters.

        Raises TurnExists unless the claim ended before `now`.
        """

    def hold(self, key: TurnKey, now: int) -> None:
        """`sending` → `held`. Raises TurnExists unless the claim ended before `now`."""


class Deaths(Protocol):
    """Counts the deliveries of an event that ended with their worker."""

    def raise_try(self, key: TurnKey) -> int:
        """Count one more delivery of this event that may die; returns the new count."""

    def lower_try(self, key: TurnKey) -> None:
        """Take that count back: this delivery was handed back on purpose."""


class Profiles(Protocol):
    """Keeps the profile of a conversation."""

    def save_profile(self, conversation: str, profile: ConversationProfile) -> None:
        """Write the whole profile but for `forgotten_before`, which stays as it is."""


class Counters(Protocol):
    """Counts what a person uses in a day."""

    def count_today(self, person: str, day: str, kind: str, event: str, most: int) -> Counted:
        """Count `event` among the person's of `day` (YYYY-MM-DD), unless there are `most` (0: any).

        "" is counted each time.
        """


class Stops(Protocol):
    """Requests to stop an answer, which do not pass through the queue."""

    def stop_requested(self, key: TurnKey, preview: str) -> bool:
        """Whether somebody asked to stop the answer to `key`.

        `preview` is the platform's id of its preview, which a request may name too ("" = none).
        """


class Ratings(Turns, Protocol):
    """Keeps people's ratings with the answers."""

    def rate(self, key: TurnKey, rating: int) -> None:
        """Write the rating into the turn; nothing when the turn is gone."""


class Memory(Turns, Profiles, Protocol):
    """What commands change of a conversation."""

    def lift_break(self, before: TurnKey) -> None:
        """Mark the newest fresh start below the key as lifted by it, once."""

    def erase(self, before: TurnKey) -> int:
        """Delete all turns below the key and the profile; keeps `before` as `forgotten_before`.

        Returns the days for which backups still hold what was deleted.
        """


class History(TurnWrites, Deaths, Counters, Stops, Ratings, Memory, Protocol):
    """The whole conversation table, as the worker composes it."""


# Model, files, queue, logs

Show = Callable[[str], bool]
"""Takes the answer as far as it is written; False stops it there."""


class Model(Protocol):
    """A model server. Every method may raise ModelUnavailable, ModelRefused, ContentFiltered."""

    def answer(self, prompt: Sequence[PromptLine], seconds: float, show: Show) -> Completion:
        """Ask within `seconds`, retries and fallback models included. Raises ContextTooLong."""

    def draw(self, prompt: str, seconds: float) -> File:
        """A picture of what `prompt` describes."""

    def transcribe(self, audio: File, seconds: float) -> str:
        """The words of a recording."""


class Files(Protocol):
    """The private bucket. Every method may raise FilesUnavailable."""

    def keep(self, name: str, file: File) -> None:
        """Write the file under `name`, in place of what was there."""

    def load(self, name: str) -> File | None:
        """None when it is gone: the bucket keeps files for a short time."""

    def delete(self, names: Iterable[str]) -> None:
        """Delete the files; a name without a file is no error."""


class Queue(Protocol):
    """The worker's side of the queue. Raises QueueUnavailable when a call as a whole failed."""

    def hide(self, records: Sequence[Record], seconds: float) -> set[str]:
        """Keep the records from other workers for `seconds` from now.

        Returns the message ids of those whose receipt was refused: they are another worker's.
        """

    def delete(self, records: Sequence[Record]) -> set[str]:
        """Delete the records; returns the message ids of those whose receipt was refused."""

    def dead_letter(self, record: Record) -> None:
        """Copy the record to the dead-letter queue; the caller deletes it then."""


class Journal(Protocol):
    """Logs and metrics. Values are ids, sizes, times and fixed words: never people's words."""

    def info(self, name: str, **facts: str | float) -> None:
        """One line of the structured log."""

    def warning(self, name: str, **facts: str | float) -> None:
        """The same, as a warning."""

    def count(self, metric: str, value: float = 1, *, channel: str) -> None:
        """Add to a metric; may be called from any thread."""
