"""Process one record of the queue: read, look up, answer, store, post.

1. Parse the envelope; one query reads the profile, the newest turns, and the turn of this event if
   an earlier delivery has stored it.
2. With a stored turn, continue its delivery (`delivery.py`): the model is not asked again.
3. Else answer the message (`answer.py`), in the form of its newest edit (`edits.py`), alone or
   merged with messages that wait behind it (`merged.py`), store the turn, and post it.
4. After a temporary failure, note what was requested of the model (`ledger.py`) and return the
   record to the queue. A message that is too old, was paid for too often, or whose deliveries
   crashed the worker repeatedly, is answered with the fallback text; after two more crashes its
   record is moved to the dead-letter queue.

docs/architecture.md ("Delivery rules") has all rules with their reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from chatbot.conversation.answer import Answers
from chatbot.conversation.attempt import Attempt, Deadline
from chatbot.conversation.coalesce import merge, parts_of_first, pointers_to, resolve_pointer
from chatbot.conversation.delivery import Delivery
from chatbot.conversation.edits import apply_edits
from chatbot.conversation.ledger import Ledger
from chatbot.conversation.merged import Apart, MergedAnswers
from chatbot.conversation.moved import go_on
from chatbot.conversation.ratings import keep_rating
from chatbot.conversation.suspects import NOTHING
from chatbot.core.errors import (
    LeaseLost,
    Malformed,
    ModelUnavailable,
    Retryable,
)
from chatbot.core.key import TurnKey
from chatbot.core.message import Envelope, Kind, Message, log_fields
from chatbot.core.ports import (
    Channel,
    Clock,
    CrashCounter,
    Journal,
    Profiles,
    Ratings,
    TurnWrites,
)
from chatbot.core.settings import Settings
from chatbot.core.timeline import Timeline
from chatbot.core.turn import State, Turn
from chatbot.core.work import (
    MOST_CRASHES,
    DeadLetter,
    Done,
    HandBack,
    Outcome,
    Record,
    Tries,
)

MOST_RECEIVES = 90
"""Receives after which a record is moved to the dead-letter queue while its post is ambiguous.

Below the queue's own maxReceiveCount (100): SQS would not remove the turn's claim, and the next
message would take the turn for delivered.
"""
Confirm = Callable[[], None]
"""Waits for the lease on the records; raises LeaseLost when the queue refused it."""


class RecordHistory(CrashCounter, Profiles, Ratings, TurnWrites, Protocol):
    """Ports of the conversation table that this module needs."""


class RecordHandler:
    """Processes records; shared by the threads of a batch.

    Records of the same conversation must be processed one after another.
    """

    def __init__(
        self,
        channels: Mapping[str, Channel],
        history: RecordHistory,
        answers: Answers,
        delivery: Delivery,
        settings: Settings,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._history = history
        self._answers = answers
        self._merged = MergedAnswers(answers, settings, journal)
        self._delivery = delivery
        self._settings = settings
        self._journal = journal
        self._clock = clock

    def handle(
        self,
        record: Record,
        deadline: int,
        confirm: Confirm,
        waiting: Sequence[Record] = (),
        apart: Apart | None = None,
        known: Tries = NOTHING,
    ) -> Outcome:
        """Process one record, perhaps merged with the first of those `waiting` behind it.

        `deadline` is the end of the invocation in milliseconds since the epoch. Before anything
        takes effect, `confirm` waits for the lease. `apart` is shared by the records of a group and
        an invocation. `known` is what is known of the group (`suspects.py`). Raises LeaseLost, and
        nothing else.
        """
        apart = {} if apart is None else apart
        attempt = Attempt.at(record, Deadline(deadline, self._clock), self._settings)
        try:
            envelope = Envelope.from_json(record.body)
        except Malformed:
            return DeadLetter("malformed")
        channel = self._channels.get(envelope.channel)
        if channel is None:
            self._journal.warning("channel_off", channel=envelope.channel)
            return DeadLetter("channel_off") if attempt.given_up() else attempt.hand_back()
        key = envelope.key
        spent = apart.get(record.message_id, Tries())
        ledger = Ledger(self._history, self._journal, attempt, spent, known)
        try:
            timeline, turn = self._read_timeline(key)
            confirm()
            key = turn.key if turn else key
            if turn is not None and (outcome := self._outcome_without_work(turn)):
                return outcome
            ledger.open(
                key, lambda: turn is not None or self._gets_turn(envelope, timeline, channel)
            )
            if dead_letter := self._dead_letter(key, turn, attempt, ledger.crashes):
                return dead_letter
            attempt = replace(ledger.attempt, recorded=timeline.posted_ids())
            if turn is not None:
                self._settle_earlier_turns(key, timeline)
                outcome = self._delivery.resume(turn, channel, attempt)
            else:
                records = (record, *waiting)
                outcome = self._answer(envelope, records, timeline, channel, attempt, ledger, apart)
        except LeaseLost:
            raise
        except Malformed:
            return DeadLetter("malformed")
        except Retryable as refused:
            outcome = attempt.hand_back(refused.retry_after)
            if isinstance(refused, ModelUnavailable):
                outcome = HandBack(max(outcome.delay, ledger.until_next_request()))
            self._log_retry(envelope, refused, outcome.delay)
        except Exception as error:  # noqa: BLE001 - one record must not end its batch
            delay = attempt.hand_back().delay
            outcome = HandBack(delay, deliberate=False)
            self._log_retry(envelope, error, delay)
        if isinstance(outcome, HandBack) and outcome.deliberate:
            outcome = replace(outcome, noted=ledger.close())
        return outcome

    def _read_timeline(self, key: TurnKey) -> tuple[Timeline, Turn | None]:
        """The newest turns, and the turn that answers the event, if there is one.

        An event older than the newest turns is looked up by its key. Of a merged message it is the
        turn into which the message was merged, or the pointer itself where that turn is gone.
        """
        timeline = self._history.read(key.conversation, self._settings.history_turns)
        find = self._history.find
        turn = timeline.find(key)
        if turn is None and not timeline.reaches(key):
            turn = find(key)
        return timeline, resolve_pointer(turn, lambda key: timeline.find(key) or find(key)) or turn

    def _gets_turn(self, envelope: Envelope, timeline: Timeline, channel: Channel) -> bool:
        """Whether the event is answered with a turn, or is part of a message that is."""
        if envelope.key.sort < timeline.profile.forgotten_before:
            return False
        message = channel.read(envelope)
        told = message.kind not in (Kind.RATING, Kind.MOVED) and not message.edits
        return told and message.addressed

    def _outcome_without_work(self, turn: Turn) -> Outcome | None:
        """The outcome when delivery has ended, or another attempt may still be posting."""
        if turn.settled:
            self._journal.info("already_answered", **log_fields(turn))
            return Done()
        return self._delivery.wait_for_claim(turn)

    def _dead_letter(
        self, key: TurnKey, turn: Turn | None, attempt: Attempt, crashes: int
    ) -> DeadLetter | None:
        """The outcome of a record that crashed, or stayed ambiguous, too often."""
        may_be_posted = turn is not None and turn.state is State.SENDING
        unsettled = may_be_posted and attempt.receive_count >= MOST_RECEIVES
        if not unsettled and crashes <= MOST_CRASHES:
            return None
        if may_be_posted:
            self._history.abandon(key, self._clock())
        return DeadLetter("unsettled" if unsettled else "died")

    def _answer(
        self,
        envelope: Envelope,
        records: Sequence[Record],
        timeline: Timeline,
        channel: Channel,
        attempt: Attempt,
        ledger: Ledger,
        apart: Apart,
    ) -> Outcome:
        """Answer the first of `records`, merged with those behind it where that is possible."""
        if envelope.key.sort < timeline.profile.forgotten_before:
            self._journal.info("forgotten", channel=envelope.channel, event_id=envelope.event_id)
            return Done()
        events = apply_edits([channel.read(envelope), *_read_all(records[1:], channel)])
        first = events[0]
        if first.kind is Kind.RATING:
            keep_rating(first, timeline, self._history, self._journal)
            return Done()
        if first.kind is Kind.MOVED:
            go_on(first, timeline, self._history, self._journal)
            return Done()
        if first.edits:
            self._journal.info("edit", channel=envelope.channel, event_id=envelope.event_id)
            return Done()
        if first.addressed:
            self._settle_earlier_turns(envelope.key, timeline)  # before anything is paid for
        if attempt.given_up() or not ledger.may_pay:
            messages = parts_of_first(events, timeline, self._settings.max_input)
            message = merge(messages)
            if not message.addressed:
                return Done(len(messages) - 1)
            reason = "gave_up" if attempt.given_up() else "paid_limit"
            turn = self._answers.fallback(message, reason)
        elif not attempt.can_begin():
            return HandBack(0)
        else:
            made = self._merged.make_turn(
                events, records, timeline, channel, attempt, ledger, apart
            )
            if isinstance(made, Done | HandBack):
                return made
            turn, messages = made
        pointers = pointers_to(turn, messages[1:])
        return self._delivery.begin(turn, channel, attempt, pointers)

    def _settle_earlier_turns(self, key: TurnKey, timeline: Timeline) -> None:
        """Mark earlier turns as delivered whose last write failed.

        A FIFO queue gives us this record only after the earlier ones of its group were deleted, so
        a turn in `sending` whose claim has ended was posted. Without a claim, its record is in the
        dead-letter queue instead, and the turn stays as it is. Turns under an earlier id of the
        conversation have a group of their own.

        Not for an event that gets no turn, such as a rating or an edit: when a worker dies, it
        comes again with the records behind it, one of whose answers may still have to be posted.
        """
        for turn in timeline.turns:
            if turn.key.conversation != key.conversation:
                continue
            if turn.key == key or turn.state is not State.SENDING or turn.claim is None:
                continue
            if turn.claim.ends_at < self._clock():
                self._history.mark_delivered(turn.key, turn.posted)

    def _log_retry(self, envelope: Envelope, error: Exception, delay: float) -> None:
        """Log by the type alone: an error's text may contain what people wrote."""
        self._journal.count("TriedAgain", channel=envelope.channel)
        self._journal.warning(
            "retry_scheduled", **log_fields(envelope), error=type(error).__name__, delay=delay
        )


def _read_all(records: Iterable[Record], channel: Channel) -> Iterator[Message]:
    """The messages of the records, up to the first that is malformed."""
    for record in records:
        try:
            yield channel.read(Envelope.from_json(record.body))
        except Malformed:
            return
