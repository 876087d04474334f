"""The conversation table in DynamoDB: ports.History, and what the web page reads of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from chatbot import items
from chatbot.errors import HistoryUnavailable, TurnExists
from chatbot.messages import TURN_PREFIX, Claim, Person, State, Turn, TurnKey, Window

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chatbot.items import Item, Plain

PERSON = "~state"
TRIES = "~try"

# A query that reads backwards meets ~state first, in nearly every conversation. What else may take
# a turn's place (~draft, ~stop, ~try, merged messages) is rare enough to read on for.
_ROOM = 1

_AFTER_TURNS = TURN_PREFIX[:-1] + chr(ord(TURN_PREFIX[-1]) + 1)
_LONGEST_SORT_KEY = 1024  # bytes, DynamoDB's limit

_CLAIM_OVER = "#s = :sending AND (attribute_not_exists(claim_token) OR claim_ends < :now)"


class Table:
    """Fulfils ports.History. Every method may raise HistoryUnavailable.

    `client` may be shared by threads; `clock` tells epoch milliseconds. Items expire
    `retention_days` after they were put; DynamoDB deletes them some days later, and until then
    they are read like any other, so that an event sent again still meets its turn.
    """

    def __init__(
        self, client: DynamoDBClient, table_name: str, clock: Callable[[], int], retention_days: int
    ) -> None:
        self._client = client
        self._table = table_name
        self._clock = clock
        self._retention = retention_days * 86400

    def read(self, conversation: str, turns: int) -> Window:
        found: list[Item] = []
        more: dict[str, Any] = {}
        while True:
            with _dynamodb("Query"):
                page = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk",
                    ExpressionAttributeValues={":pk": {"S": conversation}},
                    ScanIndexForward=False,
                    ConsistentRead=True,
                    Limit=turns + _ROOM,
                    **more,
                )
                found += page["Items"]
            if not page.get("LastEvaluatedKey") or _shown(found) >= turns:
                break
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        person = next((item for item in found if items.text(item, "sk") == PERSON), {})
        return Window(
            person=items.item_to_person(person),
            turns=_turns(found),
            complete=not page.get("LastEvaluatedKey"),
        )

    def turns_after(self, conversation: str, after: str, limit: int) -> tuple[Turn, ...]:
        """The `limit` turns that follow the sort key `after`, oldest first.

        "" gives the newest ones, also oldest first. An `after` that is no sort key gives none.
        """
        if after and not (
            after.startswith(TURN_PREFIX) and len(after.encode()) <= _LONGEST_SORT_KEY
        ):
            return ()
        with _dynamodb("Query"):
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :after AND :end",
                ExpressionAttributeValues={
                    ":pk": {"S": conversation},
                    ":after": {"S": after or TURN_PREFIX},
                    ":end": {"S": _AFTER_TURNS},
                },
                ScanIndexForward=bool(after),
                ConsistentRead=True,
                Limit=limit + 1,  # BETWEEN includes `after` itself
            )
            found = page["Items"]
        turns = tuple(turn for turn in _turns(found) if turn.key.sort != after)[:limit]
        return turns if after else turns[::-1]

    def find(self, key: TurnKey) -> Turn | None:
        with _dynamodb("GetItem"):
            answer = self._client.get_item(
                TableName=self._table,
                Key=items.key_of(key),
                ConsistentRead=True,
                ReturnConsumedCapacity="TOTAL",
            )
            # Else "there is no such turn" would be what the SDK makes of an unreadable answer.
            _ = answer["ConsumedCapacity"]
        return items.item_to_turn(answer["Item"]) if "Item" in answer else None

    def put(self, turn: Turn) -> None:
        item = items.turn_to_item(turn)
        try:
            with _dynamodb("PutItem"):
                self._client.put_item(
                    TableName=self._table,
                    Item=item | {"expires_at": items.value(self._expiry())},
                    ConditionExpression="attribute_not_exists(pk)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except _ConditionFailed as failed:
            raise TurnExists(_turn_or_none(failed.item)) from None

    def take_over(self, found: Turn, claim: Claim, now: int) -> Turn:
        values: dict[str, Plain] = {
            ":found": found.state.value,
            ":answered": State.ANSWERED.value,
            ":sending": State.SENDING.value,
            ":now": now,
            ":token": claim.token,
            ":ends": claim.ends_at,
        }
        same = "attribute_not_exists(claim_token)"
        if found.claim:
            same = "claim_token = :found_token"
            values[":found_token"] = found.claim.token
        return self._change(
            found.key,
            "SET #s = :sending, claim_token = :token, claim_ends = :ends, "
            "opened_at = if_not_exists(opened_at, :now)",
            f"#s = :found AND {same} AND (#s = :answered OR ({_CLAIM_OVER}))",
            values,
        )

    def save(self, turn: Turn) -> None:
        claim = turn.claim or Claim("", 0)
        # A write that arrives late, after its silent retry, must not turn the state back.
        self._change(
            turn.key,
            "SET #s = :state, claim_ends = :ends, posted = :posted",
            "claim_token = :token AND (#s = :sending OR #s = :state)",
            {
                ":state": turn.state.value,
                ":sending": State.SENDING.value,
                ":token": claim.token,
                ":ends": claim.ends_at,
                ":posted": turn.posted,
            },
        )

    def mark_delivered(self, key: TurnKey, posted: tuple[str, ...]) -> None:
        """Unconditional, but for a turn that is gone: nothing is made of it then."""
        try:
            self._change(
                key,
                "SET #s = :delivered, posted = :posted",
                "attribute_exists(pk)",
                {":delivered": State.DELIVERED.value, ":posted": posted},
            )
        except TurnExists:
            return

    def abandon(self, key: TurnKey, now: int) -> None:
        values: dict[str, Plain] = {":sending": State.SENDING.value, ":now": now}
        self._change(key, "REMOVE claim_token, claim_ends", _CLAIM_OVER, values)

    def hold(self, key: TurnKey, now: int) -> None:
        self._change(
            key,
            "SET #s = :held",
            f"#s = :held OR ({_CLAIM_OVER})",
            {":held": State.HELD.value, ":sending": State.SENDING.value, ":now": now},
        )

    def raise_try(self, key: TurnKey) -> int:
        tries, expiry = TurnKey(key.conversation, TRIES), self._expiry()
        try:
            item = self._update(
                tries,
                "SET n = n + :one, expires_at = :expiry",
                "event = :event",
                {":one": 1, ":expiry": expiry, ":event": key.sort},
            )
        except _ConditionFailed:
            values: dict[str, Plain] = {":one": 1, ":expiry": expiry, ":event": key.sort}
            update = "SET n = :one, expires_at = :expiry, event = :event"
            item = self._update(tries, update, None, values)
        return items.number(item, "n")

    def lower_try(self, key: TurnKey) -> None:
        try:
            self._update(
                TurnKey(key.conversation, TRIES),
                "SET n = n - :one",
                "event = :event AND n > :zero",
                {":one": 1, ":zero": 0, ":event": key.sort},
            )
        except _ConditionFailed:
            return  # another event is counted by now

    def save_person(self, conversation: str, person: Person) -> None:
        self._update(
            TurnKey(conversation, PERSON),
            "SET registered = :registered, #n = :name, #l = :language, expires_at = :expiry",
            None,
            {
                ":registered": int(person.registered),
                ":name": person.name,
                ":language": person.language,
                ":expiry": self._expiry(),
            },
            {"#n": "name", "#l": "language"},
        )

    def _change(self, key: TurnKey, update: str, condition: str, values: dict[str, Plain]) -> Turn:
        """The turn after the change. Raises TurnExists with what stands there where it must not."""
        try:
            item = self._update(key, update, condition, values, {"#s": "state"})
        except _ConditionFailed as failed:
            raise TurnExists(_turn_or_none(failed.item)) from None
        return items.item_to_turn(item)

    def _update(
        self,
        key: TurnKey,
        update: str,
        condition: str | None,
        values: dict[str, Plain],
        names: dict[str, str] | None = None,
    ) -> Item:
        """The item after the update. Raises _ConditionFailed."""
        optional: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        if names:  # DynamoDB's reserved words may not stand in an expression
            optional["ExpressionAttributeNames"] = names
        with _dynamodb("UpdateItem"):
            answer = self._client.update_item(
                TableName=self._table,
                Key=items.key_of(key),
                UpdateExpression=update,
                ExpressionAttributeValues={n: items.value(each) for n, each in values.items()},
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **optional,
            )
            return answer["Attributes"]

    def _expiry(self) -> int:
        return self._clock() // 1000 + self._retention


class _ConditionFailed(Exception):
    """`item` is what stood there, empty when nothing did."""

    def __init__(self, item: Item) -> None:
        super().__init__("condition failed")
        self.item = item


@contextmanager
def _dynamodb(operation: str) -> Iterator[None]:
    """Raises _ConditionFailed, or HistoryUnavailable for anything else that goes wrong."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            raise _ConditionFailed(cast("Item", error.response.get("Item", {}))) from None
        if code == "ValidationException":  # its text quotes values, which are people's words
            raise HistoryUnavailable(f"{operation}: {code}") from None
        raise HistoryUnavailable(f"{operation}: {code}") from error
    except ParamValidationError:  # likewise
        raise HistoryUnavailable(f"{operation}: invalid parameters") from None
    except BotoCoreError as error:
        raise HistoryUnavailable(f"{operation}: {type(error).__name__}") from error
    except KeyError:  # the SDK makes an empty answer of a body that it cannot read
        raise HistoryUnavailable(f"{operation}: unreadable answer") from None


def _turns(page: Iterable[Item]) -> tuple[Turn, ...]:
    return tuple(
        items.item_to_turn(item) for item in page if items.text(item, "sk").startswith(TURN_PREFIX)
    )


def _shown(page: Iterable[Item]) -> int:
    """How many are turns of their own."""
    return sum(
        items.text(item, "sk").startswith(TURN_PREFIX) and "leader" not in item for item in page
    )


def _turn_or_none(item: Item) -> Turn | None:
    return items.item_to_turn(item) if item else None
