"""The interfaces of the conversation to everything outside, as narrow protocols.

Each consumer declares the port that it needs; adapters, channels and the tests' fakes implement
them. `History` and `Channel` combine the ports of the table and of a platform for the composition
root (`bootstrap`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from chatbot.core.errors import ChatbotError
from chatbot.core.key import TURN_PREFIX, TurnKey

if TYPE_CHECKING:
    from chatbot.core.budget import Share
    from chatbot.core.completion import Completion, PromptLine, Spending
    from chatbot.core.files import File, FileStream
    from chatbot.core.message import Envelope, Media, Message
    from chatbot.core.timeline import ConversationProfile, Timeline
    from chatbot.core.turn import Claim, Part, Reply, Turn
    from chatbot.core.work import Record, Tries

Clock = Callable[[], int]
"""The current time in milliseconds since the epoch."""


def now_ms() -> int:
    """Return the current time in epoch milliseconds: the `Clock` outside of tests."""
    return time.time_ns() // 1_000_000


# Channels


class Settling(Enum):
    """What to do about a post that may have arrived, once its claim has ended."""

    NOTHING_TO_POST = "nothing"  # the page reads the stored turn
    READ_BACK = "read back"  # ask the platform what it has
    OPERATOR = "operator"  # AMBIGUOUS_DELIVERY decides: post again, or hold


class Reader(Protocol):
    """Reads events and attachments of a platform."""

    def read(self, envelope: Envelope) -> Message:
        """Convert the envelope; raises Malformed when its payload is not of the platform's form."""

    def load(self, media: Media) -> File:
        """Download an attachment and detect its type by its content.

        Raises Unfetchable (never available), PostRefused (may be repeated).
        """

    def earlier(self, message: Message, most: int) -> Sequence[Turn]:
        """At most `most` exchanges before `message` that the platform has stored, oldest first.

        They are delivered turns with keys of their own. Empty where the platform does not offer
        them. Raises PostRefused.
        """

    def is_administrator(self, message: Message) -> bool:
        """Whether the author is an administrator of the group. Raises PostRefused."""

    @property
    def mention(self) -> str:
        """How people address the bot in a group, such as "@name"; "" where unknown."""


class Indicator(Protocol):
    """Shows that an answer is being generated, and a preview of it."""

    def acknowledge(self, message: Message) -> None:
        """Tell the platform that the message was received (seen mark, button press).

        Never raises: a failure here must not cost the answer.
        """

    def show_typing(self, message: Message, drawing: bool = False) -> None:
        """Show a typing sign for some seconds (`drawing`: for a picture). Never raises."""

    def preview(self, message: Message, text: str) -> bool:
        """Show the unfinished answer. Returns False where the platform cannot show one.

        Raises ChatbotError; the answer itself continues.
        """

    def preview_id(self, key: TurnKey) -> str:
        """The platform's id of the preview of the answer to `key`; "" where there is none."""


class Poster(Protocol):
    """Posts a turn's reply, part by part."""

    @property
    def settling(self) -> Settling:
        """What to do about a post that may have arrived."""

    def split(self, reply: Reply) -> Sequence[Part]:
        """Split a reply into posts within the platform's limits, none empty, in order.

        Must be deterministic: an attempt continues at a part by its number.
        """

    def post(self, turn: Turn, part: Part) -> str:
        """Post one part of the turn's reply within POST_TIMEOUT; returns the platform's message id.

        Raises PostRefused (surely not posted), CredentialRefused (likewise, bad token),
        Undeliverable (never will be), AmbiguousPost (may have been posted).
        """

    def html_of(self, reply: Reply) -> str:
        """The reply as the channel's own page shows it.

        "" where the channel has no page, and for a plain reply, which is shown as it is written.
        """

    def may_change_form(self, turn: Turn, known: Iterable[str]) -> bool:
        """Whether the first part may be posted in another form than an earlier attempt's.

        Asked for a turn of which no post is recorded although one may have arrived: False where
        `find_posted` would then not find that post. `known` as there. Raises PostRefused.
        """

    def find_posted(self, turn: Turn, part: Part, known: Iterable[str]) -> str | None:
        """The platform's id of `part`, if it was posted since `turn.opened_at`, else None.

        Only called with `Settling.READ_BACK`. `known` are ids of posts that turns have recorded:
        an equal text among them is an earlier post. Raises PostRefused.
        """


class Channel(Reader, Indicator, Poster, Protocol):
    """A platform as the worker uses it. `channels.base` has defaults for what a platform lacks."""

    @property
    def name(self) -> str:
        """The channel's name, as it stands in envelopes, keys and metrics."""


# The conversation table. Every method may raise HistoryUnavailable.


class TurnExists(ChatbotError):
    """The condition of a write was not met.

    `turn` is the turn that the table holds instead, None when there is none.
    """

    def __init__(self, turn: Turn | None) -> None:
        super().__init__("another turn is stored there")
        self.turn = turn


class Counted(Enum):
    """Result of counting an event against a daily limit."""

    NOW = "now"  # counted by this call
    BEFORE = "before"  # counted by an earlier call
    TOO_MANY = "too many"  # not counted: the limit is reached


class Turns(Protocol):
    """Reads turns, always strongly consistent."""

    def read(self, conversation: str, turns: int) -> Timeline:
        """The profile and the newest turns: at least `turns` of them, if there are as many.

        There are fewer where they are long: once they take MOST_HISTORY_BYTES, that is enough.
        Those under the conversation's earlier id (`moved_from`) follow its own.
        """

    def find(self, key: TurnKey) -> Turn | None:
        """One turn by its exact key, expired or not."""

    def older(self, before: TurnKey) -> Iterator[Turn]:
        """Iterate over all turns with lower keys, newest first, page by page.

        Those under the conversation's earlier id follow its own.
        """

    def oldest(self, before: TurnKey, since: str = TURN_PREFIX) -> Iterator[Turn]:
        """Iterate over the same turns, oldest first, page by page.

        `since` leaves out those with lower sort keys.
        """


class TurnWrites(Turns, Protocol):
    """Writes turns, each method under its own condition (docs/architecture.md, Delivery rules)."""

    def put(self, turn: Turn) -> None:
        """Store a new turn. Raises TurnExists with the stored turn when its key is taken."""

    def put_all(self, turns: Sequence[Turn]) -> None:
        """Store all of the turns or none.

        Raises TurnExists when any key is taken, with the turn at the first key (None if free).
        """

    def take_over(self, found: Turn, claim: Claim, now: int) -> Turn:
        """Claim a turn that is `answered`, or `sending` without a claim that runs at `now`.

        Only while state and claim token are still those of `found`. With a plain reply in `found`,
        the reply is plain from then on. Returns the turn after the
        write, else raises TurnExists with the stored turn (None when it is gone). `now` is in
        milliseconds since the epoch, here and below.
        """

    def save(self, turn: Turn) -> None:
        """Write state, end of claim and `posted` of a turn that the caller has claimed.

        Raises TurnExists when the stored claim token is another one. Writes the whole list
        `posted`, so that a silent retry of the SDK never appends a part twice.
        """

    def mark_delivered(
        self, key: TurnKey, posted: tuple[str, ...], html: str = "", *, plain: bool = False
    ) -> None:
        """Set the state `delivered` and the whole list `posted`, whoever holds the claim.

        And the reply's HTML if there is any, and that it is `plain` if it is.
        """

    def abandon(self, key: TurnKey, now: int) -> None:
        """Remove the claim of a `sending` turn whose record is moved to the dead-letter queue.

        Raises TurnExists unless the claim ended before `now`.
        """

    def hold(self, key: TurnKey, now: int) -> None:
        """Change `sending` to `held`. Raises TurnExists unless the claim ended before `now`."""


class CrashCounter(Protocol):
    """Keeps what the deliveries of a conversation's latest event have cost (`work.Tries`)."""

    def tries(self, conversation: str) -> tuple[str, Tries]:
        """What is stored, and the sort key of the event for which it is; "" if there is none."""

    def raise_try(
        self,
        key: TurnKey,
        died: int,
        since: int,
        *,
        replace_later: bool = False,
        anew_before: int = 0,
    ) -> Tries | None:
        """Count one more delivery of this event, before it is processed; returns what is stored.

        What remains counted are the deliveries that never came to `note_try`: crashes. `died` is
        stored as it is, `since` unless the event has one. It replaces what is stored for an earlier
        event. For a later one, only with `replace_later`: else nothing is counted, and None
        returned. What is stored with a `since` before `anew_before` was noted before the event was
        redriven from the dead-letter queue: it starts anew.
        """

    def note_try(self, key: TurnKey, before: Tries | None, after: Tries) -> bool:
        """Store `after` in place of `before`, which this delivery has read or stored.

        With a `before` of None nothing may be stored for the event yet, nor for a later one,
        except what remains of one that was moved to the dead-letter queue and is redriven: it
        starts anew. Returns False, and stores nothing, when another delivery has changed it.
        Repeated, it does no harm.
        """


class Profiles(Protocol):
    """Stores the profile of a conversation."""

    def save_profile(self, conversation: str, profile: ConversationProfile) -> None:
        """Write the whole profile except `forgotten_before`, which keeps its stored value."""


class Counters(Protocol):
    """Counts what a person uses in a day, for the daily limits."""

    def count_today(
        self, person: str, day: str, kind: str, event: str, most: int, amount: int = 1
    ) -> Counted:
        """Count `event` once for the person and `day` (YYYY-MM-DD), unless that exceeds `most`.

        `kind` names the counter; a `most` of 0 is no limit; the event "" counts at every call. It
        counts as `amount`, which is not more than `most`.
        """


class Stops(Protocol):
    """Reads requests to stop an answer. They bypass the queue, which the answer occupies."""

    def stop_requested(self, key: TurnKey, preview: str) -> bool:
        """Whether a person asked to stop the answer to `key`.

        `preview` is the platform's id of its preview, which a request may name too ("" = none).
        """


@dataclass(frozen=True, slots=True)
class Places:
    """Places in the queue that messages of a conversation were given, from `first` on.

    `may_tell` is whether the person may be told that others were not.
    """

    first: int = 0
    granted: int = 0
    may_tell: bool = False


class WaitingRoom(Protocol):
    """Counts the messages of a conversation that wait in the queue, by numbered places."""

    def take(self, conversation: str, events: int, most: int, stale: float) -> Places:
        """Take places for `events` messages, as far as at most `most` wait then.

        After `stale` seconds without any change, none is taken to be waiting.
        """

    def tell(self, conversation: str, most: int) -> int:
        """Take a place for a sentence that says that messages were dropped; 0 when it is not due.

        It is due again when the sentence before it was answered.
        """

    def give_back(self, conversation: str, last: int, places: int, *, told: bool) -> None:
        """Give back so many places, the last of them `last`, of messages that were not queued.

        `told` is whether one of them came from `tell`, whose sentence is due again then. When
        another message has the place after `last`, as many more places are opened instead.
        """

    def leave(self, conversation: str, place: int, most: int) -> None:
        """Note that the messages up to `place` no longer wait. Repeated, it does no harm."""

    def leave_all(self, conversation: str, sent_at: int, most: int) -> None:
        """Note that no message waits of those that took places by `sent_at` (epoch milliseconds).

        Does nothing when a place was taken later: its own message frees it. Repeated, it does no
        harm.
        """


class Ratings(Turns, Protocol):
    """Stores ratings with the answers that they are for."""

    def rate(self, key: TurnKey, rating: int) -> None:
        """Set the turn's rating (1, -1, or 0 for none); does nothing when the turn is gone."""


class Memory(Turns, Profiles, Protocol):
    """What commands read and change of a conversation."""

    def lift_break(self, before: TurnKey, seconds: float = math.inf) -> None:
        """Mark the newest fresh start below the key as lifted by the event at the key.

        Idempotent: repeated with the same key, it lifts the same one. What is left after `seconds`
        raises HistoryUnavailable: repeated, it goes on there.
        """

    def erase(self, before: TurnKey, seconds: float = math.inf) -> int:
        """Delete the profile and all turns below the key; store the key as `forgotten_before`.

        Also under the conversation's earlier id. What is left after `seconds` raises
        HistoryUnavailable: repeated, it goes on there.
        Returns the number of days for which backups still contain the deleted data.
        """


class History(TurnWrites, CrashCounter, Counters, Stops, Ratings, Memory, Protocol):
    """The whole conversation table: all of the ports above."""


# Model, files, queue, logs

Show = Callable[[str], bool]
"""Receives the answer so far; returns False to stop the model."""


class Model(Protocol):
    """A model server. Every method may raise ModelUnavailable, ModelRefused, ContentFiltered."""

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        """Ask for a completion within `seconds`, retries and fallback models included.

        `show` receives the answer so far, again and again. Every request is counted in `spending`.
        Raises ContextTooLong, UselessAnswer, SpendingExhausted, too.
        """

    def draw(self, prompt: str, seconds: float, spending: Spending, room: Share) -> File:
        """Generate a picture from a description within `seconds`.

        Takes the memory for it into `room` before it asks, and leaves there what the picture needs.
        Raises DrawingUnsupported, SpendingExhausted, UselessAnswer, MemoryBusy, too.
        """

    def transcribe(self, audio: File, seconds: float, spending: Spending) -> str:
        """Transcribe a recording within `seconds`.

        Raises InputUnsupported, SpendingExhausted, UselessAnswer, too; the last one after at most
        PAID_FOR_A_RECORDING paid requests.
        """


class Documents(Protocol):
    """Reads the text of documents."""

    def text_of(self, file: File, most: int, seconds: float) -> str:
        """At most `most` characters of the text, read within `seconds`.

        Raises Unfetchable, PostRefused.
        """


class Files(Protocol):
    """The private bucket. Every method may raise FilesUnavailable."""

    def keep(self, name: str, file: File) -> None:
        """Write the file under `name`, replacing any earlier one."""

    def write(self, name: str, kind: str, chunks: Iterable[bytes]) -> None:
        """Write a file of the type `kind` in pieces, likewise; after an error there is none."""

    def load(self, name: str) -> FileStream | None:
        """Begin to read a file; None when there is none, since the bucket expires files soon."""

    def names(self, conversation: str) -> Iterator[str]:
        """The names of all files of a conversation, read page by page."""

    def delete(self, names: Iterable[str]) -> None:
        """Delete the files; a missing one is no error."""


class Queue(Protocol):
    """The queue as the worker uses it. Raises QueueUnavailable when a call as a whole failed."""

    def hide(self, records: Sequence[Record], seconds: float) -> set[str]:
        """Set the records' visibility timeout to `seconds` from now.

        Returns the message ids whose receipt was refused: another worker may have received them.
        """

    def delete(self, records: Sequence[Record]) -> set[str]:
        """Delete the records; returns the message ids of those whose receipt was refused."""

    def dead_letter(self, record: Record) -> None:
        """Copy the record to the dead-letter queue. The caller deletes the original."""


class Journal(Protocol):
    """Logs and metrics. Values are ids, sizes, times and fixed words, never what people wrote."""

    def info(self, name: str, **facts: str | float) -> None:
        """Log an event by its name, with `facts` as fields of the JSON line."""

    def warning(self, name: str, **facts: str | float) -> None:
        """Log an event at the level WARNING."""

    def count(self, metric: str, value: float = 1, *, channel: str) -> None:
        """Add `value` to a metric, with the channel as its dimension; thread-safe."""
