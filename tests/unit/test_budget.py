"""The budget of memory for files: never more than there is, overtaking only for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from chatbot.core.budget import Budget, Share, _Waiting, files_budget
from chatbot.core.errors import MemoryBusy, Retryable
from chatbot.core.limits import AT_REST, LEAST_BUDGET, OVERTAKEN_S


def waits_for(budget: Budget, waiting: int) -> None:
    """Wait until so many threads wait for the budget."""
    end = time.monotonic() + 5
    while len(budget._waiting) < waiting:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_what_is_given_back_can_be_taken_again() -> None:
    budget = Budget(10)
    for _ in range(3):
        with budget.take(10, 0):
            pass
    with budget.take(10, 0) as share:
        share.shrink(4)
        with budget.take(6, 0), pytest.raises(MemoryBusy):
            budget.take(1, 0)


def test_who_finds_it_empty_waits() -> None:
    budget = Budget(10)
    first = budget.take(10, 0)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(budget.take, 5, 10)
        waits_for(budget, 1)
        first.shrink(5)
        assert second.result(5).size == 5


def test_who_waits_too_long_is_told_to_come_again() -> None:
    budget = Budget(10)
    budget.take(10, 0)
    began = time.monotonic()
    with pytest.raises(MemoryBusy) as busy:
        budget.take(1, 0.05)
    assert time.monotonic() - began >= 0.05
    assert isinstance(busy.value, Retryable)
    assert not budget._waiting


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time that a budget reads: `now` can be set."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(
        "chatbot.core.budget.time", SimpleNamespace(monotonic=lambda: float(clock.now))
    )
    return clock


@contextmanager
def threads(budget: Budget, clock: SimpleNamespace) -> Iterator[ThreadPoolExecutor]:
    """Threads for those who wait; whoever still waits at the end gives up."""
    with ThreadPoolExecutor(2) as pool:
        try:
            yield pool
        finally:
            clock.now += 1000
            with budget._changed:
                budget._changed.notify_all()


def test_what_fits_overtakes_what_does_not_for_a_while(clock: SimpleNamespace) -> None:
    budget = Budget(10)
    drawing = budget.take(4, 0)
    with threads(budget, clock) as pool:
        document = pool.submit(budget.take, 9, 10)
        waits_for(budget, 1)
        clock.now += OVERTAKEN_S - 0.1
        budget.take(5, 0).shrink(0)
        clock.now += 0.1
        with pytest.raises(MemoryBusy):
            budget.take(5, 0)
        photo = pool.submit(budget.take, 1, 10)
        waits_for(budget, 2)
        drawing.shrink(0)
        assert document.result(5).size == 9
        assert photo.result(5).size == 1


def test_nobody_overtakes_who_could_take_it_now(clock: SimpleNamespace) -> None:
    budget = Budget(10)
    asleep = _Waiting(5, clock.now + OVERTAKEN_S)
    budget._waiting.append(asleep)
    with pytest.raises(MemoryBusy):
        budget.take(6, 0)
    budget._waiting.remove(asleep)
    assert budget.take(6, 0).size == 6


@pytest.mark.parametrize("late", [1, 2])
def test_all_who_have_waited_long_enough_are_served_in_turn(
    clock: SimpleNamespace, late: int
) -> None:
    budget = Budget(10)
    held = budget.take(8, 0)
    with threads(budget, clock) as pool:
        waiting = list[Future[Share]]()
        for number in (1, 2):
            if number == late:
                clock.now += OVERTAKEN_S
            waiting.append(pool.submit(budget.take, 2 + number, 10))
            waits_for(budget, number)
        if late == 1:
            clock.now += OVERTAKEN_S
        with pytest.raises(MemoryBusy):
            budget.take(1, 0)
        held.shrink(0)
        assert [each.result(5).size for each in waiting] == [3, 4]


def test_who_needs_much_is_not_overtaken_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.core.budget.OVERTAKEN_S", 0)
    budget = Budget(10)
    held = [budget.take(5, 0), budget.take(5, 0)]
    order: list[int] = []

    def take(size: int) -> None:
        with budget.take(size, 10):
            order.append(size)

    with ThreadPoolExecutor(2) as pool:
        much = pool.submit(take, 10)
        waits_for(budget, 1)
        little = pool.submit(take, 1)
        waits_for(budget, 2)
        for share in held:
            share.shrink(0)
        much.result(5)
        little.result(5)
    assert order == [10, 1]


def test_who_gives_up_lets_the_next_one_by() -> None:
    budget = Budget(10)
    budget.take(5, 0)
    with ThreadPoolExecutor(2) as pool:
        much = pool.submit(budget.take, 10, 0.1)
        waits_for(budget, 1)
        little = pool.submit(budget.take, 5, 10)
        with pytest.raises(MemoryBusy):
            much.result(5)
        assert little.result(5).size == 5


def test_who_needs_more_than_there_is_gets_all() -> None:
    budget = Budget(10)
    with budget.take(100, 0) as share:
        assert share.size == 10


def test_many_threads_never_hold_more_than_there_is() -> None:
    budget, held, most, lock = Budget(10), 0, 0, threading.Lock()

    def work(size: int) -> None:
        nonlocal held, most
        with budget.take(size, 10):
            with lock:
                held += size
                most = max(most, held)
            time.sleep(0.0005)
            with lock:
                held -= size

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [1, 7, 3, 10, 2, 5] * 20))
    assert most <= 10
    assert budget.take(10, 0).size == 10


@pytest.mark.parametrize(("memory", "capacity"), [("", 2**62), ("128", LEAST_BUDGET)])
def test_its_size_follows_from_the_functions_memory(memory: str, capacity: int) -> None:
    assert files_budget(memory).capacity == capacity
    assert files_budget("1024").capacity == int(1024 * 2**20 * 0.8) - AT_REST
