"""The budget of memory for files: never more than there is, first come, first served."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatbot.core.budget import Budget, files_budget
from chatbot.core.errors import MemoryBusy, Retryable
from chatbot.core.limits import AT_REST, LEAST_BUDGET


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


def test_who_needs_much_is_not_overtaken_for_ever() -> None:
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
