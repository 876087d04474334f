"""The places of messages that wait: the table and its double do the same."""

from __future__ import annotations

import pytest

from chatbot.adapters.dynamodb.waiting import WAITING, WaitingPlaces
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.ports import Places, WaitingRoom
from tests.component.conftest import Aws
from tests.fakes.clock import FakeClock
from tests.fakes.room import MemoryRoom

ADA, BOB = "telegram:7", "messenger:8"
STALE = 60.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["dynamodb", "memory"])
def room(request: pytest.FixtureRequest, clock: FakeClock) -> WaitingRoom:
    if request.param == "memory":
        return MemoryRoom(clock)
    aws: Aws = request.getfixturevalue("aws")
    return WaitingPlaces(aws.dynamodb, request.getfixturevalue("table"), clock)


def test_places_are_numbered_and_end(room: WaitingRoom) -> None:
    assert room.take(ADA, 1, 3, STALE) == Places(1, 1, True)
    assert room.take(ADA, 1, 3, STALE) == Places(2, 1, True)
    assert room.take(ADA, 5, 3, STALE) == Places(3, 1, True)
    assert room.take(ADA, 1, 3, STALE) == Places(0, 0, True)
    assert room.take(BOB, 2, 3, STALE) == Places(1, 2, True)


def test_what_was_finished_makes_room(room: WaitingRoom) -> None:
    room.take(ADA, 3, 3, STALE)
    for _ in range(2):  # as often as it is said
        room.leave(ADA, 2, 3)
    room.leave(ADA, 1, 3)
    assert room.take(ADA, 9, 3, STALE) == Places(4, 2, True)


def test_nobody_leaves_where_nobody_came(room: WaitingRoom) -> None:
    room.leave(ADA, 50, 3)
    assert room.take(ADA, 9, 3, STALE) == Places(1, 3, True)


def test_places_of_which_no_message_knows_are_free_when_all_is_finished(
    room: WaitingRoom, clock: FakeClock
) -> None:
    room.leave_all(ADA, clock(), 3)
    room.take(ADA, 9, 3, STALE)
    clock.advance(1)
    room.tell(ADA, 3)
    room.leave_all(ADA, clock() - 1, 3)  # a place was taken after that
    assert room.take(ADA, 9, 3, STALE) == Places()
    clock.advance(1)
    room.leave(ADA, 1, 3)
    for _ in range(2):  # as often as it is said
        room.leave_all(ADA, clock() - 1_000, 3)
    assert room.take(ADA, 9, 3, STALE) == Places(5, 3, True)
    room.leave_all(ADA, clock() - 1, 3)
    assert room.take(ADA, 1, 3, STALE).granted == 0
    clock.advance(STALE + 1)
    assert room.take(ADA, 9, 3, STALE).granted == 3  # the count begins again
    room.leave_all(ADA, clock() - 1, 3)
    assert room.take(ADA, 1, 3, STALE).granted == 0


def test_one_sentence_until_it_was_read(room: WaitingRoom) -> None:
    room.take(ADA, 9, 3, STALE)
    assert room.tell(ADA, 3) == 4
    assert room.tell(ADA, 3) == 0
    assert room.take(ADA, 1, 3, STALE) == Places()
    room.leave(ADA, 3, 3)
    assert room.take(ADA, 9, 3, STALE) == Places(5, 2, False)
    assert room.tell(ADA, 3) == 0
    room.leave(ADA, 4, 3)
    assert room.take(ADA, 9, 3, STALE) == Places(7, 1, True)
    assert room.tell(ADA, 3) == 8


def test_places_of_what_was_not_queued_are_given_back(room: WaitingRoom) -> None:
    room.take(ADA, 1, 3, STALE)
    room.take(ADA, 2, 3, STALE)
    room.give_back(ADA, 3, 2, told=False)
    assert room.take(ADA, 1, 3, STALE) == Places(2, 1, True)
    room.give_back(ADA, 1, 1, told=False)  # another has the place after it
    assert room.take(ADA, 9, 3, STALE) == Places(3, 2, True)
    assert room.tell(ADA, 3) == 5
    room.give_back(ADA, 5, 2, told=True)
    assert room.take(ADA, 9, 3, STALE) == Places(4, 1, True)
    assert room.tell(ADA, 3) == 5


def test_a_sentence_is_not_repeated_for_places_that_others_gave_back(room: WaitingRoom) -> None:
    room.give_back(ADA, 1, 1, told=False)  # long ago
    room.take(ADA, 1, 3, STALE)
    room.take(ADA, 2, 3, STALE)
    assert room.tell(ADA, 3) == 4
    room.give_back(ADA, 1, 1, told=False)
    assert room.tell(ADA, 3) == 0
    room.give_back(ADA, 3, 2, told=False)
    room.leave(ADA, 4, 3)
    assert room.take(ADA, 9, 3, STALE) == Places(5, 3, False)


def test_a_count_that_nobody_changes_begins_again(room: WaitingRoom, clock: FakeClock) -> None:
    room.take(ADA, 9, 3, STALE)
    room.tell(ADA, 3)
    clock.advance(STALE)
    assert room.take(ADA, 1, 3, STALE) == Places()
    clock.advance(0.001)
    assert room.take(ADA, 9, 3, STALE) == Places(5, 3, True)
    assert room.take(ADA, 1, 3, STALE).granted == 0


def test_the_item_is_in_nobodys_conversation_and_expires(
    aws: Aws, table: str, clock: FakeClock
) -> None:
    room = WaitingPlaces(aws.dynamodb, table, clock)
    room.take(ADA, 1, 3, STALE)
    room.leave(ADA, 1, 3)
    [item] = aws.dynamodb.scan(TableName=table)["Items"]
    assert (item["pk"]["S"], item["sk"]["S"]) == (f"{WAITING}:{ADA}", WAITING)
    assert int(item["expires_at"]["N"]) == clock() // 1000 + 86_400


def test_a_table_that_is_gone(aws: Aws, clock: FakeClock) -> None:
    room = WaitingPlaces(aws.dynamodb, "gone", clock)
    with pytest.raises(HistoryUnavailable):
        room.take(ADA, 1, 3, STALE)
