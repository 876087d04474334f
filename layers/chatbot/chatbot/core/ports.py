"""What the conversation needs of the outside. Adapters and test fakes fulfil these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from chatbot.core.errors import ChatbotError

if TYPE_CHECKING:
    from chatbot.core.completion import Completion, PromptLine
    from chatbot.core.files import File
    from chatbot.core.key import TurnKey
    from chatbot.core.message import Envelope, Media, Message
    from chatbot.core.timeline import Person, Window
    from chatbot.core.turn import Claim, Part, Reply, Turn
    from chatbot.core.work import Record


Clock = Callable[[], int]
"""Now, in epoch milliseconds."""


class TurnExists(ChatbotError):
    """A conditional write found another's turn.

    `turn` is what the table holds, None when it is gone.
    """

    def __init__(self, turn: Turn | None) -> None:
        super().__init__("another's turn stands there")
        self.turn = turn


class Settling(Enum):
    """How a post whose fate is unknown is settled once its claim is over."""

    NOTHING_TO_POST = "nothing"  # the stored turn is the message
    READ_BACK = "read back"  # the platform can be asked
    OPERATOR = "operator"  # AMBIGUOUS_DELIVERY: post again, or hold


class Counted(Enum):
    """What became of an event that was to be counted."""

    NOW = "now"
    BEFORE = "before"
    TOO_MANY = "too many"


class Channel(Protocol):
    """The worker's side of a platform."""

    @property
    def name(self) -> str: ...

    @property
    def settling(self) -> Settling: ...

    def read(self, envelope: Envelope) -> Message:
        """Raises Malformed when the payload is not of the platform's form."""

    def greet(self, message: Message) -> None:
        """Tell the platform that the message is being seen to (seen mark, button press).

        Never raises: a lost courtesy must not cost the answer.
        """

    def working(self, message: Message, drawing: bool = False) -> None:
        """Show for some seconds that an answer is on its way. Never raises."""

    def draft(self, message: Message, text: str) -> bool:
        """Show the answer as far as it is written; whether there is a place for that at all.

        Raises ChatbotError: the answer itself goes on.
        """

    def load(self, media: Media) -> File:
        """What was sent along, its type by its content. Raises Unfetchable, PostRefused."""

    def earlier(self, message: Message, most: int) -> Sequence[Turn]:
        """What the platform knows of the conversation before `message`, oldest first.

        Delivered turns under keys of their own, at most `most`. Raises PostRefused.
        """

    def is_administrator(self, message: Message) -> bool:
        """Whether the author rules the group. Raises PostRefused."""

    def split(self, reply: Reply) -> Sequence[Part]:
        """Parts that fit the platform, in order, none empty; the same for the same reply."""

    def post(self, turn: Turn, part: Part) -> str:
        """Post one part of the turn's reply within POST_TIMEOUT; the platform's message id.

        Raises PostRefused (surely not posted), CredentialRefused, Undeliverable, AmbiguousPost.
        """

    def find_posted(self, turn: Turn, part: Part, known: Iterable[str]) -> str | None:
        """READ_BACK only: the id under which `part` arrived since `turn.opened_at`, or None.

        `known` are ids that turns have recorded, which do not count. Raises PostRefused.
        """


class History(Protocol):
    """The conversation table. Every method may raise HistoryUnavailable."""

    def read(self, conversation: str, turns: int) -> Window:
        """The newest turns (at least `turns` of them if there are), strongly consistent."""

    def find(self, key: TurnKey) -> Turn | None:
        """One turn by its exact key, strongly consistent, expired or not."""

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

    def raise_try(self, key: TurnKey) -> int:
        """Count one more delivery of this event that may die; the new count."""

    def lower_try(self, key: TurnKey) -> None:
        """Take that count back: this delivery was handed back on purpose."""

    def save_person(self, conversation: str, person: Person) -> None:
        """Keep who the conversation is with; leaves `forgotten_before` as it is."""

    def lift_break(self, before: TurnKey) -> None:
        """Mark the newest fresh start below the key as lifted by it, once."""

    def older(self, before: TurnKey) -> Iterator[Turn]:
        """Every turn below the key, newest first."""

    def erase(self, before: TurnKey) -> None:
        """Delete all turns below the key and what is kept of the person; leaves `before` there."""

    def rate(self, key: TurnKey, rating: int) -> None:
        """Keep a thumb with the answer; nothing when the turn is gone."""

    def count_today(self, person: str, day: str, kind: str, event: str, most: int) -> Counted:
        """Count `event` among the person's of `day` (YYYY-MM-DD), unless there are `most` (0: any).

        "" is counted each time.
        """

    def save_draft(self, key: TurnKey, text: str) -> None:
        """What is written so far, for the page."""

    def stop_wished(self, key: TurnKey, draft: str) -> bool:
        """Whether somebody wished to stop the answer to `key`, which `draft` names too."""


Show = Callable[[str], bool]
"""Takes the answer as far as it is written; False stops it there."""


class Model(Protocol):
    """Every method may raise ModelUnavailable, ModelRefused, ContentFiltered."""

    def answer(self, prompt: Sequence[PromptLine], seconds: float, show: Show) -> Completion:
        """Ask within `seconds`, retries and fallback models included. Raises ContextTooLong."""

    def draw(self, prompt: str, seconds: float) -> File:
        """A picture."""

    def transcribe(self, audio: File, seconds: float) -> str:
        """The words of a recording."""


class Files(Protocol):
    """The private bucket. Every method may raise FilesUnavailable."""

    def keep(self, name: str, file: File) -> None: ...

    def load(self, name: str) -> File | None:
        """None when it is gone: the bucket keeps things for a short time."""

    def delete(self, names: Iterable[str]) -> None: ...


class Queue(Protocol):
    """The worker's side of the queue. Each returns the ids of records whose receipt was refused.

    Raises QueueUnavailable when the call as a whole failed.
    """

    def hide(self, records: Sequence[Record], seconds: float) -> set[str]: ...

    def delete(self, records: Sequence[Record]) -> set[str]: ...

    def dead_letter(self, record: Record) -> None: ...


class Journal(Protocol):
    """Logs and metrics. Values are ids, sizes, times and fixed words: never people's words."""

    def hop(self, name: str, **facts: str | float) -> None:
        """One line of the structured log."""

    def trouble(self, name: str, **facts: str | float) -> None:
        """The same, as a warning."""

    def count(self, metric: str, value: float = 1, *, channel: str) -> None:
        """Add to a metric; may be called from any thread."""
