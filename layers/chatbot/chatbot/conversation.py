"""The way of one message through the worker: read → look back → answer → store → post."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from chatbot import commands, prompt
from chatbot.delivery import CLOSING, Attempt, Delivery, facts, is_settled
from chatbot.errors import (
    ContentFiltered,
    HistoryUnavailable,
    LeaseLost,
    Malformed,
    ModelRefused,
    Retryable,
)
from chatbot.messages import (
    DeadLetter,
    Done,
    Envelope,
    HandBack,
    Kind,
    Message,
    Origin,
    Outcome,
    Record,
    Reply,
    State,
    Turn,
    TurnKey,
    Window,
)
from chatbot.ports import Channel, Clock, History, Journal, Model
from chatbot.presence import Presence
from chatbot.settings import Settings

DEATHS_BEFORE_FALLBACK = 3
DEATHS_BEFORE_DEAD_LETTER = 4
MOST_RECEIVES = 90
"""A post that stays unknown for so long leaves before the queue's own net (maxReceiveCount 100),
which would not write down that the turn is still open."""
LEAST_MODEL_TIME = 3.0
"""Seconds: with less left than this and the post's own need, a record is not begun."""
LONGEST_TEXT = 50_000
"""Characters kept of a message, far beyond what people can send: an item holds 400 KB."""

NOBODY_IS_ANSWERED = ("authentication", "insufficient_quota", "unknown_model")
"""Refusals that concern no single message: until an operator acts, every answer is the fallback."""

Confirm = Callable[[], None]
"""Returns once the queue has granted the lease; raises LeaseLost when it refused."""


class Conversation:
    """Answers records, one at a time for each conversation; shared by the threads of a batch."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        history: History,
        model: Model,
        delivery: Delivery,
        settings: Settings,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._history = history
        self._model = model
        self._delivery = delivery
        self._settings = settings
        self._journal = journal
        self._clock = clock

    def time_needed(self) -> float:
        """Seconds below which no record should be begun."""
        return self._reserve() + LEAST_MODEL_TIME

    def handle(self, record: Record, deadline: int, confirm: Confirm) -> Outcome:
        """Bring one record as far as it goes. Raises LeaseLost, and nothing else."""
        attempt = Attempt(deadline, record.receive_count, record.sent_at)
        try:
            envelope = Envelope.from_json(record.body)
        except Malformed:
            return DeadLetter("malformed")
        channel = self._channels.get(envelope.channel)
        if channel is None:
            self._journal.trouble("channel_off", channel=envelope.channel)
            gone = self._delivery.given_up(attempt)
            return DeadLetter("channel_off") if gone else self._delivery.again(attempt)
        counted = False
        try:
            deaths = 0
            if record.receive_count > 1:
                deaths = self._history.raise_try(envelope.key)
                counted = True
            outcome = self._handle(envelope, channel, attempt, deaths, confirm)
        except LeaseLost:
            raise
        except Malformed:
            return DeadLetter("malformed")
        except Retryable as refused:
            outcome = self._delivery.again(attempt, refused.retry_after)
            self._say_again(envelope, refused, outcome.delay)
        except Exception as error:  # noqa: BLE001 - the last guard of a thread
            delay = self._delivery.again(attempt).delay
            outcome = HandBack(delay, deliberate=False)
            self._say_again(envelope, error, delay)
        if counted and isinstance(outcome, HandBack) and outcome.deliberate:
            self._take_try_back(envelope.key)
        return outcome

    def _handle(
        self,
        envelope: Envelope,
        channel: Channel,
        attempt: Attempt,
        deaths: int,
        confirm: Confirm,
    ) -> Outcome:
        key = envelope.key
        window = self._history.read(key.conversation, self._settings.history_turns)
        confirm()
        turn = window.find(key)
        if turn is None and not window.reaches(key):
            turn = self._history.find(key)
        if turn is not None and is_settled(turn):
            self._journal.hop("already_answered", **facts(turn))
            return Done()
        if turn is not None and (wait := self._delivery.wait_for_claim(turn)):
            return wait
        still_open = turn is not None and turn.state is State.SENDING
        hopeless = still_open and attempt.receive_count >= MOST_RECEIVES
        if hopeless or deaths > DEATHS_BEFORE_DEAD_LETTER:
            if still_open:
                self._history.abandon(key, self._clock())
            return DeadLetter("unsettled" if hopeless else "died")
        self._settle_earlier(key, window)
        attempt = replace(attempt, known=_recorded_ids(window))
        if turn is not None:
            return self._delivery.resume(turn, channel, attempt)
        if key.sort <= window.person.forgotten_before:
            self._journal.hop("forgotten", channel=envelope.channel, event_id=envelope.event_id)
            return Done()
        message = channel.read(envelope)
        if deaths > DEATHS_BEFORE_FALLBACK or self._delivery.given_up(attempt):
            turn = self._fallback(message, "gave_up")
        elif self._delivery.time_left(attempt) < self.time_needed():
            return HandBack(0)
        else:
            turn = self._answer(message, window, channel, attempt)
        return self._delivery.begin(turn, channel, attempt)

    def _answer(self, message: Message, window: Window, channel: Channel, attempt: Attempt) -> Turn:
        if message.kind is Kind.STAFF:
            return _turn(message, "", Origin.STAFF)
        with Presence(channel, message):
            if message.kind is Kind.COMMAND:
                result = commands.run(commands.Context(message, window, self._history))
                turn = _turn(message, result.reply.text, Origin.COMMAND)
                return replace(turn, fresh_start=result.fresh_start)
            if message.kind is Kind.UNSUPPORTED:
                return _turn(message, self._settings.unsupported_text, Origin.NOTICE)
            return self._ask(message, window, attempt)

    def _ask(self, message: Message, window: Window, attempt: Attempt) -> Turn:
        asked = self._clock()
        lines = prompt.build(message, window, self._settings, asked)
        left = self._delivery.time_left(attempt) - self._reserve()
        try:
            completion = self._model.answer(lines, min(self._settings.model_timeout, left))
        except ContentFiltered:
            self._journal.count("Filtered", channel=message.channel)
            return _turn(message, self._settings.filtered_text, Origin.FILTERED)
        except ModelRefused as refused:
            self._journal.count("ModelRefused", channel=message.channel)
            if refused.reason in NOBODY_IS_ANSWERED:
                self._journal.count("ModelDenied", channel="")
            return self._fallback(message, refused.reason)
        seconds = (self._clock() - asked) / 1000
        for metric, value in (
            ("ModelSeconds", seconds),
            ("TokensIn", completion.tokens_in),
            ("TokensOut", completion.tokens_out),
        ):
            self._journal.count(metric, value, channel=message.channel)
        turn = _turn(message, completion.text + ("…" if completion.cut else ""), Origin.MODEL)
        turn = replace(
            turn,
            model=completion.model,
            tokens_in=completion.tokens_in,
            tokens_out=completion.tokens_out,
        )
        self._journal.hop(
            "model",
            **facts(turn),
            seconds=seconds,
            model=completion.model,
            prompt_lines=len(lines),
            tokens_in=completion.tokens_in,
            tokens_out=completion.tokens_out,
        )
        return turn

    def _fallback(self, message: Message, reason: str) -> Turn:
        self._journal.count("Failed", channel=message.channel)
        turn = _turn(message, self._settings.fallback_text, Origin.FALLBACK)
        self._journal.trouble("fallback", **facts(turn), reason=reason)
        return turn

    def _settle_earlier(self, key: TurnKey, window: Window) -> None:
        """Earlier records of the group are gone, so a turn still open was posted for sure.

        Only its last write was missed; a turn without a claim waits in the dead letters instead.
        """
        for turn in window.turns:
            if turn.key == key or turn.state is not State.SENDING or turn.claim is None:
                continue
            if turn.claim.ends_at < self._clock():
                self._history.mark_delivered(turn.key, turn.posted)

    def _reserve(self) -> float:
        """Seconds that storing and posting need after the model has answered."""
        return self._settings.post_timeout + 2 * CLOSING

    def _take_try_back(self, key: TurnKey) -> None:
        try:
            self._history.lower_try(key)
        except HistoryUnavailable:
            self._journal.trouble("try_not_lowered", event_id=key.event_id)

    def _say_again(self, envelope: Envelope, error: Exception, delay: float) -> None:
        """The type alone: an error's text is not ours to vouch for."""
        self._journal.count("TriedAgain", channel=envelope.channel)
        self._journal.trouble(
            "again",
            channel=envelope.channel,
            conversation=envelope.conversation,
            event_id=envelope.event_id,
            error=type(error).__name__,
            delay=delay,
        )


def _turn(message: Message, answer: str, origin: Origin) -> Turn:
    return Turn(
        key=message.key,
        channel=message.channel,
        author=message.author,
        text=message.text[:LONGEST_TEXT],
        reply=Reply(answer),
        state=State.ANSWERED,
        origin=origin,
        quote=message.quote,
    )


def _recorded_ids(window: Window) -> frozenset[str]:
    return frozenset(platform_id for turn in window.turns for platform_id in turn.posted)
