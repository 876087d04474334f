"""Items of the conversation table, read and written one by one; DynamoDB's errors as ours."""

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

_BATCH = 25  # DynamoDB's limit, of BatchWriteItem
_TRIES = 5


class ConditionFailed(Exception):
    """`item` is what stood there, empty when nothing did."""

    def __init__(self, item: Item) -> None:
        super().__init__("condition failed")
        self.item = item


class TableClient:
    """Every read is strongly consistent; every method may raise HistoryUnavailable.

    `client` may be shared by threads.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def get(self, key: TurnKey) -> Item:
        """Empty when there is none."""
        with _dynamodb("GetItem"):
            answer = self._client.get_item(
                TableName=self._table,
                Key=codec.key_of(key),
                ConsistentRead=True,
                ReturnConsumedCapacity="TOTAL",
            )
            # Else "there is no such item" would be what the SDK makes of an unreadable answer.
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
        """Items of a conversation and whether they are its last; sort keys `between`, inclusive."""
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
        """In place of what was there."""
        with _dynamodb("PutItem"):
            self._client.put_item(TableName=self._table, Item=item)

    def put_new(self, item: Item) -> None:
        """Raises ConditionFailed where there is one already."""
        with _dynamodb("PutItem"):
            self._client.put_item(**self._new(item))

    def put_all_new(self, new: Sequence[Item]) -> None:
        """All or none. Raises ConditionFailed with what stands in the first one's place."""
        puts: list[Any] = [{"Put": self._new(item)} for item in new]
        with _dynamodb("TransactWriteItems"):
            answer = self._client.transact_write_items(
                TransactItems=puts, ReturnConsumedCapacity="TOTAL"
            )
            _ = answer["ConsumedCapacity"]  # as in `get`: an unreadable answer is no success

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
        """The item after the update. Raises ConditionFailed."""
        optional: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        if names:  # DynamoDB's reserved words may not stand in an expression
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

    def delete(self, doomed: Sequence[Item]) -> None:
        """Raises HistoryUnavailable when some are left."""
        for start in range(0, len(doomed), _BATCH):
            self._delete(doomed[start : start + _BATCH])

    def _delete(self, doomed: Sequence[Item]) -> None:
        keys = [{name: item[name] for name in ("pk", "sk")} for item in doomed]
        requests: Any = {self._table: [{"DeleteRequest": {"Key": key}} for key in keys]}
        for _ in range(_TRIES):
            with _dynamodb("BatchWriteItem"):
                answer = self._client.batch_write_item(RequestItems=requests)
                requests = answer["UnprocessedItems"]
            if not requests:
                return
        raise HistoryUnavailable("BatchWriteItem: throttled")


@contextmanager
def _dynamodb(operation: str) -> Iterator[None]:
    """Raises ConditionFailed, or HistoryUnavailable for anything else that goes wrong."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            raise ConditionFailed(cast("Item", error.response.get("Item", {}))) from None
        reasons = cast("list[Any]", error.response.get("CancellationReasons", []))
        if any(reason["Code"] == "ConditionalCheckFailed" for reason in reasons):
            raise ConditionFailed(reasons[0].get("Item", {})) from None
        if code == "ValidationException":  # its text quotes values, which are people's words
            raise HistoryUnavailable(f"{operation}: {code}") from None
        raise HistoryUnavailable(f"{operation}: {code}") from error
    except ParamValidationError:  # likewise
        raise HistoryUnavailable(f"{operation}: invalid parameters") from None
    except BotoCoreError as error:
        raise HistoryUnavailable(f"{operation}: {type(error).__name__}") from error
    except KeyError:  # the SDK makes an empty answer of a body that it cannot read
        raise HistoryUnavailable(f"{operation}: unreadable answer") from None
