"""Turns in the conversation table: DynamoDB (moto) and its double in memory, case by case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from chatbot.adapters.dynamodb.turns import Table
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.ports import TurnExists
from chatbot.core.timeline import ConversationProfile, TurnPage
from chatbot.core.turn import Claim, Links, Origin, State, Turn
from tests.component.turns import CONVERSATION, EMPTY, FULL, RICH, Store, make
from tests.fakes.clock import NOON


@pytest.mark.parametrize("turn", [FULL, EMPTY, RICH, make(links=Links(merged_into="turn#0"))])
def test_a_turn_comes_back_as_it_was_put(history: Store, turn: Turn) -> None:
    history.put(turn)
    assert history.find(turn.key) == turn
    assert history.read(CONVERSATION, 10).turns == (turn,)


def test_a_second_put_meets_the_first(history: Store) -> None:
    first = make()
    history.put(first)
    with pytest.raises(TurnExists) as met:
        history.put(make(text="other", claim=Claim("theirs", NOON)))
    assert met.value.turn == first
    assert history.find(first.key) == first


@pytest.mark.parametrize("taken", [0, 1])
def test_of_several_turns_all_are_put_or_none(history: Store, taken: int) -> None:
    """Returns the turn at the first one's key, None when another key is taken."""
    stands = make(taken, text="theirs")
    history.put(stands)
    turns = [make(0, more="question 1"), make(1, links=Links(merged_into=make(0).key.sort))]
    with pytest.raises(TurnExists) as met:
        history.put_all(turns)
    assert met.value.turn == (None if taken else stands)
    assert history.read(CONVERSATION, 10).turns == (stands,)
    later = [make(5, more="question 6"), make(6, links=Links(merged_into=make(5).key.sort))]
    history.put_all(later)
    assert history.read(CONVERSATION, 10).turns == (later[1], later[0], stands)


def test_a_window_holds_the_newest_turns_first(history: Store) -> None:
    for number in (3, 1, 2):
        history.put(make(number))
    history.put(make(4, conversation="telegram:421"))
    window = history.read(CONVERSATION, 10)
    assert [turn.text for turn in window.turns] == ["question 3", "question 2", "question 1"]
    assert window.complete
    assert window.profile == ConversationProfile()


def test_a_window_is_limited_and_says_so(history: Store) -> None:
    for number in range(40):
        history.put(make(number))
    window = history.read(CONVERSATION, 5)
    assert 5 <= len(window.turns) < 40
    assert window.turns[0].text == "question 39"
    assert not window.complete
    assert not window.reaches(make(1).key)


def test_neither_pointers_nor_special_items_push_turns_out(history: Store) -> None:
    for number in range(4):
        history.put(make(number))
    leader = make(3).key.sort
    for number in range(10, 20):
        history.put(make(number, links=Links(merged_into=leader)))
    history.save_profile(CONVERSATION, ConversationProfile(registered=True))
    history.raise_try(make().key, 1, NOON)
    turns = history.read(CONVERSATION, 4).turns
    assert len([turn for turn in turns if not turn.links.merged_into]) == 4


@pytest.mark.parametrize("conversation", ["telegram:-100:5", 'web:"#~/ü', "messenger:" + "9" * 60])
def test_odd_conversations_are_kept_apart(history: Store, conversation: str) -> None:
    turn = make(conversation=conversation)
    history.put(turn)
    assert history.read(conversation, 1).turns == (turn,)
    assert history.find(make().key) is None
    assert history.read(CONVERSATION, 1).turns == ()


# Claims

CLAIMABLE = [
    make(state=State.ANSWERED),
    make(state=State.ANSWERED, claim=None),
    make(claim=Claim("ended", NOON - 1)),
    make(claim=None),
]
TAKEN = [make(claim=Claim("running", NOON)), make(claim=Claim("running", NOON + 1))] + [
    make(state=state, claim=Claim("ended", NOON - 1))
    for state in (State.DELIVERED, State.UNDELIVERABLE, State.HELD)
]


@pytest.mark.parametrize("turn", CLAIMABLE)
def test_a_free_turn_is_taken_over(history: Store, turn: Turn) -> None:
    history.put(turn)
    claim = Claim("new", NOON + 5000)
    taken = history.take_over(turn, claim, NOON)
    assert taken == replace(turn, state=State.SENDING, claim=claim)
    assert history.find(turn.key) == taken


def test_a_turn_that_is_taken_over_as_plain_stays_plain(history: Store) -> None:
    found = make(state=State.ANSWERED)
    history.put(found)
    plain = replace(found, reply=replace(found.reply, plain=True))
    taken = history.take_over(plain, Claim("new", NOON - 1), NOON)
    assert taken.reply.plain
    assert history.take_over(taken, Claim("newer", NOON + 5000), NOON).reply.plain
    history.mark_delivered(found.key, ("1",))
    assert history.find(found.key) == replace(
        plain, state=State.DELIVERED, posted=("1",), claim=Claim("newer", NOON + 5000)
    )


@pytest.mark.parametrize("turn", TAKEN)
def test_any_other_is_left_alone(history: Store, turn: Turn) -> None:
    history.put(turn)
    with pytest.raises(TurnExists) as met:
        history.take_over(turn, Claim("new", NOON + 5000), NOON)
    assert met.value.turn == turn
    assert history.find(turn.key) == turn


def test_a_turn_that_moved_on_since_it_was_read_is_left_alone(history: Store) -> None:
    found = make(state=State.ANSWERED)
    history.put(found)
    other = history.take_over(found, Claim("other", NOON - 1), NOON)
    with pytest.raises(TurnExists) as met:
        history.take_over(found, Claim("new", NOON + 5000), NOON)
    assert met.value.turn == other
    # The same state under another's token
    with pytest.raises(TurnExists):
        history.take_over(make(claim=Claim("ended", NOON - 1)), Claim("new", NOON), NOON)


def test_a_take_over_tells_what_was_posted_since_it_was_read(history: Store) -> None:
    found = make(claim=Claim("mine", NOON - 1))
    history.put(found)
    history.save(replace(found, posted=("1",)))
    assert history.take_over(found, Claim("new", NOON), NOON).posted == ("1",)


def test_the_first_claim_sets_when_posting_was_opened(history: Store) -> None:
    found = make(state=State.ANSWERED, opened_at=0)
    history.put(found)
    first = history.take_over(found, Claim("first", NOON), NOON)
    assert first.opened_at == NOON
    second = history.take_over(first, Claim("second", NOON + 9000), NOON + 500)
    assert second.opened_at == NOON


def test_what_is_gone_cannot_be_claimed(history: Store) -> None:
    steps: list[Callable[[], object]] = [
        lambda: history.take_over(make(), Claim("new", NOON), NOON + 9000),
        lambda: history.save(make()),
        lambda: history.abandon(make().key, NOON + 9000),
        lambda: history.hold(make().key, NOON + 9000),
    ]
    for step in steps:
        with pytest.raises(TurnExists) as met:
            step()
        assert met.value.turn is None
    assert history.find(make().key) is None


# What the holder of a claim writes


def test_the_holder_saves_state_claim_and_progress(history: Store) -> None:
    turn = make()
    history.put(turn)
    for step in (
        replace(turn, posted=("1",)),
        replace(turn, posted=("1", "2"), claim=Claim("mine", NOON + 7)),
        replace(turn, posted=("1", "2"), state=State.ANSWERED),
    ):
        history.save(step)
        assert history.find(turn.key) == step
        history.save(step)  # an SDK's silent retry
        assert history.find(turn.key) == step


@pytest.mark.parametrize("claim", [Claim("theirs", NOON), None])
def test_nobody_saves_under_anothers_claim(history: Store, claim: Claim | None) -> None:
    turn = make()
    history.put(turn)
    with pytest.raises(TurnExists) as met:
        history.save(replace(turn, claim=claim, posted=("1",)))
    assert met.value.turn == turn
    assert history.find(turn.key) == turn


@pytest.mark.parametrize("state", [State.DELIVERED, State.ANSWERED, State.UNDELIVERABLE])
def test_a_late_write_does_not_turn_a_finished_state_back(history: Store, state: State) -> None:
    turn = make(state=state)
    history.put(turn)
    with pytest.raises(TurnExists):
        history.save(make(posted=("1",)))
    assert history.find(turn.key) == turn


@pytest.mark.parametrize("state", list(State))
def test_delivered_is_written_unconditionally(history: Store, state: State) -> None:
    turn = make(state=state, posted=("1",))
    history.put(turn)
    for _ in range(2):
        history.mark_delivered(turn.key, ("1", "2"))
        assert history.find(turn.key) == replace(turn, state=State.DELIVERED, posted=("1", "2"))


def test_delivered_makes_no_turn_out_of_nothing(history: Store) -> None:
    history.mark_delivered(make().key, ("1",))
    assert history.find(make().key) is None
    assert history.read(CONVERSATION, 1).turns == ()


# Turns whose claim is over


def test_a_turn_is_held_once_its_claim_is_over(history: Store) -> None:
    turn = make()
    history.put(turn)
    with pytest.raises(TurnExists) as met:
        history.hold(turn.key, NOON + 1000)
    assert met.value.turn == turn
    for _ in range(2):
        history.hold(turn.key, NOON + 1001)
        assert history.find(turn.key) == replace(turn, state=State.HELD)


def test_a_turn_is_abandoned_once_its_claim_is_over(history: Store) -> None:
    turn = make()
    history.put(turn)
    with pytest.raises(TurnExists):
        history.abandon(turn.key, NOON + 1000)
    for _ in range(2):
        history.abandon(turn.key, NOON + 1001)
        assert history.find(turn.key) == replace(turn, claim=None)
    history.hold(turn.key, 0)


@pytest.mark.parametrize("state", [State.ANSWERED, State.DELIVERED, State.UNDELIVERABLE])
def test_only_an_open_turn_is_held_or_abandoned(history: Store, state: State) -> None:
    turn = make(state=state)
    history.put(turn)
    for step in (history.hold, history.abandon):
        with pytest.raises(TurnExists):
            step(turn.key, NOON + 9000)
    assert history.find(turn.key) == turn


# What the page reads


def test_a_page_reads_on_from_where_it_was(history: Store) -> None:
    turns = [make(number) for number in range(1, 7)]
    for turn in turns:
        history.put(turn)
    history.save_profile(CONVERSATION, ConversationProfile(registered=True))
    history.put(make(9, conversation="web:other"))
    sorts = [turn.key.sort for turn in turns]

    def after(sort: str, limit: int) -> tuple[list[str], bool]:
        page = history.turns_after(CONVERSATION, sort, limit)
        return [turn.key.sort for turn in page.turns], page.more

    def before(sort: str, limit: int) -> tuple[list[str], bool]:
        page = history.turns_before(CONVERSATION, sort, limit)
        return [turn.key.sort for turn in page.turns], page.more

    assert history.turns_after(CONVERSATION, "", 2) == TurnPage(tuple(turns[4:]), more=True)
    assert after("", 6) == (sorts, False)
    assert after("", 99) == (sorts, False)
    assert after(sorts[1], 2) == (sorts[2:4], True)
    assert after(sorts[1], 4) == (sorts[2:], False)
    assert after(sorts[5], 2) == ([], False)
    assert after(f"{sorts[2]}x", 2) == (sorts[3:5], True)
    assert before(sorts[5], 2) == (sorts[3:5], True)
    assert before(sorts[2], 2) == (sorts[:2], False)
    assert before(f"{sorts[2]}x", 2) == (sorts[1:3], True)
    assert before(sorts[0], 2) == ([], False)


@pytest.mark.parametrize("after", ["~state", "turn$", "x" * 5000, "turn#" + "9" * 5000])
def test_a_cursor_that_is_none_gives_nothing(history: Store, after: str) -> None:
    history.put(make())
    history.save_profile(CONVERSATION, ConversationProfile(registered=True))
    assert history.turns_after(CONVERSATION, after, 5) == TurnPage()


# Earlier turns, breaks and thumbs


def test_older_turns_come_newest_first_and_all_of_them(history: Store) -> None:
    turns = [make(number) for number in range(130)]
    for turn in (*turns, make(1, conversation="telegram:421")):
        history.put(turn)
    history.save_profile(CONVERSATION, ConversationProfile(registered=True))
    assert list(history.older(make(120).key)) == turns[119::-1]
    assert list(history.older(make(0).key)) == []
    assert list(history.oldest(make(120).key)) == turns[:120]
    since = turns[70].key.sort
    assert list(history.oldest(make(120).key, since)) == turns[70:120]
    assert list(history.oldest(make(70).key, since)) == []
    assert list(history.oldest(make(60).key, since)) == []


def test_the_newest_break_is_lifted_once_by_each_event(history: Store) -> None:
    command: dict[str, Any] = {"origin": Origin.COMMAND, "links": Links(fresh_start=True)}
    for turn in (make(1, **command), make(2), make(3, **command), make(4, **command), make(5)):
        history.put(turn)

    def lifted() -> list[int]:
        return [
            number
            for number in (1, 3, 4)
            if (history.find(make(number).key) or FULL).links.lifted_by
        ]

    for _ in range(2):
        history.lift_break(make(6).key)
        assert lifted() == [3, 4]
    history.lift_break(make(7).key)
    assert lifted() == [1, 3, 4]
    assert (history.find(make(3).key) or FULL).links.lifted_by == make(6).key.sort
    history.lift_break(make(8).key)


def test_lifting_goes_on_where_time_had_ended(
    dynamodb_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        dynamodb_table.put(make(number, origin=Origin.COMMAND, links=Links(fresh_start=True)))
    clock = count()  # seconds, one more at each look
    stepping = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr("chatbot.adapters.dynamodb.turns.time", stepping)

    def lifted() -> list[int]:
        turns = [dynamodb_table.find(make(number).key) or FULL for number in range(6)]
        return [number for number, turn in enumerate(turns) if turn.links.lifted_by]

    for left in ([4, 5], [2, 3, 4, 5]):
        with pytest.raises(HistoryUnavailable):
            dynamodb_table.lift_break(make(6).key, seconds=3)
        assert lifted() == left
    dynamodb_table.lift_break(make(6).key, seconds=3)
    assert lifted() == [0, 1, 2, 3, 4, 5]


def test_what_is_lifted_is_not_written_again(history: Store) -> None:
    for number in range(3):
        history.put(make(number, origin=Origin.COMMAND, links=Links(fresh_start=True)))
    with pytest.raises(HistoryUnavailable):
        history.lift_break(make(3).key, seconds=0)
    history.lift_break(make(3).key)
    history.lift_break(make(3).key, seconds=0)


def test_a_break_is_not_looked_for_in_the_whole_conversation(
    history: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("chatbot.adapters.dynamodb.turns", "tests.fakes.history"):
        monkeypatch.setattr(f"{module}.MOST_LOOKED_AT", 3)
    for turn in (make(1, origin=Origin.COMMAND, links=Links(fresh_start=True)), make(2), make(3)):
        history.put(turn)
    history.lift_break(make(4).key)
    assert (history.find(make(1).key) or FULL).links.lifted_by == make(4).key.sort
    history.put(make(5, origin=Origin.COMMAND, links=Links(fresh_start=True)))
    for turn in (make(6), make(7), make(8)):
        history.put(turn)
    history.lift_break(make(9).key)
    assert (history.find(make(5).key) or FULL).links.lifted_by == ""


@pytest.mark.parametrize("rating", [1, 0, -1])
def test_a_rating_is_kept_with_its_turn(history: Store, rating: int) -> None:
    history.put(make(rating=-1))
    history.rate(make().key, rating)
    assert history.find(make().key) == make(rating=rating)
    history.rate(make(2).key, rating)
    assert history.find(make(2).key) is None
