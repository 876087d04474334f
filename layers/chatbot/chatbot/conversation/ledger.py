"""What the deliveries of one message may request of the model, and the notes of what they did.

A message is paid for MOST_PAID times at most, and requested MOST_REQUESTS times at most, over all
its deliveries. A delivery that is answered at once writes nothing about it. A delivery whose record
returns to the queue notes in the table what it requested. A delivery that ends without a note is a
crash: it is counted as having made UNNOTED_PAID and UNNOTED_REQUESTS, and before a delivery makes
more than these, it writes a note. So the bounds hold even where every worker dies, and where the
table refuses every note.

What a recording has cost is noted as soon as it is transcribed, together with its words, and is
then not counted: it is paid for PAID_FOR_A_RECORDING times at most, beside the answer.

The same notes say whether a worker died with the message (`suspects.py`): from the second delivery
on, one is counted as a death before it acts, and no more when it ends on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from chatbot.conversation.attempt import REQUESTS_AT_ONCE, Attempt
from chatbot.conversation.suspects import NOTHING, note_untried
from chatbot.core.completion import (
    MOST_PAID,
    MOST_REQUESTS,
    UNNOTED_PAID,
    UNNOTED_REQUESTS,
    Spending,
)
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.key import TurnKey
from chatbot.core.limits import LEASES_DIFFER
from chatbot.core.ports import CrashCounter, Journal
from chatbot.core.work import Tries

LONGEST_HEARD = 20_000
"""Characters of transcripts that are kept for the next delivery."""


class Ledger:
    """The account of one delivery of one message.

    `known` is what was known of its group before this delivery. `spent` is what a prompt of this
    invocation, merged from this message and others, has requested for it before. `spending` and
    `heard` (the transcripts of its recordings, by their sources) are filled while the message is
    answered.
    """

    def __init__(
        self,
        history: CrashCounter,
        journal: Journal,
        attempt: Attempt,
        spent: Tries = NOTHING,
        known: Tries = NOTHING,
    ) -> None:
        self.spending = Spending()
        self.heard: dict[str, str] = {}
        self._history = history
        self._journal = journal
        self._attempt = attempt
        self._spent = spent
        self._known = known
        # With a record that is received for the first time, no worker has died.
        self._died = known.died if attempt.receive_count > 1 else 0
        self._earlier = NOTHING
        self._stored: Tries | None = None
        self._key: TurnKey | None = None

    @property
    def attempt(self) -> Attempt:
        """The attempt, with what is noted: when the message was first tried, whether it died."""
        return self._attempt

    @property
    def crashes(self) -> int:
        """Deliveries that ended without a note."""
        return self._earlier.crashes

    @property
    def may_pay(self) -> bool:
        """Whether the message has not been paid for MOST_PAID times yet."""
        return self.spending.paid_remaining > 0

    def open(self, key: TurnKey, gets_turn: Callable[[], bool]) -> None:
        """Count this delivery, unless it is the first. Raises HistoryUnavailable, Malformed.

        From the second delivery on, its count stands for the first one, which was not counted.

        One count is stored for each conversation, that of the event which was begun last. Where it
        is a later event's, this one was redriven; or it is one that `gets_turn` denies, such as a
        rating, which comes again with the message behind it that crashes the worker, and must not
        replace the count of that message.
        """
        self._key = key
        if self._attempt.receive_count > 1:
            # One that waited behind another was tried since that was.
            received = self._attempt.since
            since = max(self._known.since or self._attempt.deadline.clock(), received)
            count = partial(
                self._history.raise_try,
                key,
                self._died + 1,
                since,
                # Nothing is stored with a time before the first receive, except of a message that
                # was a dead letter since. The queue states that time approximately.
                anew_before=received - round(LEASES_DIFFER * 1000),
            )
            tries = count()
            if tries is None and gets_turn():
                tries = count(replace_later=True)
            self._stored = tries
            self._earlier = tries or NOTHING
        earlier = self._earlier
        # A `since` before the first receive is of an event that was redriven, or of another one,
        # kept by a version that did not know it.
        since = max(self._attempt.since, earlier.since)
        self._attempt = replace(self._attempt, since=since, died=earlier.crashes > 0)
        self.heard = dict(earlier.heard)
        self.spending = Spending(
            min(
                REQUESTS_AT_ONCE,
                self._attempt.requests_allowed() - earlier.asked,
                MOST_REQUESTS - self._most_asked(),
            ),
            MOST_PAID - earlier.paid - UNNOTED_PAID * earlier.crashes,
            self._spent.asked,
            self._spent.paid,
            self._note,
        )

    @contextmanager
    def shared(self) -> Iterator[Spending]:
        """Spending for a prompt that this message shares with others, which is counted here, too.

        It is what a delivery may request without a note: none is written for the other messages.
        """
        mine = self.spending
        spending = Spending(
            min(mine.remaining, UNNOTED_REQUESTS), min(mine.paid_left - mine.paid, UNNOTED_PAID)
        )
        try:
            yield spending
        finally:
            mine.requests += spending.requests
            mine.paid += spending.paid

    def until_next_request(self) -> float:
        """Seconds until one more request is allowed, or until the message is given up.

        The last answer that may be paid for is waited for longer: what has cost this delivery an
        answer is an outage, which may take a while.
        """
        asked = self._earlier.asked + self.spending.requests
        if self._most_asked() + self.spending.requests >= MOST_REQUESTS:
            asked = MOST_REQUESTS
        wait = self._attempt.until_allowed(asked + 1)
        if self.spending.paid and self.spending.paid_remaining == 1:
            return max(wait, self._attempt.settings.retry_delay_max)
        return wait

    def close(self) -> bool:
        """Note that this delivery ends on purpose: the record returns to the queue.

        Returns False where the table is away, which may have been the reason.
        """
        if self._key is None:
            return False
        if self._stored is None and self._attempt.receive_count > 1:  # it could not be counted
            count = self._attempt.receive_count
            return note_untried(
                self._history, self._journal, self._key, count, self._known, self._spent
            )
        try:
            after = replace(self._so_far(), crashes=self.crashes - 1, died=self._died)
            self._history.note_try(self._key, self._stored, after)
        except HistoryUnavailable:
            self._journal.warning("try_not_noted", event_id=self._key.event_id)
            return False
        return True

    def _note(self) -> None:
        """Note what was requested so far. Raises HistoryUnavailable."""
        noted = self._so_far()
        if self._key and not self._history.note_try(self._key, self._stored, noted):
            raise HistoryUnavailable("another delivery of the same message is counted")
        self._stored = noted

    def _most_asked(self) -> int:
        """What earlier deliveries may have requested, crashed ones included."""
        return self._earlier.asked + UNNOTED_REQUESTS * self._earlier.crashes

    def _so_far(self) -> Tries:
        earlier, left, heard = self._earlier, LONGEST_HEARD, []
        for source, transcript in self.heard.items():
            heard.append((source, transcript[:left]))
            left -= len(heard[-1][1])
        return Tries(
            earlier.crashes,
            earlier.paid + self.spending.paid,
            earlier.asked + self.spending.requests,
            tuple(heard),
            self._died + 1,
            self._attempt.since,
        )
