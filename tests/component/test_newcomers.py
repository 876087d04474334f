"""New visitors are counted in the table, whichever process has seen them."""

from __future__ import annotations

import pytest

from chatbot.adapters.dynamodb.newcomers import NewcomerItems
from chatbot.core.errors import HistoryUnavailable
from tests.component.conftest import Aws


def test_each_address_has_its_own_count_in_each_minute(aws: Aws, table: str) -> None:
    one, other = (NewcomerItems(aws.dynamodb, table) for _ in range(2))
    assert [each.admit("a", 7, 3) for each in (one, other, one, other)] == [True] * 3 + [False]
    assert one.admit("b", 7, 3)
    assert [other.admit("a", 8, 1) for _ in range(2)] == [True, False]
    assert not one.admit("a", 7, 9), "a clock that is behind does not begin anew"


def test_the_items_expire(aws: Aws, table: str) -> None:
    NewcomerItems(aws.dynamodb, table).admit("a", 30_000_000, 3)
    (item,) = aws.dynamodb.scan(TableName=table)["Items"]
    assert item["expires_at"] == {"N": str(30_000_000 * 60 + 120)}
    assert item["pk"] == {"S": "~new:a"}


def test_a_table_that_is_gone_says_so(aws: Aws) -> None:
    with pytest.raises(HistoryUnavailable):
        NewcomerItems(aws.dynamodb, "gone").admit("a", 7, 3)
