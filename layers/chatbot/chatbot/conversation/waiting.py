"""Say which messages no longer wait, so that the door lets further ones in (edge/door.py).

Only messages of a conversation that sent many at once have a place; for all others nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from chatbot.core.errors import HistoryUnavailable, Malformed
from chatbot.core.limits import PLACES_CLOCKS_MS
from chatbot.core.message import Envelope
from chatbot.core.ports import Clock, Journal, WaitingRoom
from chatbot.core.work import PLACE_UNKNOWN, Record

_FOR_PLACES = 3_000
"""Milliseconds of an invocation that must be left to free places; a write takes at most two."""


@dataclass(frozen=True, slots=True)
class PlacesLeft:
    """Frees the places of a conversation's records that are done; shared by the threads of a batch.

    `room` returns the room, and is called only for records that have places; `most` is MAX_WAITING.
    """

    room: Callable[[], WaitingRoom]
    most: int
    journal: Journal
    clock: Clock

    def __call__(self, records: Sequence[Record], deadline: int) -> None:
        """Free the places of `records` if there are any, and time is left until `deadline`.

        `deadline` is in milliseconds since the epoch. Never raises.
        """
        if any(record.place for record in records) and deadline - self.clock() > _FOR_PLACES:
            leave_places(records, (), self.room(), self.most, self.journal)


def leave_places(
    records: Sequence[Record],
    unfinished: Collection[str],
    room: WaitingRoom,
    most: int,
    journal: Journal,
) -> None:
    """Free the places of records, except those whose message ids are `unfinished`.

    One write for each conversation that has places, one more where the last of them is unknown.
    Never raises: the next batch of the conversation makes up for a write that failed.
    """
    placed: dict[str, Record] = {}
    last: dict[str, Record] = {}
    for record in records:
        if record.place and record.message_id not in unfinished:
            last[record.group] = record
            if record.place != PLACE_UNKNOWN:
                placed[record.group] = record
    for group, record in last.items():
        try:
            conversation = Envelope.from_json(record.body).conversation
            if group in placed:
                room.leave(conversation, placed[group].place, most)
            if record.place == PLACE_UNKNOWN:
                room.leave_all(conversation, record.sent_at + PLACES_CLOCKS_MS, most)
        except Malformed:
            continue
        except HistoryUnavailable as error:
            journal.warning("waiting_not_counted", reason=str(error))
            return
