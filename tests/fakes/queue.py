"""A queue like SQS FIFO, in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatbot.core.message import Envelope
from chatbot.core.work import Record


@dataclass
class Letter:
    """A message in the queue. `receipt` is its newest receipt handle.

    It is in flight until `visible_at` (epoch milliseconds).
    """

    id: str
    group: str
    body: str
    sent_at: int
    receipt: str = ""
    visible_at: int = 0
    receive_count: int = 0
    first_received_at: int = 0


class FakeQueue:
    """An SQS FIFO queue with the rules for groups in flight and for stale receipt handles."""

    def __init__(self, clock: Callable[[], int], visibility: float = 360) -> None:
        self._clock = clock
        self._visibility = visibility
        self._serial = 0
        self.letters: list[Letter] = []
        self.deleted: set[str] = set()  # receipts
        self.dead: list[Record] = []
        self.hidden: list[tuple[tuple[str, ...], float]] = []
        self.error: Exception | None = None  # raised by the worker's calls while it is set

    def send(self, envelope: Envelope) -> Letter:
        letter = Letter(self._next("m"), envelope.conversation, envelope.to_json(), self._clock())
        self.letters.append(letter)
        return letter

    def receive(self, most: int = 10) -> list[Record]:
        """Receive a batch, as the event source mapping would for the worker."""
        now = self._clock()
        blocked = {letter.group for letter in self.letters if letter.visible_at > now}
        batch = [letter for letter in self.letters if letter.group not in blocked][:most]
        for letter in batch:
            letter.receipt = self._next("r")
            letter.visible_at = now + round(self._visibility * 1000)
            letter.receive_count += 1
            letter.first_received_at = letter.first_received_at or now
        return [_record(letter) for letter in batch]

    def hide(self, records: Sequence[Record], seconds: float) -> set[str]:
        held, refused = self._held(records)
        for letter in held:
            letter.visible_at = self._clock() + round(seconds * 1000)
        self.hidden.append((tuple(letter.id for letter in held), seconds))
        return refused

    def delete(self, records: Sequence[Record]) -> set[str]:
        held, refused = self._held(records)
        self.letters = [letter for letter in self.letters if letter not in held]
        self.deleted |= {letter.receipt for letter in held}
        # SQS accepts a deletion that is repeated with the same receipt handle.
        again = {record.message_id for record in records if record.receipt in self.deleted}
        return refused - again

    def dead_letter(self, record: Record) -> None:
        if self.error:
            raise self.error
        self.dead.append(record)

    def _held(self, records: Sequence[Record]) -> tuple[list[Letter], set[str]]:
        if self.error:
            raise self.error
        now = self._clock()
        current = {
            letter.id: letter
            for record in records
            for letter in self.letters
            if letter.receipt == record.receipt and letter.visible_at > now
        }
        refused = {record.message_id for record in records} - current.keys()
        return list(current.values()), refused

    def _next(self, letter: str) -> str:
        self._serial += 1
        return f"{letter}{self._serial}"


def _record(letter: Letter) -> Record:
    return Record(
        letter.id,
        letter.receipt,
        letter.group,
        letter.receive_count,
        letter.sent_at,
        letter.body,
        letter.first_received_at,
    )
