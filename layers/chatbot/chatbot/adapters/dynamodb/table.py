"""DynamoDB calls on items of the conversation table, with its errors converted to ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from chatbot.adapters.dynamodb import codec
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.key import TurnKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chatbot.adapters.dynamodb.codec import Item, Plain

_BATCH_WRITE_LIMIT = 25  # items of one BatchWriteItem (DynamoDB API)
_BATCH_WRITE_TRIES = 5


class ConditionFailed(Exception):
    """The condition of a write was not met; `item` is the stored item, empty if there is none."""

    def __init__(self, item: Item) -> None:
        super().__init__("condition failed")
        self.item = item


class TableClient:
    """Reads and writes items of one table; thread-safe, as boto3's clients are.

    Every read is strongly consistent. Every method may raise HistoryUnavailable.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def get(self, key: TurnKey) -> Item:
        """Read one item; empty when there is none."""
        with _dynamodb("GetItem"):
            answer = self._client.get_item(
                TableName=self._table,
                Key=codec.key_of(key),
                ConsistentRead=True,
                ReturnConsumedCapacity="TOTAL",
            )
            # The SDK turns a body that it cannot parse into an empty answer, which would otherwise
            # mean that there is no such item.
            _ = answer["ConsumedCapacity"]
        return answer.get("Item", {})

    def pages(
        self,
        conversation: str,
        between: tuple[str, str] | None = None,
        *,
        forward: bool = True,
        **more: Any,
    ) -> Iterator[tuple[Sequence[Item], bool]]:
        """Query a conversation; yields each page of items, and whether it is the last page.

        `between` are the lowest and the highest sort key, both inclusive. `more` are further
        parameters of the Query API, such as `Limit`.
        """
        condition, values = "pk = :pk", {":pk": codec.value(conversation)}
        if between:
            condition += " AND sk BETWEEN :low AND :high"
            values |= {":low": codec.value(between[0]), ":high": codec.value(between[1])}
        while True:
            with _dynamodb("Query"):
                page = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ScanIndexForward=forward,
                    ConsistentRead=True,
                    **more,
                )
                found = page["Items"]
            last = page.get("LastEvaluatedKey")
            yield found, not last
            if not last:
                return
            more["ExclusiveStartKey"] = last

    def put(self, item: Item) -> None:
        """Write an item, replacing any with the same key."""
        with _dynamodb("PutItem"):
            self._client.put_item(TableName=self._table, Item=item)

    def put_new(self, item: Item) -> None:
        """Write an item. Raises ConditionFailed when there is one with its key."""
        with _dynamodb("PutItem"):
            self._client.put_item(**self._new(item))

    def put_all_new(self, new: Sequence[Item]) -> None:
        """Write all items or none, in one transaction.

        Raises ConditionFailed when any of their keys is taken, with the item at the first key.
        """
        puts: list[Any] = [{"Put": self._new(item)} for item in new]
        with _dynamodb("TransactWriteItems"):
            answer = self._client.transact_write_items(
                TransactItems=puts, ReturnConsumedCapacity="TOTAL"
            )
            _ = answer["ConsumedCapacity"]  # as in `get`: an empty answer is no success

    def _new(self, item: Item) -> Any:
        return {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def update(
        self,
        key: TurnKey,
        update: str,
        values: Mapping[str, Plain],
        condition: str = "",
        names: Mapping[str, str] | None = None,
    ) -> Item:
        """Update an item; returns it as it is afterwards. Raises ConditionFailed.

        `update` and `condition` are expressions, `values` and `names` their placeholders.
        """
        optional: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        if names:  # for attributes that are named like DynamoDB's reserved words
            optional["ExpressionAttributeNames"] = names
        with _dynamodb("UpdateItem"):
            answer = self._client.update_item(
                TableName=self._table,
                Key=codec.key_of(key),
                UpdateExpression=update,
                ExpressionAttributeValues={n: codec.value(each) for n, each in values.items()},
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **optional,
            )
            return answer["Attributes"]

    def delete(self, items: Sequence[Item]) -> None:
        """Delete items, given with their keys. Raises HistoryUnavailable when some remain."""
        for start in range(0, len(items), _BATCH_WRITE_LIMIT):
            self._delete(items[start : start + _BATCH_WRITE_LIMIT])

    def _delete(self, items: Sequence[Item]) -> None:
        keys = [{name: item[name] for name in ("pk", "sk")} for item in items]
        requests: Any = {self._table: [{"DeleteRequest": {"Key": key}} for key in keys]}
        for _ in range(_BATCH_WRITE_TRIES):
            with _dynamodb("BatchWriteItem"):
                answer = self._client.batch_write_item(RequestItems=requests)
                requests = answer["UnprocessedItems"]
            if not requests:
                return
        raise HistoryUnavailable("BatchWriteItem: throttled")


@contextmanager
def _dynamodb(operation: str) -> Iterator[None]:
    """Convert botocore's errors to ConditionFailed or HistoryUnavailable."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            raise ConditionFailed(cast("Item", error.response.get("Item", {}))) from None
        reasons = cast("list[Any]", error.response.get("CancellationReasons", []))
        if any(reason["Code"] == "ConditionalCheckFailed" for reason in reasons):
            raise ConditionFailed(reasons[0].get("Item", {})) from None
        if code == "ValidationException":  # not chained: its text quotes values
            raise HistoryUnavailable(f"{operation}: {code}") from None
        raise HistoryUnavailable(f"{operation}: {code}") from error
    except ParamValidationError:  # likewise
        raise HistoryUnavailable(f"{operation}: invalid parameters") from None
    except BotoCoreError as error:
        raise HistoryUnavailable(f"{operation}: {type(error).__name__}") from error
    except KeyError:  # an empty answer, as in `TableClient.get`
        raise HistoryUnavailable(f"{operation}: unreadable answer") from None
