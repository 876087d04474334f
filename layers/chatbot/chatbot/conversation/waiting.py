"""Say which messages no longer wait, so that the door lets further ones in (edge/door.py).

Only messages of a conversation that sent many at once have a place; for all others nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        """Free the places of `records`, all of one conversation, if there are any.

        One write, one more where the last place is unknown; none where little time is left until
        `deadline` (epoch milliseconds). Never raises: the conversation's next records make up for a
        write that failed.
        """
        placed = [record for record in records if record.place]
        if not placed or deadline - self.clock() <= _FOR_PLACES:
            return
        try:
            self._leave(placed)
        except Malformed:  # it was moved to the dead letters, which is logged
            return
        except HistoryUnavailable as error:
            self.journal.warning("waiting_not_counted", reason=str(error))

    def _leave(self, placed: Sequence[Record]) -> None:
        last = placed[-1]
        conversation = Envelope.from_json(last.body).conversation
        known = [record.place for record in placed if record.place != PLACE_UNKNOWN]
        if known:
            self.room().leave(conversation, known[-1], self.most)
        if last.place == PLACE_UNKNOWN:
            self.room().leave_all(conversation, last.sent_at + PLACES_CLOCKS_MS, self.most)
