"""The way of one message through the worker: read → look back → answer → store → post."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from chatbot.conversation.answer import Answers
from chatbot.conversation.attempt import Attempt, Deadline
from chatbot.conversation.coalesce import answering, as_one, pointers, together
from chatbot.conversation.delivery import Delivery, facts
from chatbot.conversation.ratings import keep_rating
from chatbot.core.errors import HistoryUnavailable, LeaseLost, Malformed, Retryable
from chatbot.core.key import TurnKey
from chatbot.core.message import Envelope, Kind, Message
from chatbot.core.ports import Channel, Clock, Deaths, Journal, Ratings, TurnWrites
from chatbot.core.settings import Settings
from chatbot.core.timeline import Timeline
from chatbot.core.turn import State, Turn
from chatbot.core.work import DeadLetter, Done, HandBack, Outcome, Record

DEATHS_BEFORE_FALLBACK = 3
DEATHS_BEFORE_DEAD_LETTER = 4
MOST_RECEIVES = 90
"""A post that stays unknown for so long leaves before the queue's own net (maxReceiveCount 100),
which would not write down that the turn is still open."""
REST_ARRIVES = 2.0
"""Seconds in which the rest of a text that its platform cut will have come."""

Confirm = Callable[[], None]
"""Returns once the queue has granted the lease; raises LeaseLost when it refused."""


class RecordHistory(Deaths, Ratings, TurnWrites, Protocol):
    """The ports of the table that are used here."""


class RecordHandler:
    """Answers records, one at a time for each conversation; shared by the threads of a batch."""

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
        self._delivery = delivery
        self._settings = settings
        self._journal = journal
        self._clock = clock

    def handle(
        self, record: Record, deadline: int, confirm: Confirm, waiting: Sequence[Record] = ()
    ) -> Outcome:
        """Bring one record as far as it goes, perhaps together with the next of those `waiting`.

        `deadline` of the invocation is in epoch milliseconds. Raises LeaseLost, and nothing else.
        """
        attempt = Attempt.at(record, Deadline(deadline, self._clock), self._settings)
        try:
            envelope = Envelope.from_json(record.body)
        except Malformed:
            return DeadLetter("malformed")
        channel = self._channels.get(envelope.channel)
        if channel is None:
            self._journal.warning("channel_off", channel=envelope.channel)
            return DeadLetter("channel_off") if attempt.given_up() else attempt.hand_back()
        key, counted = envelope.key, False
        try:
            timeline, turn = self._look_back(key)
            confirm()
            key = turn.key if turn else key
            if turn is not None and (rest := self._at_rest(turn)):
                return rest
            deaths = 0
            if record.receive_count > 1:
                deaths = self._history.raise_try(key)
                counted = True
            if dead := self._given_away(key, turn, attempt, deaths):
                return dead
            self._settle_earlier(key, timeline)
            attempt = replace(attempt, recorded=timeline.posted_ids())
            if turn is not None:
                outcome = self._delivery.resume(turn, channel, attempt)
            else:
                records = (record, *waiting)
                outcome = self._answer(envelope, records, timeline, channel, attempt, deaths)
        except LeaseLost:
            raise
        except Malformed:
            return DeadLetter("malformed")
        except Retryable as refused:
            outcome = attempt.hand_back(refused.retry_after)
            self._say_again(envelope, refused, outcome.delay)
        except Exception as error:  # noqa: BLE001 - the last guard of a thread
            delay = attempt.hand_back().delay
            outcome = HandBack(delay, deliberate=False)
            self._say_again(envelope, error, delay)
        if counted and isinstance(outcome, HandBack) and outcome.deliberate:
            self._take_try_back(key)
        return outcome

    def _look_back(self, key: TurnKey) -> tuple[Timeline, Turn | None]:
        """What was said, and the turn that answers the event, if there is one."""
        timeline = self._history.read(key.conversation, self._settings.history_turns)
        find = self._history.find
        turn = timeline.find(key)
        if turn is None and not timeline.reaches(key):
            turn = find(key)
        return timeline, answering(turn, lambda key: timeline.find(key) or find(key)) or turn

    def _at_rest(self, turn: Turn) -> Outcome | None:
        if turn.settled:
            self._journal.info("already_answered", **facts(turn))
            return Done()
        return self._delivery.wait_for_claim(turn)

    def _given_away(
        self, key: TurnKey, turn: Turn | None, attempt: Attempt, deaths: int
    ) -> DeadLetter | None:
        still_open = turn is not None and turn.state is State.SENDING
        hopeless = still_open and attempt.receive_count >= MOST_RECEIVES
        if not hopeless and deaths <= DEATHS_BEFORE_DEAD_LETTER:
            return None
        if still_open:
            self._history.abandon(key, self._clock())
        return DeadLetter("unsettled" if hopeless else "died")

    def _answer(
        self,
        envelope: Envelope,
        records: Sequence[Record],
        timeline: Timeline,
        channel: Channel,
        attempt: Attempt,
        deaths: int,
    ) -> Outcome:
        """Answer the first of `records`, with those that follow it where they belong together."""
        if envelope.key.sort < timeline.profile.forgotten_before:
            self._journal.info("forgotten", channel=envelope.channel, event_id=envelope.event_id)
            return Done()
        messages = [channel.read(envelope)]
        if messages[0].kind is Kind.RATING:
            keep_rating(messages[0], timeline, self._history, self._journal)
            return Done()
        if deaths > DEATHS_BEFORE_FALLBACK or attempt.given_up():
            turn = self._answers.fallback(messages[0], "gave_up")
        elif not attempt.can_begin():
            return HandBack(0)
        else:
            waiting = _readable(records[1:], channel)
            messages = together(messages[0], waiting, timeline, self._settings.max_input)
            last = records[len(messages) - 1]
            if messages[-1].unfinished and last is records[-1] and last.receive_count == 1:
                return HandBack(REST_ARRIVES)
            turn = self._answers.to(as_one(messages), timeline, channel, attempt.answer_by)
        merged = pointers(turn, messages[1:])
        return self._delivery.begin(turn, channel, attempt, merged)

    def _settle_earlier(self, key: TurnKey, timeline: Timeline) -> None:
        """Earlier records of the group are gone, so a turn still open was posted for sure.

        Only its last write was missed; a turn without a claim waits in the dead letters instead.
        """
        for turn in timeline.turns:
            if turn.key == key or turn.state is not State.SENDING or turn.claim is None:
                continue
            if turn.claim.ends_at < self._clock():
                self._history.mark_delivered(turn.key, turn.posted)

    def _take_try_back(self, key: TurnKey) -> None:
        try:
            self._history.lower_try(key)
        except HistoryUnavailable:
            self._journal.warning("try_not_lowered", event_id=key.event_id)

    def _say_again(self, envelope: Envelope, error: Exception, delay: float) -> None:
        """The type alone: an error's text is not ours to vouch for."""
        self._journal.count("TriedAgain", channel=envelope.channel)
        self._journal.warning(
            "again",
            channel=envelope.channel,
            conversation=envelope.conversation,
            event_id=envelope.event_id,
            error=type(error).__name__,
            delay=delay,
        )


def _readable(records: Iterable[Record], channel: Channel) -> Iterator[Message]:
    """What the records say, up to the first that nobody can read."""
    for record in records:
        try:
            yield channel.read(Envelope.from_json(record.body))
        except Malformed:
            return
