"""Counts the new visitors of the page by the address from which they come, in each minute.

The table counts, not the process: a burst of requests starts many processes, and each would count
anew. Of an address only a keyed hash comes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatbot.adapters.dynamodb import codec
from chatbot.adapters.dynamodb.table import ConditionFailed, TableClient
from chatbot.core.key import TurnKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chatbot.adapters.dynamodb.codec import Plain

NEW = "~new"
"""Sort key of the item, and the beginning of its partition key: the web function may write no
other (template.yaml)."""
_KEPT = 120  # seconds


class NewcomerItems:
    """Implements site.newcomers.NewcomerCount with one item for each address."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = TableClient(client, table_name)

    def admit(self, address: str, minute: int, most: int) -> bool:
        """Count a new visitor from the address in this minute, unless `most` are counted."""
        key = TurnKey(f"{NEW}:{address}", NEW)
        values: dict[str, Plain] = {":minute": minute, ":one": 1}
        values[":expiry"] = minute * 60 + _KEPT
        more, first = "SET n = n + :one", "SET n = :one, since = :minute"
        kept = ", expires_at = :expiry"
        free = "since = :minute AND n < :most"
        fresh = "attribute_not_exists(since) OR since < :minute"
        try:
            self._client.update(key, more + kept, values | {":most": most}, free)
        except ConditionFailed as failed:
            if codec.number(failed.item, "since") >= minute:
                return False
            try:
                self._client.update(key, first + kept, values, fresh)
            except ConditionFailed:  # another process has begun the minute
                return self.admit(address, minute, most)
        return True
