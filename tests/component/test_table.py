"""What only DynamoDB shows: items, the cost of each step, and errors without message texts."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from chatbot.adapters.dynamodb.turns import Table
from chatbot.conversation.window import Limits, window
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.timeline import ConversationProfile
from chatbot.core.turn import Links, Origin, State
from chatbot.core.work import Tries
from tests.component.conftest import Aws
from tests.component.turns import CONVERSATION, DAYS, EMPTY, make
from tests.fakes.clock import NOON, FakeClock

WORDS = "what a person said in confidence"


def test_items_are_small_and_expire(aws: Aws, table: str, dynamodb_table: Table) -> None:
    dynamodb_table.put(EMPTY)
    dynamodb_table.put(make(2, links=Links(fresh_start=True)))
    dynamodb_table.put(make(3, links=Links(merged_into="turn#1")))
    dynamodb_table.save_profile(CONVERSATION, ConversationProfile(registered=True))
    dynamodb_table.raise_try(EMPTY.key, 1, NOON)
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


def test_a_prompt_begins_like_the_one_before_within_what_one_query_reads(
    dynamodb_table: Table,
) -> None:
    """Every third turn is a command, which takes a place among the turns that are read."""
    most, starts = 10, list[str]()
    dynamodb_table.save_profile(CONVERSATION, ConversationProfile(registered=True))
    for number in range(60):
        key = make(number).key
        timeline = dynamodb_table.read(CONVERSATION, most)
        shown = window(timeline, key, Limits(most, 0, 1000), lambda turn: 1)
        assert len(shown) <= most
        if number % 3 == 2:
            dynamodb_table.put(make(number, origin=Origin.COMMAND))
            continue
        starts.append(shown[-1].key.sort if shown else key.sort)
        dynamodb_table.put(make(number, since=starts[-1]))
    kept = sum(one == other for one, other in pairwise(starts))
    assert (kept, len(starts) - 1) == (31, 39)


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
    assert cost(lambda: dynamodb_table.raise_try(turn.key, 1, NOON)) == [
        "UpdateItem",
        "UpdateItem",
    ]
    assert cost(lambda: dynamodb_table.raise_try(turn.key, 1, NOON)) == ["UpdateItem"]
    after = Tries(1, paid=1, asked=1)
    assert cost(lambda: dynamodb_table.note_try(turn.key, Tries(2), after)) == ["UpdateItem"]


@pytest.fixture
def refused(aws: Aws, table: str) -> Iterator[Callable[[str, str], str]]:
    """Put a turn that DynamoDB refuses with a code and a text. Returns what a log would show."""
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
