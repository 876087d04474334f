"""moto's tables with the local stack's fixes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from moto.dynamodb.models.table import Table

from local.cloud.moto_fixes import dynamodb
from tests.component.conftest import Aws

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryOutputTypeDef


@pytest.fixture
def looked_through(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record how many items each query looked at."""
    counts: list[int] = []
    every = Table.all_items

    def counted(self: Table) -> list[Any]:
        items = every(self)
        counts.append(len(items))
        return items

    monkeypatch.setattr(Table, "all_items", counted)
    monkeypatch.setattr(Table, "query", Table.query)  # comes back after the test
    return counts


def test_a_query_looks_into_its_own_partition_only(
    aws: Aws, table: str, looked_through: list[int]
) -> None:
    for key in ("ada", "bob", "cleo"):
        for number in range(4):
            item = {"pk": {"S": key}, "sk": {"S": f"turn#{number}"}}
            aws.dynamodb.put_item(TableName=table, Item=item)

    def query(key: str, **more: Any) -> QueryOutputTypeDef:
        return aws.dynamodb.query(
            TableName=table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :turn)",
            ExpressionAttributeValues={":pk": {"S": key}, ":turn": {"S": "turn#"}},
            **more,
        )

    def answers() -> list[Any]:
        first = query("bob", Limit=3, ScanIndexForward=False)
        rest = query("bob", ScanIndexForward=False, ExclusiveStartKey=first["LastEvaluatedKey"])
        return [first["Items"], rest["Items"], query("ada")["Count"], query("nobody")["Count"]]

    as_moto_does = answers()
    assert [len(found) for found in as_moto_does[:2]] == [3, 1]
    assert looked_through == [12, 12, 12, 12]
    dynamodb.apply()
    assert answers() == as_moto_does
    assert looked_through[4:] == [4, 4, 4, 0]
