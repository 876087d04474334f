"""The memory that the files of all conversations of a process may take at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from itertools import takewhile
from types import TracebackType
from typing import Self

from chatbot.core.errors import MemoryBusy
from chatbot.core.limits import AT_REST, LEAST_BUDGET, OVERTAKEN_S, SPARE_MEMORY

_NO_LIMIT = 2**62


def files_budget(function_memory: str) -> Budget:
    """The budget of a function with so much memory, as AWS_LAMBDA_FUNCTION_MEMORY_SIZE says it.

    That is in MB; "" is a process that is no function, for which there is no limit.
    """
    if not function_memory:
        return Budget()
    left = int(int(function_memory) * 2**20 * (1 - SPARE_MEMORY)) - AT_REST
    return Budget(max(LEAST_BUDGET, left))


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """Somebody who waits for `size` bytes, and may be overtaken until `closed` (monotonic)."""

    size: int
    closed: float


class Budget:
    """Bytes that are shared by threads; who comes first is served first.

    What does not fit yet may be overtaken by what does, but only for OVERTAKEN_S after it came: so
    nobody who needs much waits for ever while others take a little each. A conversation takes all
    that it may need at once: two that hold a part each and wait for more would wait for ever.
    """

    def __init__(self, capacity: int = _NO_LIMIT) -> None:
        self.capacity = capacity
        self._free = capacity
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()

    def take(self, size: int, seconds: float) -> Share:
        """Take `size` bytes, or all where that is more, as soon as they are free.

        Raises MemoryBusy when they are not within `seconds`.
        """
        share = Share(self)
        share.take(size, seconds)
        return share

    def reserve(self, size: int, seconds: float) -> int:
        """Take bytes for a Share, and return how many. Raises MemoryBusy.

        None are taken at once, whoever waits: words alone need no memory of it.
        """
        if size <= 0:
            return 0
        size, now = min(size, self.capacity), time.monotonic()
        place, end = _Waiting(size, now + OVERTAKEN_S), now + seconds
        with self._changed:
            self._waiting.append(place)
            try:
                while not self._may_take(place):
                    left = end - time.monotonic()
                    if left <= 0:
                        raise MemoryBusy("memory")
                    self._changed.wait(left)
                self._free -= size
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()
        return size

    def _may_take(self, place: _Waiting) -> bool:
        """Whether its bytes are free, and it may overtake all who wait before it."""
        now = time.monotonic()
        before = takewhile(lambda other: other is not place, self._waiting)
        return place.size <= self._free and all(
            other.size > self._free and now < other.closed for other in before
        )

    def give_back(self, size: int) -> None:
        """Return bytes that were taken."""
        with self._changed:
            self._free += size
            self._changed.notify_all()


class Share:
    """Bytes of a budget that somebody holds, until the end of its `with` block: at first none."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shrink(0)

    def take(self, size: int, seconds: float) -> None:
        """Hold `size` bytes instead of what is held, which is given back first.

        Raises MemoryBusy when they are not free within `seconds`.
        """
        self.shrink(0)
        self.size = self._budget.reserve(size, seconds)

    def shrink(self, size: int) -> None:
        """Keep only so many bytes, as soon as no more are needed."""
        surplus = self.size - size
        if surplus > 0:
            self.size = size
            self._budget.give_back(surplus)
