"""The places of messages that wait, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from chatbot.core.errors import HistoryUnavailable
from chatbot.core.ports import Places


class MemoryRoom:
    """ports.WaitingRoom in memory. `calls` counts by method; `down` makes every call fail."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.calls: Counter[str] = Counter()
        self.down = False
        self.rooms: dict[str, dict[str, int]] = {}

    def _room(self, name: str, conversation: str, most: int = 0) -> dict[str, int]:
        self.calls[name] += 1
        if self.down:
            raise HistoryUnavailable("down")
        return self.rooms.setdefault(conversation, {"taken": 0, "open_to": most, "told": 0})

    def take(self, conversation: str, events: int, most: int, stale: float) -> Places:
        room = self._room("take", conversation, most)
        if room["taken"] >= room["open_to"]:
            if room["at"] >= self._clock() - stale * 1000:
                return Places(may_tell=room["told"] <= room["open_to"])
            room |= {"open_to": room["taken"] + most, "told": 0}
        first = room["taken"] + 1
        granted = min(events, room["open_to"] - room["taken"])
        room |= {"taken": room["taken"] + granted, "at": self._clock(), "taken_at": self._clock()}
        return Places(first, granted, room["told"] <= room["open_to"])

    def tell(self, conversation: str, most: int) -> int:
        room = self._room("tell", conversation)
        if room["told"] > room["open_to"]:
            return 0
        place = room["taken"] + 1
        now = self._clock()
        room |= {"taken": place, "told": place + most, "at": now, "taken_at": now}
        return place

    def give_back(self, conversation: str, last: int, places: int, *, told: bool) -> None:
        self.calls["give_back"] += 1
        if self.down:
            raise HistoryUnavailable("down")
        if (room := self.rooms.get(conversation)) is None:
            return
        room["at"] = self._clock()
        if room["taken"] == last:
            room["taken"] -= places
        else:
            room["open_to"] += places
            room["told"] += places
        if told:
            room["told"] = 0

    def leave(self, conversation: str, place: int, most: int) -> None:
        self.calls["leave"] += 1
        if self.down:
            raise HistoryUnavailable("down")
        room = self.rooms.get(conversation)
        if room and room["open_to"] < place + most:
            room |= {"open_to": place + most, "at": self._clock()}

    def leave_all(self, conversation: str, sent_at: int, most: int) -> None:
        self.calls["leave_all"] += 1
        if self.down:
            raise HistoryUnavailable("down")
        room = self.rooms.get(conversation)
        if room and room["taken_at"] <= sent_at:
            room |= {"open_to": room["taken"] + most, "at": self._clock()}
