"""The memory that the files of all conversations of a process may take at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

from chatbot.core.errors import MemoryBusy
from chatbot.core.limits import AT_REST, LEAST_BUDGET, SPARE_MEMORY

_NO_LIMIT = 2**62


def files_budget(function_memory: str) -> Budget:
    """The budget of a function with so much memory, as AWS_LAMBDA_FUNCTION_MEMORY_SIZE says it.

    That is in MB; "" is a process that is no function, for which there is no limit.
    """
    if not function_memory:
        return Budget()
    left = int(int(function_memory) * 2**20 * (1 - SPARE_MEMORY)) - AT_REST
    return Budget(max(LEAST_BUDGET, left))


class Budget:
    """Bytes that are shared by threads; who comes first is served first.

    So nobody who needs much waits for ever while others take a little each. A conversation takes
    all that it may need at once: two that hold a part each and wait for more would wait for ever.
    """

    def __init__(self, capacity: int = _NO_LIMIT) -> None:
        self.capacity = capacity
        self._free = capacity
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

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
        size, place, end = min(size, self.capacity), object(), time.monotonic() + seconds
        with self._changed:
            self._waiting.append(place)
            try:
                while self._waiting[0] is not place or self._free < size:
                    left = end - time.monotonic()
                    if left <= 0:
                        raise MemoryBusy("memory")
                    self._changed.wait(left)
                self._free -= size
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()
        return size

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
