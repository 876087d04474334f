"""The state machine of a turn: store the answer once, claim the right to post it, post it.

    (no turn)   store it with a claim                   → sending
    answered    claim, post from the first part on that is not recorded
                                                        → sending
    sending     every part is posted                    → delivered
                the platform will never take it         → undeliverable
                the next part surely was not posted     → answered
                the next part may have been posted      → sending until the claim ends, then
                    web: delivered, for the page reads the stored turn
                    Messenger: claim, read the part back, post it if it is absent
                    Telegram: claim and post it again, or held (AMBIGUOUS_DELIVERY)

Every transition is a conditional write to the table. Of two attempts at the same turn one succeeds;
the other reads the turn again and continues from the state that it finds. A claim is a random token
and an end: the invocation's deadline plus SETTLE, when no request of the attempt can still be in
flight. docs/architecture.md ("Delivery rules") has all rules with their reasons.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from chatbot.conversation.attempt import Attempt
from chatbot.conversation.coalesce import resolve_pointer
from chatbot.core.errors import (
    AmbiguousPost,
    CredentialRefused,
    HistoryUnavailable,
    PostRefused,
    Undeliverable,
)
from chatbot.core.message import log_fields
from chatbot.core.ports import Clock, Journal, Poster, Settling, TurnExists, TurnWrites
from chatbot.core.settings import Settings
from chatbot.core.turn import Claim, Origin, Part, State, Turn
from chatbot.core.work import DeadLetter, Done, HandBack, Outcome

_REREADS = 3
_POST_TRIES = 3
_WRITE_TRIES = 4

Written = TypeVar("Written")


@dataclass(eq=False)
class Delivery:
    """Posts turns; shared by the threads of a batch.

    Its methods raise HistoryUnavailable only while repeating the whole attempt is safe: never for a
    write that records a sure post.
    """

    history: TurnWrites
    settings: Settings
    journal: Journal
    clock: Clock
    sleep: Callable[[float], None] = time.sleep
    credential_refused: Callable[[], None] = lambda: None

    def begin(
        self, turn: Turn, channel: Poster, attempt: Attempt, pointers: Sequence[Turn] = ()
    ) -> Outcome:
        """Store a new turn, claimed by this attempt, and post it.

        `pointers` are the turns of the other messages that it answers, stored in the same
        transaction. Where another attempt has stored the turn before, continue with that one.
        """
        claim = attempt.new_claim()
        empty = not (turn.reply.text or turn.reply.file)
        state = State.DELIVERED if empty else State.SENDING
        turn = replace(turn, state=state, claim=claim, opened_at=self.clock())
        store = partial(self.history.put, turn)
        if pointers:
            store = partial(self.history.put_all, (turn, *pointers))
        try:
            self._write_claim(store, attempt)
        except TurnExists as found:
            if pointers and found.turn is None:  # a turn exists for one of the other messages
                return attempt.hand_back()
            if not _is_claimed_by(found.turn, claim):
                return self.resume(found.turn, channel, attempt)
        self.journal.info(
            "stored", **log_fields(turn), origin=turn.origin.value, merged=len(pointers)
        )
        if empty:
            return Done(len(pointers))
        try:
            outcome = self._post(turn, channel, attempt)
            return Done(len(pointers)) if isinstance(outcome, Done) else outcome
        except TurnExists as found:
            return self.resume(found.turn, channel, attempt)

    def resume(self, turn: Turn | None, channel: Poster, attempt: Attempt) -> Outcome:
        """Continue the delivery of a turn that an earlier attempt stored."""
        for _ in range(_REREADS):
            turn = resolve_pointer(turn, self.history.find)
            if turn is None or turn.settled:
                return Done()
            wait = self.wait_for_claim(turn)
            if wait is not None:
                return wait
            try:
                return self._settle(turn, channel, attempt)
            except TurnExists:
                turn = self.history.find(turn.key)
        return attempt.hand_back()

    def wait_for_claim(self, turn: Turn) -> HandBack | None:
        """Return the record to the queue until the turn's claim ends; None if no claim runs."""
        if turn.state is not State.SENDING or turn.claim is None:
            return None
        left = (turn.claim.ends_at - self.clock()) / 1000
        return HandBack(left) if left >= 0 else None

    def _settle(self, turn: Turn, channel: Poster, attempt: Attempt) -> Outcome:
        """Continue a turn that no claim protects. Raises TurnExists if another attempt does."""
        ambiguous = turn.state is State.SENDING  # its next part may have been posted
        if ambiguous and channel.settling is Settling.NOTHING_TO_POST:
            return self._mark_delivered(_in_safe_form(turn, channel, attempt), channel, attempt)
        hold = self.settings.ambiguous_delivery == "hold"
        if ambiguous and channel.settling is Settling.OPERATOR and hold:
            self.history.hold(turn.key, self.clock())
            self.journal.count("Held", channel=turn.channel)
            self.journal.warning("held", **log_fields(turn))
            return Done()
        if ambiguous and turn.origin is Origin.MODEL:  # our own texts are short
            try:
                turn = _in_safe_form(turn, channel, attempt)
            except PostRefused as refused:
                return attempt.hand_back(refused.retry_after)
        claim = attempt.new_claim()
        try:
            take_over = partial(self.history.take_over, turn, claim, self.clock())
            turn = self._write_claim(take_over, attempt)
        except TurnExists as found:
            if found.turn is None or not _is_claimed_by(found.turn, claim):
                raise
            turn = found.turn
        self.journal.info("resumed", **log_fields(turn), parts_posted=len(turn.posted))
        if ambiguous and channel.settling is Settling.READ_BACK:
            try:
                turn = self._read_back(turn, channel, attempt)
            except PostRefused as refused:
                return self._keep_sending(turn, attempt.hand_back(refused.retry_after).delay)
        return self._post(turn, channel, attempt)

    def _read_back(self, turn: Turn, channel: Poster, attempt: Attempt) -> Turn:
        """Record the turn's next part if the platform has it. Raises PostRefused."""
        parts = channel.split(turn.reply)
        if len(turn.posted) >= len(parts):
            return turn
        known = attempt.recorded | set(turn.posted)
        platform_id = channel.find_posted(turn, parts[len(turn.posted)], known)
        return turn if platform_id is None else self._record_part(turn, platform_id)

    def _post(self, turn: Turn, channel: Poster, attempt: Attempt) -> Outcome:
        """Post the parts that are not recorded yet."""
        parts = channel.split(turn.reply)
        for part in parts[len(turn.posted) :]:
            posted = self._post_part(turn, part, channel, attempt)
            if not isinstance(posted, str):
                return posted
            last = len(turn.posted) + 1 == len(parts)
            if last:
                turn = replace(turn, posted=(*turn.posted, posted))
            else:
                turn = self._record_part(turn, posted)
        return self._mark_delivered(turn, channel, attempt)

    def _post_part(
        self, turn: Turn, part: Part, channel: Poster, attempt: Attempt
    ) -> str | Outcome:
        """Post one part. Returns the platform's id of the post, or the outcome of the attempt."""
        for tried in range(1, _POST_TRIES + 1):
            if not attempt.can_post():
                return self._release(turn, HandBack(0))
            try:
                platform_id = channel.post(turn, part)
            except CredentialRefused as refused:
                self.journal.count("CredentialRefused", channel=turn.channel)
                self.credential_refused()
                if attempt.given_up():
                    return self._release(turn, DeadLetter("credential"))
                return self._release(turn, attempt.hand_back(refused.retry_after))
            except PostRefused as refused:
                pause = refused.retry_after or self.settings.retry_delay * 2.0 ** (tried - 1)
                if tried == _POST_TRIES or not attempt.can_post(pause):
                    return self._release(turn, attempt.hand_back(refused.retry_after))
                self.journal.info("post_refused", **log_fields(turn), pause=pause)
                self.sleep(pause)
            except AmbiguousPost:
                self.journal.count("Ambiguous", channel=turn.channel)
                return self._keep_sending(turn, self.settings.settle)
            except Undeliverable as never:
                self.history.save(replace(turn, state=State.UNDELIVERABLE))
                self.journal.count("Undeliverable", channel=turn.channel)
                self.journal.warning("undeliverable", **log_fields(turn), reason=never.reason)
                return Done()
            else:
                self.journal.info("posted", **log_fields(turn), part=len(turn.posted) + 1)
                return platform_id
        raise AssertionError("the last try returns")

    def _release(self, turn: Turn, outcome: Outcome) -> Outcome:
        """Set the turn back to `answered` (surely not posted), which releases the claim."""
        self.history.save(replace(turn, state=State.ANSWERED))
        return outcome

    def _keep_sending(self, turn: Turn, seconds: float) -> HandBack:
        """Leave the turn in `sending` with a claim that ends in `seconds`, when it is settled."""
        ends_at = self.clock() + int(seconds * 1000)
        claim = replace(turn.claim, ends_at=ends_at) if turn.claim else None
        self.history.save(replace(turn, claim=claim))
        self.journal.warning("ambiguous", **log_fields(turn), settled_in=seconds)
        return HandBack(seconds)

    def _record_part(self, turn: Turn, platform_id: str) -> Turn:
        """Record one more posted part. If the write fails, the next one contains this part too."""
        turn = replace(turn, posted=(*turn.posted, platform_id))
        self._write_after_post(turn, lambda: self.history.save(turn))
        return turn

    def _mark_delivered(self, turn: Turn, channel: Poster, attempt: Attempt) -> Done:
        """Record that the turn is delivered, with its HTML where the channel has a page.

        Only now, as the turn is stored: a conversion that ends the worker costs no paid answer.
        """
        turn = turn.with_html(channel.html_of(turn.reply))
        key, posted, html, plain = turn.key, turn.posted, turn.html, turn.reply.plain
        write = partial(self.history.mark_delivered, key, posted, html, plain=plain)
        self._write_after_post(turn, write)
        seconds = attempt.age()
        self.journal.info("delivered", **log_fields(turn), parts=len(turn.posted), seconds=seconds)
        self.journal.count("Answered", channel=turn.channel)
        self.journal.count("AnswerSeconds", seconds, channel=turn.channel)
        return Done()

    def _write_claim(self, write: Callable[[], Written], attempt: Attempt) -> Written:
        """Write a claim, once more if the response is lost and time is left.

        The lost write may have succeeded, and then every attempt would have to wait until its claim
        ends. Repeated with the same token, it succeeds or its condition meets its own claim.
        """
        try:
            return write()
        except HistoryUnavailable:
            if not attempt.can_write_again():
                raise
            self.sleep(self.settings.retry_delay)
            return write()

    def _write_after_post(self, turn: Turn, write: Callable[[], None]) -> None:
        """Repeat a write that records a sure post, and give up without an error.

        Returning the record to the queue instead would post the message twice.
        """
        for tried in range(_WRITE_TRIES):
            try:
                write()
            except HistoryUnavailable:
                self.sleep(0.1 * 2**tried)
            else:
                return
        self.journal.warning("delivery_not_recorded", **log_fields(turn))


def _in_safe_form(turn: Turn, channel: Poster, attempt: Attempt) -> Turn:
    """The turn, plain if its conversion may be what ended an earlier attempt. Raises PostRefused.

    That no post is recorded may have this reason, where a delivery died.
    """
    if turn.posted or turn.reply.plain or not attempt.died:
        return turn
    plain = channel.may_change_form(turn, attempt.recorded)
    return replace(turn, reply=replace(turn.reply, plain=plain))


def _is_claimed_by(turn: Turn | None, claim: Claim) -> bool:
    """Whether the turn has this very claim: an earlier write of it succeeded unnoticed."""
    return turn is not None and turn.claim is not None and turn.claim.token == claim.token
