"""Make queries of moto's DynamoDB tables fast.

moto's query sorts and scans the whole table in place of one partition. With a few thousand items
that is most of the time that a message takes.
"""

from __future__ import annotations

import copy
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table


def apply() -> None:
    """Patch moto in this process."""
    query = Table.query

    def queried(self: Table, hash_key: DynamoType, *arguments: Any, **named: Any) -> Any:
        table = self
        if not self.all_indexes():  # an index takes its items from every partition
            table = copy.copy(self)
            table.items = {hash_key: self.items.get(hash_key, {})}  # type: ignore[assignment]
        return query(table, hash_key, *arguments, **named)

    Table.query = queried  # type: ignore[method-assign,assignment]
