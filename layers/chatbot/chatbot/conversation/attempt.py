"""One attempt at one record: how much time it has, and what follows when it cannot finish."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from chatbot.core.ports import Clock
from chatbot.core.settings import Settings
from chatbot.core.turn import Claim
from chatbot.core.work import HandBack, Record

CLOSING = 2.0
"""Seconds kept, beyond a post's timeout, for writing down how the post ended."""
LEAST_MODEL_TIME = 3.0
"""Seconds: with less left than this and the post's own need, a record is not begun."""
_MOST_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment (epoch milliseconds), and the clock that runs towards it."""

    at: int
    clock: Clock

    def left(self) -> float:
        """Seconds until then; negative when it is over."""
        return (self.at - self.clock()) / 1000

    def earlier(self, seconds: float) -> Deadline:
        """The moment `seconds` before this one."""
        return Deadline(self.at - round(seconds * 1000), self.clock)

    def within(self, seconds: float) -> Deadline:
        """The moment `seconds` from now, or this one where it comes first."""
        return Deadline(min(self.at, self.clock() + round(seconds * 1000)), self.clock)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery of one record, until `deadline`, the end of the invocation.

    `sent_at` is when the queue accepted the record, in epoch milliseconds; `recorded` are the
    platform's ids of posts that the conversation's turns have recorded.
    """

    deadline: Deadline
    settings: Settings
    receive_count: int
    sent_at: int
    recorded: frozenset[str] = frozenset()

    @classmethod
    def at(cls, record: Record, deadline: Deadline, settings: Settings) -> Attempt:
        """The attempt that this delivery of `record` is."""
        return cls(deadline, settings, record.receive_count, record.sent_at)

    @property
    def answer_by(self) -> Deadline:
        """Until when an answer can be waited for: storing and posting it need the rest."""
        return self.deadline.earlier(_reserve(self.settings))

    def can_begin(self) -> bool:
        """Whether there is time to ask the model, and to store and post its answer."""
        return self.deadline.left() >= time_needed(self.settings)

    def can_post(self, pause: float = 0) -> bool:
        """Whether a post begun after `pause` seconds would end in time."""
        return self.deadline.left() - pause > self.settings.post_timeout + CLOSING

    def can_write_again(self) -> bool:
        """Whether a write can be repeated and a post still follow it."""
        return self.deadline.left() >= 2 * (self.settings.post_timeout + CLOSING)

    def given_up(self) -> bool:
        """Whether the record has waited for longer than GIVE_UP_AFTER."""
        return self.age() > self.settings.give_up_after

    def age(self) -> float:
        """Seconds since the queue accepted the record."""
        return (self.deadline.clock() - self.sent_at) / 1000

    def hand_back(self, retry_after: float | None = None) -> HandBack:
        """A deliberate hand-back, for as long as the other side asked, else a growing delay."""
        if retry_after is not None:
            return HandBack(retry_after)
        doublings = min(self.receive_count - 1, _MOST_DOUBLINGS)
        return HandBack(
            min(self.settings.retry_delay_max, self.settings.retry_delay * 2.0**doublings)
        )

    def new_claim(self) -> Claim:
        """The right to post, until no request of this attempt can be in flight any more."""
        ends_at = self.deadline.at + int(self.settings.settle * 1000)
        return Claim(secrets.token_hex(16), ends_at)


def time_needed(settings: Settings) -> float:
    """Seconds below which no record should be begun."""
    return _reserve(settings) + LEAST_MODEL_TIME


def _reserve(settings: Settings) -> float:
    """Seconds that storing and posting need after the model has answered."""
    return settings.post_timeout + 2 * CLOSING
