"""Wrong access codes make their address wait, whichever process and session they come from."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import Any

import pytest

from chatbot.adapters.dynamodb.guesses import GuessItems, pause_after
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.limits import GUESS_FORGOTTEN_S, GUESS_PAUSE_MOST_S
from tests.component.conftest import Aws
from tests.fakes.clock import NOON, FakeClock

ADA, EVE = "hash-of-ada", "hash-of-eve"


class Judges:
    """Two processes that judge in turn."""

    def __init__(self, aws: Aws, table: str) -> None:
        self.clock = FakeClock()
        self._both = [GuessItems(aws.dynamodb, table, self.clock) for _ in range(2)]

    def wrong(self, address: str = EVE) -> int:
        self._both.reverse()
        return self._both[0].judge(address, right=False)

    def right(self, address: str = EVE) -> int:
        self._both.reverse()
        return self._both[0].judge(address, right=True)


@pytest.fixture
def judges(aws: Aws, table: str) -> Judges:
    return Judges(aws, table)


def test_the_pause_grows_up_to_its_bound() -> None:
    pauses = [pause_after(wrong) for wrong in range(1, 14)]
    assert pauses == [0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    assert pause_after(10**6) == GUESS_PAUSE_MOST_S


def test_after_some_wrong_codes_each_has_to_wait(judges: Judges) -> None:
    assert [judges.wrong() for _ in range(5)] == [0, 0, 0, 2, 2]
    judges.clock.advance(1.5)
    assert judges.wrong() == 1
    judges.clock.advance(0.5)
    assert [judges.wrong() for _ in range(2)] == [0, 4], "the one that had to wait did not count"
    assert judges.wrong(ADA) == 0, "another address"


def test_the_right_one_has_to_wait_as_well_and_ends_it(judges: Judges) -> None:
    for _ in range(3):
        judges.wrong()
    assert judges.right() == 2
    judges.clock.advance(2)
    assert judges.right() == 0
    assert [judges.wrong() for _ in range(4)] == [0, 0, 0, 2]
    assert judges.right(ADA) == 0


@pytest.mark.long
def test_a_day_looks_at_about_a_hundred(judges: Judges) -> None:
    looked_at, end = 0, NOON + 86_400_000
    for _ in range(300):
        wait = judges.wrong()
        looked_at += not wait and judges.clock() < end
        judges.clock.advance(wait)
    assert judges.clock() > end
    assert 90 < looked_at < 120


def test_wrong_ones_are_forgotten_after_a_day(judges: Judges) -> None:
    for _ in range(3):
        judges.wrong()
    judges.clock.advance(GUESS_FORGOTTEN_S + 1)
    assert [judges.wrong() for _ in range(4)] == [0, 0, 0, 2]


def test_what_is_stored_expires_and_names_no_address(aws: Aws, table: str, judges: Judges) -> None:
    judges.wrong()
    (item,) = aws.dynamodb.scan(TableName=table)["Items"]
    assert item["pk"] == {"S": f"~guess:{EVE}"}
    assert item["expires_at"] == {"N": str(NOON // 1000 + GUESS_FORGOTTEN_S)}
    judges.right()
    (item,) = aws.dynamodb.scan(TableName=table)["Items"]
    assert item.keys() == {"pk", "sk", "expires_at"}
    assert item["expires_at"] == {"N": str(NOON // 1000)}


class Meanwhile:
    """Lets other codes come before a process's write of a given number."""

    def __init__(self, guesses: GuessItems, write: int, others: Callable[[], object]) -> None:
        self._update, self._write, self._others = guesses._client.update, write, others
        guesses._client.update = self  # type: ignore[method-assign, assignment]

    def __call__(self, *arguments: Any) -> Any:
        self._write -= 1
        if self._write == 0:
            self._others()
        return self._update(*arguments)


@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize("right", [True, False])
def test_of_two_at_the_same_time_one_is_looked_at(
    aws: Aws, table: str, right: bool, before: int
) -> None:
    clock = FakeClock()
    guesses, other = (GuessItems(aws.dynamodb, table, clock) for _ in range(2))
    for number in range(1, before + 1):
        assert guesses.judge(EVE, right=False) == 0
        clock.advance(pause_after(number))
    waits = []
    Meanwhile(guesses, 2, lambda: waits.append(other.judge(EVE, right=right)))
    waits.append(guesses.judge(EVE, right=False))
    if before:
        assert waits == [0, 1], "it has written between the other's two writes, and won"
    else:
        assert waits == [0], "the first one needs no second write"


def test_a_right_code_between_the_writes_of_a_wrong_one_waits(aws: Aws, table: str) -> None:
    """The wrong one has won, but has not yet returned: the right one comes as one of a burst."""
    guesses, other = (GuessItems(aws.dynamodb, table, FakeClock()) for _ in range(2))
    assert [other.judge(EVE, right=False) for _ in range(2)] == [0, 0]
    waits: list[int] = []

    def burst() -> None:
        waits.extend(other.judge(EVE, right=False) for _ in range(3))
        waits.append(other.judge(EVE, right=True))

    Meanwhile(guesses, 2, burst)
    assert guesses.judge(EVE, right=True) == 1, "a right one that is late is not looked at either"
    assert waits == [0, 2, 2, 2]


def test_a_code_that_is_counted_while_a_right_one_ends_the_pauses_stays_counted(
    aws: Aws, table: str
) -> None:
    guesses, other = (GuessItems(aws.dynamodb, table, FakeClock()) for _ in range(2))
    Meanwhile(guesses, 2, lambda: other.judge(EVE, right=False))
    assert guesses.judge(EVE, right=True) == 0
    assert [other.judge(EVE, right=False) for _ in range(2)] == [0, 2]


def locked(update: Callable[..., Any], lock: Lock) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        with lock:
            return update(*arguments)

    return call


@pytest.mark.parametrize("right_one", [0, 4, 50, 99])
def test_of_a_burst_of_a_hundred_three_are_looked_at(aws: Aws, table: str, right_one: int) -> None:
    guesses = [GuessItems(aws.dynamodb, table, FakeClock()) for _ in range(100)]
    together, one_write = Barrier(100, timeout=60), Lock()
    for each in guesses:  # DynamoDB checks and writes at once, moto in two steps
        each._client.update = locked(each._client.update, one_write)  # type: ignore[method-assign]

    def give(number: int) -> int:
        together.wait()
        return guesses[number].judge(EVE, right=number == right_one)

    with ThreadPoolExecutor(100) as threads:
        waits = list(threads.map(give, range(100)))
    looked_at = waits.count(0)
    # A right one that wins ends the pauses, so three more may come after it.
    assert 1 <= looked_at <= (3 if waits[right_one] else 6)


@pytest.mark.parametrize("right", [True, False])
def test_a_table_that_is_gone_opens_nothing(aws: Aws, right: bool) -> None:
    with pytest.raises(HistoryUnavailable):
        GuessItems(aws.dynamodb, "gone", FakeClock()).judge(EVE, right=right)
