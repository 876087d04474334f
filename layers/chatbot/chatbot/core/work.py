"""A record of the queue, and the possible outcomes of processing it."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_CRASHES = 4
"""With more crashes (`Tries.crashes`) a record is moved to the dead-letter queue."""


PLACE = "place"
"""Name of the message attribute with a record's place among those that wait (ports.WaitingRoom)."""
PLACE_UNKNOWN = -1
"""The place of a record for which the table did not answer; it may have counted it or not."""


@dataclass(frozen=True, slots=True)
class Record:
    """One SQS message as the worker received it.

    `receipt` is the receipt handle, `group` the message group. `sent_at` is when the queue accepted
    it, `first_received_at` when it was first received, in milliseconds since the epoch. `place` is
    0 where it was not counted, and may be PLACE_UNKNOWN.
    """

    message_id: str
    receipt: str
    group: str
    receive_count: int
    sent_at: int
    body: str
    first_received_at: int
    place: int = 0


@dataclass(frozen=True, slots=True)
class Tries:
    """What the deliveries of an event so far have left in the table.

    `crashes` are the deliveries that ended without a note: with their worker, or with a note that
    the table refused. The others have noted what they requested of the model (`asked`), how often
    it was paid (`paid`), and the event's recordings that were transcribed (`heard`): the source and
    the transcript of each.

    In `died` of the deliveries their worker died, as far as is known. One is counted from before it
    acts until it ends on purpose. `since` is when the event was first counted, or first returned to
    the queue after it was tried, in milliseconds since the epoch; 0 if neither.
    """

    crashes: int = 0
    paid: int = 0
    asked: int = 0
    heard: tuple[tuple[str, str], ...] = ()
    died: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The record is processed and can be deleted, with the next `merged` ones of its group."""

    merged: int = 0


@dataclass(frozen=True, slots=True)
class HandBack:
    """Return the record to the queue, with all after it in its group, for `delay` seconds.

    `deliberate` is False after an unexpected error, which counts as a crash. `noted` is False where
    the table could not take the note of it.
    """

    delay: float
    deliberate: bool = True
    noted: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Move the record to the dead-letter queue; the next one of its group follows."""

    reason: str


Outcome = Done | HandBack | DeadLetter
"""What happens to a record next."""
