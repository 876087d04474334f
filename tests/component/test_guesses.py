"""Wrong access codes make their address wait, whichever process and session they come from."""

from __future__ import annotations

import pytest

from chatbot.adapters.dynamodb.guesses import GuessItems, pause_after
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.limits import GUESS_FORGOTTEN_S, GUESS_PAUSE_MOST_S
from tests.component.conftest import Aws
from tests.fakes import NOON, FakeClock

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
    judges.right(ADA)
    judges.wrong()
    (item,) = aws.dynamodb.scan(TableName=table)["Items"]
    assert item["pk"] == {"S": f"~guess:{EVE}"}
    assert item["expires_at"] == {"N": str(NOON // 1000 + GUESS_FORGOTTEN_S)}
    judges.right()
    (item,) = aws.dynamodb.scan(TableName=table)["Items"]
    assert item.keys() == {"pk", "sk", "expires_at"}


def test_two_at_the_same_time_count_as_one_and_a_pause(
    aws: Aws, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    guesses = GuessItems(aws.dynamodb, table, FakeClock())
    guesses.judge(EVE, right=False)
    count = guesses._count
    late = GuessItems(aws.dynamodb, table, FakeClock(NOON + 5))

    def beaten(key: object, now: int, wrong: int, before: int, condition: str) -> None:
        if before:
            late._count(key, NOON + 5, wrong, before, condition)  # type: ignore[arg-type]
        count(key, now, wrong, before, condition)  # type: ignore[arg-type]

    monkeypatch.setattr(guesses, "_count", beaten)
    assert guesses.judge(EVE, right=False) == 1


@pytest.mark.parametrize("right", [True, False])
def test_a_table_that_is_gone_opens_nothing(aws: Aws, right: bool) -> None:
    with pytest.raises(HistoryUnavailable):
        GuessItems(aws.dynamodb, "gone", FakeClock()).judge(EVE, right=right)
