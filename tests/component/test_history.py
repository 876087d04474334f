"""The conversation table: the same cases against DynamoDB (moto) and its double in memory."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any, Protocol

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatbot.errors import HistoryUnavailable, TurnExists
from chatbot.history import Table
from chatbot.marks import put_stop
from chatbot.messages import (
    Author,
    Button,
    Claim,
    Made,
    Origin,
    Person,
    Reply,
    State,
    Stop,
    Turn,
    TurnKey,
)
from chatbot.ports import Counted, History
from tests.component.conftest import Aws
from tests.fakes import NOON, FakeClock, MemoryHistory

CONVERSATION = "telegram:42"
WORDS = "what a person said in confidence"
DAYS = 90


class Store(History, Protocol):
    def draft_of(self, conversation: str) -> tuple[str, str] | None: ...

    def turns_after(self, conversation: str, after: str, limit: int) -> tuple[Turn, ...]: ...


@pytest.fixture
def dynamodb_table(aws: Aws, table: str) -> Table:
    return Table(aws.dynamodb, table, FakeClock(), DAYS)


@pytest.fixture(params=["dynamodb", "memory"])
def history(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryHistory()
    found: Table = request.getfixturevalue("dynamodb_table")
    return found


def make(number: int = 1, conversation: str = CONVERSATION, **changes: Any) -> Turn:
    turn = Turn(
        key=TurnKey.of(conversation, NOON + number, f"{number:012d}:message"),
        channel="telegram",
        author=Author("7"),
        text=f"question {number}",
        reply=Reply(f"answer {number}"),
        state=State.SENDING,
        origin=Origin.MODEL,
        claim=Claim("mine", NOON + 1000),
        opened_at=NOON,
    )
    return replace(turn, **changes)


FULL = make(
    author=Author("7", "Ada", "en"),
    text="naïve 🎉\u0000 “text”",
    posted=("1", "2"),
    quote="99",
    fresh_start=True,
    lifted_by="turn#1",
    model="a-model",
    tokens_in=12,
    tokens_out=34,
)
RICH = make(
    reply=Reply(
        "What now?",
        (Button("Start fresh", "/new fresh"), Button("Früheres", "/new earlier")),
        Made("folder/name.png", "image/png", "a red fox"),
    ),
    more="and this",
    resumed=True,
    replaces="turn#0",
    rating=-1,
    estimate=77,
)
EMPTY = make(
    author=Author(""), text="", reply=Reply(""), claim=None, opened_at=0, state=State.ANSWERED
)


@pytest.mark.parametrize("turn", [FULL, EMPTY, RICH, make(leader="turn#0")])
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
    """Tells what stands at the first one's key, and None when another is taken."""
    stands = make(taken, text="theirs")
    history.put(stands)
    turns = [make(0, more="question 1"), make(1, leader=make(0).key.sort)]
    with pytest.raises(TurnExists) as met:
        history.put_all(turns)
    assert met.value.turn == (None if taken else stands)
    assert history.read(CONVERSATION, 10).turns == (stands,)
    later = [make(5, more="question 6"), make(6, leader=make(5).key.sort)]
    history.put_all(later)
    assert history.read(CONVERSATION, 10).turns == (later[1], later[0], stands)


def test_a_window_holds_the_newest_turns_first(history: Store) -> None:
    for number in (3, 1, 2):
        history.put(make(number))
    history.put(make(4, conversation="telegram:421"))
    window = history.read(CONVERSATION, 10)
    assert [turn.text for turn in window.turns] == ["question 3", "question 2", "question 1"]
    assert window.complete
    assert window.person == Person()


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
        history.put(make(number, leader=leader))
    history.save_person(CONVERSATION, Person(registered=True))
    history.raise_try(make().key)
    turns = history.read(CONVERSATION, 4).turns
    assert len([turn for turn in turns if not turn.leader]) == 4


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


# Tries and persons


def test_tries_are_counted_for_one_event_at_a_time(history: Store) -> None:
    first, second = make(1).key, make(2).key
    assert [history.raise_try(first) for _ in range(3)] == [1, 2, 3]
    history.lower_try(first)
    assert history.raise_try(first) == 3
    history.lower_try(second)  # not the one that is counted
    assert history.raise_try(first) == 4
    assert history.raise_try(second) == 1
    history.lower_try(second)
    history.lower_try(second)  # never below nothing
    assert history.raise_try(second) == 1
    history.lower_try(make(conversation="telegram:43").key)


def test_a_day_counts_each_event_once_and_up_to_a_limit(history: Store) -> None:
    def count(
        event: str, kind: str = "messages", day: str = "2026-11-21", most: int = 2
    ) -> Counted:
        return history.count_today(CONVERSATION, day, kind, event, most)

    assert [count(event) for event in ("a", "a", "b", "b", "c", "c")] == [
        Counted.NOW,
        *(Counted.BEFORE, Counted.NOW, Counted.BEFORE),
        *(Counted.TOO_MANY, Counted.TOO_MANY),
    ]
    assert count("d", kind="images", most=1) is Counted.NOW
    assert count("e", kind="images", most=1) is Counted.TOO_MANY
    assert count("c", most=0) is Counted.NOW
    tomorrow = "2026-11-22"
    assert [count(event, day=tomorrow, most=1) for event in "aab"] == [
        *(Counted.NOW, Counted.BEFORE, Counted.TOO_MANY)
    ]
    assert count("d", kind="images", day=tomorrow, most=1) is Counted.NOW


def test_what_has_no_name_is_counted_each_time(history: Store) -> None:
    counted = [history.count_today("~total", "2026-11-21", "total", "", 3) for _ in range(4)]
    assert counted == [Counted.NOW] * 3 + [Counted.TOO_MANY]


def test_forgetting_leaves_the_days_count(history: Store) -> None:
    assert history.count_today(CONVERSATION, "2026-11-21", "messages", "a", 1) is Counted.NOW
    history.erase(make(9).key)
    assert history.count_today(CONVERSATION, "2026-11-21", "messages", "b", 1) is Counted.TOO_MANY


def test_a_person_is_remembered(history: Store) -> None:
    person = Person(registered=True, name="Ada", language="en")
    history.save_person(CONVERSATION, person)
    history.put(make())
    window = history.read(CONVERSATION, 1)
    assert window.person == person
    assert window.turns == (make(),)
    history.save_person(CONVERSATION, Person(registered=False))
    assert history.read(CONVERSATION, 1).person == Person()


# What the page reads


def test_a_page_reads_on_from_where_it_was(history: Store) -> None:
    turns = [make(number) for number in range(1, 7)]
    for turn in turns:
        history.put(turn)
    history.save_person(CONVERSATION, Person(registered=True))
    history.put(make(9, conversation="web:other"))
    assert history.turns_after(CONVERSATION, "", 2) == tuple(turns[4:])
    assert history.turns_after(CONVERSATION, "", 99) == tuple(turns)
    assert history.turns_after(CONVERSATION, turns[1].key.sort, 2) == tuple(turns[2:4])
    assert history.turns_after(CONVERSATION, turns[5].key.sort, 2) == ()
    between = turns[2].key.sort + "x"
    assert history.turns_after(CONVERSATION, between, 2) == tuple(turns[3:5])


@pytest.mark.parametrize("after", ["~state", "turn$", "x" * 5000, "turn#" + "9" * 5000])
def test_a_cursor_that_is_none_gives_nothing(history: Store, after: str) -> None:
    history.put(make())
    history.save_person(CONVERSATION, Person(registered=True))
    assert history.turns_after(CONVERSATION, after, 5) == ()


# Of the table alone


def test_items_are_small_and_expire(aws: Aws, table: str, dynamodb_table: Table) -> None:
    dynamodb_table.put(EMPTY)
    dynamodb_table.put(make(2, fresh_start=True))
    dynamodb_table.put(make(3, leader="turn#1"))
    dynamodb_table.save_person(CONVERSATION, Person(registered=True))
    dynamodb_table.raise_try(EMPTY.key)
    items = aws.dynamodb.scan(TableName=table)["Items"]
    expiry = {"N": str(NOON // 1000 + DAYS * 86400)}
    assert [item["expires_at"] for item in items] == [expiry] * 5
    by_key = {item["sk"]["S"]: item for item in items}
    names = {"pk", "sk", "kind", "channel", "state", "origin", "expires_at"}
    assert by_key[EMPTY.key.sort].keys() == names
    assert by_key[make(2).key.sort]["kind"] == {"S": "break"}
    assert by_key[make(3).key.sort]["kind"] == {"S": "pointer"}


def test_attributes_of_other_versions_are_passed_over(
    aws: Aws, table: str, dynamodb_table: Table
) -> None:
    turn = make()
    dynamodb_table.put(turn)
    aws.dynamodb.update_item(
        TableName=table,
        Key={"pk": {"S": turn.key.conversation}, "sk": {"S": turn.key.sort}},
        UpdateExpression="SET novelty = :novelty",
        ExpressionAttributeValues={":novelty": {"M": {"a": {"BOOL": True}}}},
    )
    assert dynamodb_table.find(turn.key) == turn


def test_saving_a_person_leaves_the_tombstone(aws: Aws, table: str, dynamodb_table: Table) -> None:
    aws.dynamodb.put_item(
        TableName=table,
        Item={
            "pk": {"S": CONVERSATION},
            "sk": {"S": "~state"},
            "forgotten_before": {"S": "turn#5"},
        },
    )
    dynamodb_table.save_person(CONVERSATION, Person(registered=True, forgotten_before="turn#9"))
    person = Person(registered=True, forgotten_before="turn#5")
    assert dynamodb_table.read(CONVERSATION, 1).person == person


def test_what_a_person_chose_comes_back(history: Store) -> None:
    person = Person(True, "Ada", "de", mode="image", persona="Poet", asked=True)
    history.save_person(CONVERSATION, person)
    assert history.read(CONVERSATION, 1).person == person
    history.save_person(CONVERSATION, Person())
    assert history.read(CONVERSATION, 1).person == Person()


def test_older_turns_come_newest_first_and_all_of_them(history: Store) -> None:
    turns = [make(number) for number in range(130)]
    for turn in (*turns, make(1, conversation="telegram:421")):
        history.put(turn)
    history.save_person(CONVERSATION, Person(registered=True))
    assert list(history.older(make(120).key)) == turns[119::-1]
    assert list(history.older(make(0).key)) == []


def test_the_newest_break_is_lifted_once_by_each_event(history: Store) -> None:
    command: dict[str, Any] = {"origin": Origin.COMMAND, "fresh_start": True}
    for turn in (make(1, **command), make(2), make(3, **command), make(4, **command), make(5)):
        history.put(turn)

    def lifted() -> list[int]:
        return [
            number for number in (1, 3, 4) if (history.find(make(number).key) or FULL).lifted_by
        ]

    for _ in range(2):
        history.lift_break(make(6).key)
        assert lifted() == [3, 4]
    history.lift_break(make(7).key)
    assert lifted() == [1, 3, 4]
    assert (history.find(make(3).key) or FULL).lifted_by == make(6).key.sort
    history.lift_break(make(8).key)


@pytest.mark.parametrize("rating", [1, 0, -1])
def test_a_rating_is_kept_with_its_turn(history: Store, rating: int) -> None:
    history.put(make(rating=-1))
    history.rate(make().key, rating)
    assert history.find(make().key) == make(rating=rating)
    history.rate(make(2).key, rating)
    assert history.find(make(2).key) is None


def test_erasing_leaves_the_tombstone_and_what_came_after(history: Store) -> None:
    for number in range(60):
        history.put(make(number))
    history.put(make(1, conversation="telegram:421"))
    history.save_person(CONVERSATION, Person(True, "Ada", "de", persona="Poet"))
    history.raise_try(make(3).key)
    for _ in range(2):
        history.erase(make(58).key)
        window = history.read(CONVERSATION, 100)
        assert window.turns == (make(59), make(58))
        assert window.person == Person(forgotten_before=make(58).key.sort)
    assert len(history.read("telegram:421", 10).turns) == 1


def test_erasing_leaves_nothing_else_in_the_table(
    aws: Aws, table: str, dynamodb_table: Table
) -> None:
    for number in range(3):
        dynamodb_table.put(make(number))
    dynamodb_table.save_person(CONVERSATION, Person(True, "Ada", "de"))
    dynamodb_table.save_draft(make(2).key, "half an answer")
    dynamodb_table.raise_try(make(2).key)
    last = make(3).key
    dynamodb_table.erase(last)
    (item,) = aws.dynamodb.scan(TableName=table)["Items"]
    assert {name: value for name, value in item.items() if name != "expires_at"} == {
        "pk": {"S": CONVERSATION},
        "sk": {"S": "~state"},
        "forgotten_before": {"S": last.sort},
    }
    # Nor does it lift the limits of the day.
    day = (CONVERSATION, "2026-11-21", "images")
    dynamodb_table.count_today(*day, "1", 1)
    dynamodb_table.erase(last)
    assert dynamodb_table.count_today(*day, "2", 1) is Counted.TOO_MANY
    # The deaths of the event that erases must not be forgotten, or it would die for ever.
    assert [dynamodb_table.raise_try(last) for _ in range(2)] == [1, 2]
    dynamodb_table.erase(last)
    assert dynamodb_table.raise_try(last) == 3


def test_what_a_step_costs(aws: Aws, dynamodb_table: Table) -> None:
    calls: list[str] = []
    aws.dynamodb.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.append(model.name)
    )

    def cost(step: Callable[[], object]) -> list[str]:
        calls.clear()
        step()
        return calls.copy()

    turn = make(state=State.ANSWERED)
    assert cost(lambda: dynamodb_table.read(CONVERSATION, 10)) == ["Query"]
    assert cost(lambda: dynamodb_table.put(turn)) == ["PutItem"]
    both = [make(8), make(9)]
    assert cost(lambda: dynamodb_table.put_all(both)) == ["TransactWriteItems"]
    assert cost(lambda: dynamodb_table.mark_delivered(turn.key, ("1",))) == ["UpdateItem"]
    assert cost(lambda: dynamodb_table.find(turn.key)) == ["GetItem"]
    assert cost(lambda: dynamodb_table.turns_after(CONVERSATION, "", 10)) == ["Query"]
    assert cost(lambda: dynamodb_table.raise_try(turn.key)) == ["UpdateItem", "UpdateItem"]
    assert cost(lambda: dynamodb_table.raise_try(turn.key)) == ["UpdateItem"]
    assert cost(lambda: dynamodb_table.lower_try(turn.key)) == ["UpdateItem"]


@pytest.fixture
def refused(aws: Aws, table: str) -> Iterator[Callable[[str, str], str]]:
    """Puts a turn that DynamoDB refuses with a code and a text; what a log would then show."""
    with Stubber(aws.dynamodb) as stub:

        def put(code: str, message: str) -> str:
            stub.add_client_error("put_item", code, message)
            with pytest.raises(HistoryUnavailable) as raised:
                Table(aws.dynamodb, table, FakeClock(), DAYS).put(make(text=WORDS))
            return "".join(traceback.format_exception(raised.value))

        yield put


def test_a_throttled_call_names_its_cause(refused: Callable[[str, str], str]) -> None:
    shown = refused("ThrottlingException", "Rate exceeded")
    assert "PutItem: ThrottlingException" in shown
    assert "Rate exceeded" in shown


def test_a_transaction_that_met_another_may_be_tried_again(aws: Aws, table: str) -> None:
    with Stubber(aws.dynamodb) as stub:
        stub.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            modeled_fields={"CancellationReasons": [{"Code": "TransactionConflict"}]},
        )
        with pytest.raises(HistoryUnavailable):
            Table(aws.dynamodb, table, FakeClock(), DAYS).put_all([make(1), make(2)])


def test_an_unreadable_answer_to_a_transaction_is_no_success(aws: Aws, table: str) -> None:
    with Stubber(aws.dynamodb) as stub:
        stub.add_response("transact_write_items", {})
        with pytest.raises(HistoryUnavailable):
            Table(aws.dynamodb, table, FakeClock(), DAYS).put_all([make(1), make(2)])


def test_a_refusal_of_words_does_not_repeat_them(refused: Callable[[str, str], str]) -> None:
    shown = refused("ValidationException", f"One value is invalid: {WORDS}")
    assert "PutItem: ValidationException" in shown
    assert WORDS not in shown


def test_botocores_own_refusal_does_not_repeat_words(dynamodb_table: Table) -> None:
    mistyped: Any = ([WORDS],)
    with pytest.raises(HistoryUnavailable) as raised:
        dynamodb_table.put(make(posted=mistyped))
    assert WORDS not in "".join(traceback.format_exception(raised.value))


def test_a_connection_that_fails_is_history_unavailable(aws: Aws) -> None:
    nowhere = boto3.client(
        "dynamodb",
        endpoint_url="http://127.0.0.1:1",
        config=Config(retries={"total_max_attempts": 1}),
    )
    history = Table(nowhere, "conversations", FakeClock(), DAYS)
    with pytest.raises(HistoryUnavailable, match="Query: EndpointConnectionError"):
        history.read(CONVERSATION, 1)


# Drafts and stops


def test_a_draft_is_there_until_its_turn_is(history: Store) -> None:
    turn = make()
    assert history.draft_of(CONVERSATION) is None
    history.save_draft(turn.key, "so")
    history.save_draft(turn.key, "so far")
    assert history.draft_of(CONVERSATION) == (turn.key.event_id, "so far")
    assert history.draft_of("telegram:43") is None
    history.put(turn)
    assert history.draft_of(CONVERSATION) is None


def test_a_draft_that_nobody_goes_on_with_vanishes(aws: Aws, table: str) -> None:
    clock = FakeClock()
    history = Table(aws.dynamodb, table, clock, DAYS)
    history.save_draft(make().key, "so far")
    clock.advance(29)
    assert history.draft_of(CONVERSATION)
    clock.advance(2)
    assert history.draft_of(CONVERSATION) is None


@pytest.mark.parametrize(
    ("event", "at", "wished"),
    [
        ("", NOON + 1, True),
        ("", NOON, False),
        ("000000000001:message", 1, True),
        ("77", 1, True),
        ("000000000002:message", NOON + 5, False),
    ],
)
def test_a_stop_is_for_its_message(
    aws: Aws, table: str, dynamodb_table: Table, event: str, at: int, *, wished: bool
) -> None:
    put_stop(aws.dynamodb, table, Stop(CONVERSATION, "else", 1))
    put_stop(aws.dynamodb, table, Stop(CONVERSATION, event, at))
    assert dynamodb_table.stop_wished(make().key, "77") is wished
    assert not dynamodb_table.stop_wished(make(conversation="telegram:43").key, "77")


def test_a_stop_that_cannot_be_written_says_so(aws: Aws) -> None:
    with pytest.raises(HistoryUnavailable):
        put_stop(aws.dynamodb, "no-table", Stop(CONVERSATION, "", 1))


def test_drafts_and_stops_take_no_turns_place(aws: Aws, table: str, dynamodb_table: Table) -> None:
    for number in range(20):
        dynamodb_table.put(make(number))
    dynamodb_table.save_person(CONVERSATION, Person(registered=True))
    dynamodb_table.raise_try(make(20).key)
    dynamodb_table.save_draft(make(20).key, "so far")
    put_stop(aws.dynamodb, table, Stop(CONVERSATION, "", 1))
    window = dynamodb_table.read(CONVERSATION, 10)
    assert [turn.text for turn in window.turns][:10] == [f"question {n}" for n in range(19, 9, -1)]
    assert window.person.registered


def test_drafts_and_stops_expire(aws: Aws, table: str, dynamodb_table: Table) -> None:
    dynamodb_table.save_draft(make().key, "so far")
    put_stop(aws.dynamodb, table, Stop(CONVERSATION, "", NOON))
    for item in aws.dynamodb.scan(TableName=table)["Items"]:
        assert int(item["expires_at"]["N"]) == NOON // 1000 + 86400


# Both at once

tokens = st.sampled_from(["a", "b"])
states = st.sampled_from(list(State))
times = st.integers(NOON - 2, NOON + 2)
claims = st.none() | st.builds(Claim, tokens, times)
parts = st.sampled_from([(), ("1",), ("1", "2")])
numbers = st.integers(1, 2)
steps = st.one_of(
    st.tuples(st.just("put"), numbers, states, claims),
    st.tuples(st.just("take_over"), numbers, states, claims, st.builds(Claim, tokens, times)),
    st.tuples(st.just("save"), numbers, states, claims, parts),
    st.tuples(st.just("mark_delivered"), numbers, parts),
    st.tuples(st.just("abandon"), numbers),
    st.tuples(st.just("hold"), numbers),
    st.tuples(st.just("raise_try"), numbers),
    st.tuples(st.just("lower_try"), numbers),
)
_serial = count()


def perform(history: Store, conversation: str, step: tuple[Any, ...]) -> object:
    """What a step returns or raises."""
    name, number, *rest = step
    turn = make(number, conversation)
    match name:
        case "put":
            arguments: list[object] = [replace(turn, state=rest[0], claim=rest[1])]
        case "take_over":
            arguments = [replace(turn, state=rest[0], claim=rest[1]), rest[2], NOON]
        case "save":
            arguments = [replace(turn, state=rest[0], claim=rest[1], posted=rest[2])]
        case "mark_delivered":
            arguments = [turn.key, rest[0]]
        case "abandon" | "hold":
            arguments = [turn.key, NOON]
        case _:
            arguments = [turn.key]
    try:
        result: object = getattr(history, name)(*arguments)
    except TurnExists as met:
        return met.turn
    return result


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(st.lists(steps, min_size=1, max_size=8))
def test_the_double_does_what_the_table_does(
    dynamodb_table: Table, script: list[tuple[Any, ...]]
) -> None:
    memory, conversation = MemoryHistory(), f"telegram:{next(_serial)}"
    for step in script:
        real = perform(dynamodb_table, conversation, step)
        assert perform(memory, conversation, step) == real
        assert memory.read(conversation, 5) == dynamodb_table.read(conversation, 5)
