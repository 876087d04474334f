"""A record of the queue, and the ways in which the worker can be done with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One message of the queue as the worker holds it. `sent_at` is epoch milliseconds."""

    message_id: str
    receipt: str
    group: str
    receive_count: int
    sent_at: int
    body: str


@dataclass(frozen=True, slots=True)
class Done:
    """The record has reached its end and may be deleted, with the `merged` ones after it."""

    merged: int = 0


@dataclass(frozen=True, slots=True)
class HandBack:
    """The record, and all after it in its group, must come again after `delay` seconds.

    `deliberate` is False when this try died of something unforeseen, which counts against it.
    """

    delay: float
    deliberate: bool = True


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The record belongs to the dead-letter queue; its conversation goes on."""

    reason: str


Outcome = Done | HandBack | DeadLetter
