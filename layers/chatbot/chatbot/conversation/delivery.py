"""The state machine of a turn: store it once, claim it, post it, settle what is unknown.

Every step is a conditional write, so that of two attempts at the same turn one goes on and the
other reads again and follows the table in docs/architecture.md. What an attempt may do is written
under its own claim: a random token, and an end that no request of the attempt can outlive.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from chatbot.conversation.attempt import Attempt
from chatbot.conversation.coalesce import answering
from chatbot.core.errors import (
    AmbiguousPost,
    CredentialRefused,
    HistoryUnavailable,
    PostRefused,
    Undeliverable,
)
from chatbot.core.ports import Clock, Journal, Poster, Settling, TurnExists, TurnWrites
from chatbot.core.settings import Settings
from chatbot.core.turn import Claim, Part, State, Turn
from chatbot.core.work import DeadLetter, Done, HandBack, Outcome

_REREADS = 3
_POST_TRIES = 3
_RECORD_TRIES = 4

Claimed = TypeVar("Claimed")


class Delivery:
    """Brings turns to their end. Raises HistoryUnavailable where nothing has been posted yet."""

    def __init__(
        self,
        history: TurnWrites,
        settings: Settings,
        journal: Journal,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
        credential_refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._history = history
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._sleep = sleep
        self._credential_refused = credential_refused

    def begin(
        self, turn: Turn, channel: Poster, attempt: Attempt, pointers: Sequence[Turn] = ()
    ) -> Outcome:
        """Store a new turn, which claims the right to post it, and post it.

        `pointers` are those of the messages that it answers too.
        """
        claim = attempt.new_claim()
        silent = not (turn.reply.text or turn.reply.file)
        state = State.DELIVERED if silent else State.SENDING
        turn = replace(turn, state=state, claim=claim, opened_at=self._clock())
        store = partial(self._history.put, turn)
        if pointers:
            store = partial(self._history.put_all, (turn, *pointers))
        try:
            self._claiming(store, attempt)
        except TurnExists as found:
            if pointers and found.turn is None:  # another of the messages has a turn by now
                return attempt.hand_back()
            if not _bears(found.turn, claim):
                return self.resume(found.turn, channel, attempt)
        self._journal.info("stored", **facts(turn), origin=turn.origin.value, merged=len(pointers))
        if silent:
            return Done(len(pointers))
        try:
            outcome = self._post(turn, channel, attempt)
            return Done(len(pointers)) if isinstance(outcome, Done) else outcome
        except TurnExists as found:
            return self.resume(found.turn, channel, attempt)

    def resume(self, turn: Turn | None, channel: Poster, attempt: Attempt) -> Outcome:
        """Go on with a turn that an earlier attempt stored."""
        for _ in range(_REREADS):
            turn = answering(turn, self._history.find)
            if turn is None:
                return Done()
            if turn.settled:
                return Done()
            wait = self.wait_for_claim(turn)
            if wait is not None:
                return wait
            try:
                return self._settle(turn, channel, attempt)
            except TurnExists:
                turn = self._history.find(turn.key)
        return attempt.hand_back()

    def wait_for_claim(self, turn: Turn) -> HandBack | None:
        """A hand-back until the turn's claim is over, or None when nobody holds it."""
        if turn.state is not State.SENDING or turn.claim is None:
            return None
        left = (turn.claim.ends_at - self._clock()) / 1000
        return HandBack(left) if left >= 0 else None

    def _settle(self, turn: Turn, channel: Poster, attempt: Attempt) -> Outcome:
        """Take an unclaimed turn to its end. Raises TurnExists when somebody was quicker."""
        open_part = turn.state is State.SENDING
        if open_part and channel.settling is Settling.NOTHING_TO_POST:
            return self._delivered(turn, attempt)
        if (
            open_part
            and channel.settling is Settling.OPERATOR
            and self._settings.ambiguous_delivery == "hold"
        ):
            self._history.hold(turn.key, self._clock())
            self._journal.count("Held", channel=turn.channel)
            self._journal.warning("held", **facts(turn))
            return Done()
        claim = attempt.new_claim()
        try:
            take_over = partial(self._history.take_over, turn, claim, self._clock())
            turn = self._claiming(take_over, attempt)
        except TurnExists as found:
            if found.turn is None or not _bears(found.turn, claim):
                raise
            turn = found.turn
        self._journal.info("resumed", **facts(turn), parts_posted=len(turn.posted))
        if open_part and channel.settling is Settling.READ_BACK:
            try:
                turn = self._read_back(turn, channel, attempt)
            except PostRefused as refused:
                return self._keep_open(turn, attempt.hand_back(refused.retry_after).delay)
        return self._post(turn, channel, attempt)

    def _read_back(self, turn: Turn, channel: Poster, attempt: Attempt) -> Turn:
        parts = channel.split(turn.reply)
        if len(turn.posted) >= len(parts):
            return turn
        known = attempt.recorded | set(turn.posted)
        platform_id = channel.find_posted(turn, parts[len(turn.posted)], known)
        return turn if platform_id is None else self._progress(turn, platform_id)

    def _post(self, turn: Turn, channel: Poster, attempt: Attempt) -> Outcome:
        parts = channel.split(turn.reply)
        for part in parts[len(turn.posted) :]:
            posted = self._post_part(turn, part, channel, attempt)
            if not isinstance(posted, str):
                return posted
            last = len(turn.posted) + 1 == len(parts)
            if last:
                turn = replace(turn, posted=(*turn.posted, posted))
            else:
                turn = self._progress(turn, posted)
        return self._delivered(turn, attempt)

    def _post_part(
        self, turn: Turn, part: Part, channel: Poster, attempt: Attempt
    ) -> str | Outcome:
        """The platform's id of the post, or how this attempt at the record ends."""
        for tried in range(1, _POST_TRIES + 1):
            if not attempt.can_post():
                return self._release(turn, HandBack(0))
            try:
                platform_id = channel.post(turn, part)
            except CredentialRefused as refused:
                self._journal.count("CredentialRefused", channel=turn.channel)
                self._credential_refused()
                if attempt.given_up():
                    return self._release(turn, DeadLetter("credential"))
                return self._release(turn, attempt.hand_back(refused.retry_after))
            except PostRefused as refused:
                pause = refused.retry_after or self._settings.retry_delay * 2.0 ** (tried - 1)
                if tried == _POST_TRIES or not attempt.can_post(pause):
                    return self._release(turn, attempt.hand_back(refused.retry_after))
                self._journal.info("post_refused", **facts(turn), pause=pause)
                self._sleep(pause)
            except AmbiguousPost:
                self._journal.count("Ambiguous", channel=turn.channel)
                return self._keep_open(turn, self._settings.settle)
            except Undeliverable as never:
                self._history.save(replace(turn, state=State.UNDELIVERABLE))
                self._journal.count("Undeliverable", channel=turn.channel)
                self._journal.warning("undeliverable", **facts(turn), reason=never.reason)
                return Done()
            else:
                self._journal.info("posted", **facts(turn), part=len(turn.posted) + 1)
                return platform_id
        raise AssertionError("the last try returns")

    def _release(self, turn: Turn, outcome: Outcome) -> Outcome:
        """Set the turn back to `answered` (surely not posted), which releases the claim."""
        self._history.save(replace(turn, state=State.ANSWERED))
        return outcome

    def _keep_open(self, turn: Turn, seconds: float) -> HandBack:
        """Nobody may act on the turn for `seconds`; then the claim is over."""
        ends_at = self._clock() + int(seconds * 1000)
        claim = replace(turn.claim, ends_at=ends_at) if turn.claim else None
        self._history.save(replace(turn, claim=claim))
        self._journal.warning("ambiguous", **facts(turn), settled_in=seconds)
        return HandBack(seconds)

    def _progress(self, turn: Turn, platform_id: str) -> Turn:
        """Write down one more posted part; the later write of a longer list mends a failed one."""
        turn = replace(turn, posted=(*turn.posted, platform_id))
        self._insist(turn, lambda: self._history.save(turn))
        return turn

    def _delivered(self, turn: Turn, attempt: Attempt) -> Done:
        self._insist(turn, lambda: self._history.mark_delivered(turn.key, turn.posted))
        seconds = attempt.age()
        self._journal.info("delivered", **facts(turn), parts=len(turn.posted), seconds=seconds)
        self._journal.count("Answered", channel=turn.channel)
        self._journal.count("AnswerSeconds", seconds, channel=turn.channel)
        return Done()

    def _claiming(self, write: Callable[[], Claimed], attempt: Attempt) -> Claimed:
        """A write whose answer is lost may stand: nobody could go on before its claim is over.

        Written again, it either stands or meets itself.
        """
        try:
            return write()
        except HistoryUnavailable:
            if not attempt.can_write_again():
                raise
            self._sleep(self._settings.retry_delay)
            return write()

    def _insist(self, turn: Turn, write: Callable[[], None]) -> None:
        """A write after a sure post: handing the record back for its sake would post twice."""
        for tried in range(_RECORD_TRIES):
            try:
                write()
            except HistoryUnavailable:
                self._sleep(0.1 * 2**tried)
            else:
                return
        self._journal.warning("not_recorded", **facts(turn))


def facts(turn: Turn) -> dict[str, str | float]:
    """What a log line may say of a turn."""
    return {
        "channel": turn.channel,
        "conversation": turn.key.conversation,
        "event_id": turn.key.event_id,
    }


def _bears(turn: Turn | None, claim: Claim) -> bool:
    """Whether a failed condition met our own write, whose response was lost."""
    return turn is not None and turn.claim is not None and turn.claim.token == claim.token
