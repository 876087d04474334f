"""The conversation table in DynamoDB: ports.History, and what the web page reads of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from chatbot import items
from chatbot.errors import HistoryUnavailable, TurnExists
from chatbot.messages import TURN_PREFIX, Claim, Origin, Person, State, Stop, Turn, TurnKey, Window
from chatbot.ports import Counted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chatbot.items import Item, Plain

PERSON = "~state"
TRIES = "~try"
DRAFT = "~draft"
STOP = "~stop"
DAY = "~day"
_A_DAY = 86400
_DRAFT_LASTS = 30_000  # milliseconds; while it is written, it is repeated

# A query that reads backwards meets ~state first, in nearly every conversation, and ~day where
# there are limits. What else may take a turn's place (~draft, ~stop, ~try, merged messages) is rare
# enough to read on for.
_ROOM = 2

_AFTER_TURNS = TURN_PREFIX[:-1] + chr(ord(TURN_PREFIX[-1]) + 1)
_PAGE = 50
_BATCH = 25  # DynamoDB's limit, of BatchWriteItem
_TRIES = 5
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
            turns=tuple(_turns(found)),
            complete=not page.get("LastEvaluatedKey"),
        )

    def turns_after(self, conversation: str, after: str, limit: int) -> tuple[Turn, ...]:
        """The `limit` turns that follow the sort key `after`, oldest first.

        "" gives the newest ones, also oldest first. An `after` that is no sort key gives none.
        """
        if not after:
            return self.turns_before(conversation, _AFTER_TURNS, limit)
        return self._between(conversation, after, _AFTER_TURNS, limit, forward=True)

    def turns_before(self, conversation: str, before: str, limit: int) -> tuple[Turn, ...]:
        """The `limit` turns next below the sort key `before`, oldest first."""
        return self._between(conversation, TURN_PREFIX, before, limit, forward=False)[::-1]

    def _between(
        self, conversation: str, low: str, high: str, limit: int, *, forward: bool
    ) -> tuple[Turn, ...]:
        """In the direction of reading; the ends do not count."""
        if not all(
            TURN_PREFIX <= end <= _AFTER_TURNS and len(end.encode()) <= _LONGEST_SORT_KEY
            for end in (low, high)
        ):
            return ()
        with _dynamodb("Query"):
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
                ExpressionAttributeValues={
                    ":pk": {"S": conversation},
                    ":low": {"S": low},
                    ":high": {"S": high},
                },
                ScanIndexForward=forward,
                ConsistentRead=True,
                Limit=limit + 1,  # BETWEEN includes both ends
            )
            found = page["Items"]
        return tuple(turn for turn in _turns(found) if turn.key.sort not in (low, high))[:limit]

    def find(self, key: TurnKey) -> Turn | None:
        return _turn_or_none(self._get(key))

    def _get(self, key: TurnKey) -> Item:
        """Strongly consistent; empty when there is none."""
        with _dynamodb("GetItem"):
            answer = self._client.get_item(
                TableName=self._table,
                Key=items.key_of(key),
                ConsistentRead=True,
                ReturnConsumedCapacity="TOTAL",
            )
            # Else "there is no such turn" would be what the SDK makes of an unreadable answer.
            _ = answer["ConsumedCapacity"]
        return answer.get("Item", {})

    def put(self, turn: Turn) -> None:
        try:
            with _dynamodb("PutItem"):
                self._client.put_item(**self._new(turn))
        except _ConditionFailed as failed:
            raise TurnExists(_turn_or_none(failed.item)) from None

    def put_all(self, turns: Sequence[Turn]) -> None:
        puts: list[Any] = [{"Put": self._new(turn)} for turn in turns]
        try:
            with _dynamodb("TransactWriteItems"):
                answer = self._client.transact_write_items(
                    TransactItems=puts, ReturnConsumedCapacity="TOTAL"
                )
                _ = answer["ConsumedCapacity"]  # as in `find`: an unreadable answer is no success
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
            "SET registered = :registered, asked = :asked, persona = :persona, "
            "#n = :name, #l = :language, #m = :mode, expires_at = :expiry",
            None,
            {
                ":registered": int(person.registered),
                ":asked": int(person.asked),
                ":persona": person.persona,
                ":name": person.name,
                ":language": person.language,
                ":mode": person.mode,
                ":expiry": self._expiry(),
            },
            {"#n": "name", "#l": "language", "#m": "mode"},
        )

    def lift_break(self, before: TurnKey) -> None:
        """And those right behind it, with nothing said in between."""
        lifted = False
        for turn in self.older(before):
            if turn.fresh_start and turn.lifted_by in ("", before.sort):
                values: dict[str, Plain] = {":by": before.sort}
                self._update(turn.key, "SET lifted_by = :by", None, values)
                lifted = True
            elif lifted and turn.origin is not Origin.COMMAND:
                return

    def older(self, before: TurnKey) -> Iterator[Turn]:
        found = self._items(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :before",
            ExpressionAttributeValues={
                ":pk": {"S": before.conversation},
                ":first": {"S": TURN_PREFIX},
                ":before": {"S": before.sort},
            },
            ScanIndexForward=False,
            Limit=_PAGE,
        )
        return (turn for turn in _turns(found) if turn.key != before)

    def erase(self, before: TurnKey) -> None:
        """The tombstone comes first: what it covers is never answered again, whatever follows."""
        person = {
            **items.key_of(TurnKey(before.conversation, PERSON)),
            "forgotten_before": items.value(before.sort),
            "expires_at": items.value(self._expiry()),
        }
        with _dynamodb("PutItem"):
            self._client.put_item(TableName=self._table, Item=person)
        found = self._items(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": before.conversation}},
            ProjectionExpression="pk, sk, event",
        )
        doomed = [item for item in found if _is_covered(item, before)]
        for start in range(0, len(doomed), _BATCH):
            self._delete(doomed[start : start + _BATCH])

    def rate(self, key: TurnKey, rating: int) -> None:
        try:
            self._update(key, "SET rating = :rating", "attribute_exists(pk)", {":rating": rating})
        except _ConditionFailed:
            return

    def count_today(self, person: str, day: str, kind: str, event: str, most: int) -> Counted:
        """One write; two for the first of a day, which begins the count anew."""
        key, events = TurnKey(person, DAY), (event,) if event else ()
        once, keep = "", ""
        values: dict[str, Plain] = {":day": day, ":one": 1}
        values[":expiry"] = self._clock() // 1000 + 2 * _A_DAY
        first = {**values, ":events": events}
        names = {"#d": "date", "#k": kind}
        if event:
            once = "NOT contains(counted, :event) AND "
            keep = ", counted = list_append(counted, :new)"
            values |= {":event": event, ":new": events}
        if most:
            once += "(attribute_not_exists(#k) OR #k < :most) AND "
            values[":most"] = most
        try:
            update = f"SET expires_at = :expiry{keep} ADD #k :one"
            self._update(key, update, f"{once}#d = :day", values, names)
            return Counted.NOW
        except _ConditionFailed as failed:
            if items.text(failed.item, "date") == day:
                known = event in items.texts(failed.item, "counted")
                return Counted.BEFORE if known else Counted.TOO_MANY
        others = [name for name in ("messages", "images") if name != kind]
        update = "SET #d = :day, #k = :one, counted = :events, expires_at = :expiry REMOVE "
        try:
            fresh = "attribute_not_exists(#d) OR #d <> :day"
            self._update(key, update + ", ".join(others), fresh, first, names)
        except _ConditionFailed:  # another began the day
            return self.count_today(person, day, kind, event, most)
        return Counted.NOW

    def _items(self, **query: Any) -> Iterator[Item]:
        """All that the query finds, page by page."""
        while True:
            with _dynamodb("Query"):
                page = self._client.query(TableName=self._table, ConsistentRead=True, **query)
                found = page["Items"]
            yield from found
            if not page.get("LastEvaluatedKey"):
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _delete(self, doomed: Sequence[Item]) -> None:
        """At most _BATCH items. Raises HistoryUnavailable when some are left."""
        keys = [{name: item[name] for name in ("pk", "sk")} for item in doomed]
        requests: Any = {self._table: [{"DeleteRequest": {"Key": key}} for key in keys]}
        for _ in range(_TRIES):
            with _dynamodb("BatchWriteItem"):
                answer = self._client.batch_write_item(RequestItems=requests)
                requests = answer["UnprocessedItems"]
            if not requests:
                return
        raise HistoryUnavailable("BatchWriteItem: throttled")

    def save_draft(self, key: TurnKey, text: str) -> None:
        draft = TurnKey(key.conversation, DRAFT)
        _keep(self._client, self._table, draft, self._clock(), event=key.sort, text=text)

    def draft_of(self, conversation: str) -> tuple[str, str] | None:
        """Event id and text of what is being written, until its turn is stored."""
        draft = self._get(TurnKey(conversation, DRAFT))
        key = TurnKey(conversation, items.text(draft, "event"))
        if items.number(draft, "at") < self._clock() - _DRAFT_LASTS or self._get(key):
            return None
        return key.event_id, items.text(draft, "text")

    def stop_wished(self, key: TurnKey, draft: str) -> bool:
        stop = self._get(TurnKey(key.conversation, STOP))
        event = items.text(stop, "event")
        any_before = not event and items.number(stop, "at") >= key.occurred_at
        return bool(stop) and (any_before or event in (key.event_id, draft))

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

    def _new(self, turn: Turn) -> Any:
        """What puts the turn where there is none."""
        return {
            "TableName": self._table,
            "Item": items.turn_to_item(turn) | {"expires_at": items.value(self._expiry())},
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _expiry(self) -> int:
        return self._clock() // 1000 + self._retention


def put_stop(client: DynamoDBClient, table_name: str, stop: Stop) -> None:
    """Leave the wish where `stop_wished` finds it. Raises HistoryUnavailable."""
    key = TurnKey(stop.conversation, STOP)
    _keep(client, table_name, key, stop.at, event=stop.event)


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
        reasons = cast("list[Any]", error.response.get("CancellationReasons", []))
        if any(reason["Code"] == "ConditionalCheckFailed" for reason in reasons):
            raise _ConditionFailed(reasons[0].get("Item", {})) from None
        if code == "ValidationException":  # its text quotes values, which are people's words
            raise HistoryUnavailable(f"{operation}: {code}") from None
        raise HistoryUnavailable(f"{operation}: {code}") from error
    except ParamValidationError:  # likewise
        raise HistoryUnavailable(f"{operation}: invalid parameters") from None
    except BotoCoreError as error:
        raise HistoryUnavailable(f"{operation}: {type(error).__name__}") from error
    except KeyError:  # the SDK makes an empty answer of a body that it cannot read
        raise HistoryUnavailable(f"{operation}: unreadable answer") from None


def _keep(client: DynamoDBClient, table_name: str, key: TurnKey, at: int, **plain: Plain) -> None:
    """In place of what was there; for a day."""
    plain = {**plain, "at": at, "expires_at": at // 1000 + _A_DAY}
    item = {name: items.value(each) for name, each in plain.items() if each}
    with _dynamodb("PutItem"):
        client.put_item(TableName=table_name, Item=items.key_of(key) | item)


def _turns(page: Iterable[Item]) -> Iterator[Turn]:
    return (
        items.item_to_turn(item) for item in page if items.text(item, "sk").startswith(TURN_PREFIX)
    )


def _is_covered(item: Item, before: TurnKey) -> bool:
    """Whether forgetting what lies before the key takes this item too.

    What was counted today stays for the day, or nobody would have a limit.
    And the deaths of the very event that forgets have to be remembered.
    """
    name = items.text(item, "sk")
    if name.startswith(TURN_PREFIX):
        return name < before.sort
    return name not in (PERSON, DAY) and items.text(item, "event") != before.sort


def _shown(page: Iterable[Item]) -> int:
    """How many are turns of their own."""
    return sum(
        items.text(item, "sk").startswith(TURN_PREFIX) and "leader" not in item for item in page
    )


def _turn_or_none(item: Item) -> Turn | None:
    return items.item_to_turn(item) if item else None
