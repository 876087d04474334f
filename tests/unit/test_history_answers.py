"""Responses of DynamoDB that the SDK cannot parse: it returns empty ones without an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from chatbot.adapters.dynamodb.turns import Table
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.key import TurnKey
from chatbot.core.work import Tries

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = TurnKey("telegram:42", "turn#1795262400000#7:message")


class Garbled:
    """A client that got responses with status 200 whose bodies are no JSON."""

    def query(self, **request: Any) -> dict[str, Any]:
        return {}

    get_item = update_item = batch_write_item = query

    def put_item(self, **request: Any) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    "call",
    [
        lambda table: table.read(KEY.conversation, 10),
        lambda table: table.turns_after(KEY.conversation, "", 10),
        lambda table: table.find(KEY),
        lambda table: table.raise_try(KEY, 1, 1),
        lambda table: table.note_try(KEY, Tries(1), Tries()),
        lambda table: table.mark_delivered(KEY, ("1",)),
        lambda table: table.abandon(KEY, 0),
        lambda table: list(table.older(KEY)),
        lambda table: table.lift_break(KEY),
        lambda table: table.erase(KEY),
        lambda table: table.rate(KEY, 1),
    ],
)
def test_an_unreadable_answer_is_an_unavailable_table(call: Callable[[Table], object]) -> None:
    """The same error as an unavailable table: only for that one is a turn's last write repeated."""
    table = Table(cast("DynamoDBClient", Garbled()), "conversations", lambda: 0, 90)
    with pytest.raises(HistoryUnavailable, match="unreadable"):
        call(table)
