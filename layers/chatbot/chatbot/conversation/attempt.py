"""One attempt at one record: the time that is left, retry delays, and claims."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from chatbot.core.completion import MOST_REQUESTS
from chatbot.core.ports import Clock
from chatbot.core.settings import Settings
from chatbot.core.turn import Claim
from chatbot.core.work import HandBack, Record

CLOSING = 2.0
"""Seconds that are reserved, beyond POST_TIMEOUT, for the write after a post."""
LEAST_MODEL_TIME = 3.0
"""Seconds that the model needs at least: with less, a record is not begun."""
PATIENCE = 60.0
"""Seconds after which a message is answered without what could not be loaded since."""
REQUESTS_AT_ONCE = 8
"""Requests that one attempt may make. The rest of MOST_REQUESTS is spread over GIVE_UP_AFTER."""
_MOST_DOUBLINGS = 16
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in time in milliseconds since the epoch, with the clock to compare it to."""

    at: int
    clock: Clock

    def left(self) -> float:
        """Seconds that are left; negative when it has passed."""
        return (self.at - self.clock()) / 1000

    def earlier(self, seconds: float) -> Deadline:
        """The deadline `seconds` before this one."""
        return Deadline(self.at - round(seconds * 1000), self.clock)

    def within(self, seconds: float) -> Deadline:
        """The deadline `seconds` from now, or this one if it is earlier."""
        return Deadline(min(self.at, self.clock() + round(seconds * 1000)), self.clock)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery of one record to the worker; `deadline` is the end of the invocation.

    `sent_at` is when the queue accepted the record, and `since` when it was first received, or
    first tried if that is known, in milliseconds since the epoch. `recorded` are the platform's ids
    of all posts that the conversation's turns have recorded. `died` tells that an earlier delivery
    ended without a note (ledger.py): with its worker, perhaps.
    """

    deadline: Deadline
    settings: Settings
    receive_count: int
    sent_at: int
    since: int
    recorded: frozenset[str] = frozenset()
    died: bool = False

    @classmethod
    def at(cls, record: Record, deadline: Deadline, settings: Settings) -> Attempt:
        """The attempt for this delivery of `record`."""
        first = record.first_received_at
        return cls(deadline, settings, record.receive_count, record.sent_at, first)

    @property
    def answer_by(self) -> Deadline:
        """The deadline for the model's answer, with enough time after it to store and post it."""
        return self.deadline.earlier(_reserve(self.settings))

    def can_begin(self) -> bool:
        """Whether enough time is left to ask the model, and to store and post its answer."""
        return self.deadline.left() >= time_needed(self.settings)

    def can_post(self, pause: float = 0) -> bool:
        """Whether a post that begins in `pause` seconds would end in time."""
        return self.deadline.left() - pause > self.settings.post_timeout + CLOSING

    def can_write_again(self) -> bool:
        """Whether enough time is left to repeat a write and post after it."""
        return self.deadline.left() >= 2 * (self.settings.post_timeout + CLOSING)

    def can_wait(self) -> bool:
        """Whether the record may be delivered again for an attachment that cannot be loaded now."""
        return self.receive_count < 3 or self.tried_for() < PATIENCE

    def given_up(self) -> bool:
        """Whether the record has been tried for longer than GIVE_UP_AFTER."""
        return self.tried_for() > self.settings.give_up_after

    def tried_for(self) -> float:
        """Seconds since the record was first tried.

        That it waited before, because the function was paused or another conversation had ended its
        worker, is no reason to give it up.
        """
        return (self.deadline.clock() - self.since) / 1000

    def age(self) -> float:
        """Seconds since the queue accepted the record."""
        return (self.deadline.clock() - self.sent_at) / 1000

    def hand_back(self, retry_after: float | None = None) -> HandBack:
        """Return the record to the queue for `retry_after` seconds, else for a growing delay.

        It doubles with each receive. Receives after which the record went back untried are not to
        count, and nobody counts them; but of attempts alone, one after another, the delay is about
        as long as all delays before it together.
        """
        if retry_after is not None:
            return HandBack(retry_after)
        doublings = min(self.receive_count - 1, _MOST_DOUBLINGS)
        first = self.settings.retry_delay
        doubled, tried = first * 2.0**doublings, first + max(0.0, self.tried_for())
        return HandBack(min(self.settings.retry_delay_max, doubled, tried))

    def requests_allowed(self) -> int:
        """Requests for this message, over all its deliveries, that are allowed so far."""
        share = min(1.0, max(0.0, self.tried_for()) / max(self.settings.give_up_after, 0.001))
        return REQUESTS_AT_ONCE + int((MOST_REQUESTS - REQUESTS_AT_ONCE) * share + _ROUNDING)

    def until_allowed(self, requests: int) -> float:
        """Seconds until so many requests are allowed, or until the message is given up."""
        share = (requests - REQUESTS_AT_ONCE) / (MOST_REQUESTS - REQUESTS_AT_ONCE)
        return max(0.0, min(1.0, share) * self.settings.give_up_after - self.tried_for())

    def new_claim(self) -> Claim:
        """A new claim. It ends when no request of this attempt can be in flight any more."""
        ends_at = self.deadline.at + int(self.settings.settle * 1000)
        return Claim(secrets.token_hex(16), ends_at)


def time_needed(settings: Settings) -> float:
    """Seconds that must be left to begin a record."""
    return _reserve(settings) + LEAST_MODEL_TIME


def _reserve(settings: Settings) -> float:
    """Seconds to reserve for storing and posting after the model has answered."""
    return settings.post_timeout + 2 * CLOSING
