"""Counts the messages of a conversation that wait in the queue, once there are many of them.

Every message that is counted gets a place, a number that rises by one and travels with it through
the queue. A worker that has finished the message with place 7 opens the places up to
7 + MAX_WAITING; as the queue keeps the order of a conversation, the messages before it are finished
too. So a lost write is made good by the next one, and a repeated one changes nothing.

Where the response to a write of the door is lost, its messages are queued without their places. If
there is no later message with one, they are free when the worker has finished the last of these:
it opens the room, unless a place was taken after the queue had accepted that message.

The item has a partition of its own: in the conversation's, it would take a turn's place in the
query that reads the newest turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from chatbot.adapters.dynamodb import codec
from chatbot.adapters.dynamodb.table import ConditionFailed, TableClient
from chatbot.core.key import TurnKey
from chatbot.core.ports import Clock, Places

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chatbot.adapters.dynamodb.codec import Item, Plain

WAITING = "~waiting"
"""Sort key of the item, and the beginning of its partition key."""
_A_DAY = 86_400  # seconds
_FREE = "attribute_not_exists(taken) OR taken < open_to"
_MAY_TELL = "attribute_not_exists(told) OR told <= open_to"


class WaitingPlaces:
    """Implements ports.WaitingRoom with one item for each conversation.

    | attribute | what |
    |---|---|
    | `taken` | the last place that was given to a message |
    | `open_to` | the last place that may be given |
    | `taken_at` | time when a place was last taken, epoch milliseconds |
    | `told` | when `open_to` has come to this, the person may be told again |
    | `changed_at` | time of the last change, epoch milliseconds |
    """

    def __init__(self, client: DynamoDBClient, table_name: str, clock: Clock) -> None:
        self._client = TableClient(client, table_name)
        self._clock = clock

    def take(self, conversation: str, events: int, most: int, stale: float) -> Places:
        """Take places for `events` messages (ports.WaitingRoom)."""
        change = "SET taken = if_not_exists(taken, :none) + :events, "
        change += "open_to = if_not_exists(open_to, :most), taken_at = :now"
        values: dict[str, Plain] = {":none": 0, ":events": events, ":most": most}
        try:
            item = self._update(conversation, change, values, _FREE)
        except ConditionFailed as full:
            item = full.item
            if codec.number(item, "changed_at") >= self._clock() - stale * 1000:
                return Places(may_tell=_may_tell(item))
            try:
                item = self._restart(conversation, item, events, most)
            except ConditionFailed as changed:  # by another process
                return Places(may_tell=_may_tell(changed.item))
        last = codec.number(item, "taken")
        beyond = max(0, last - codec.number(item, "open_to"))
        if beyond:
            self._give_back(conversation, last, beyond)
        return Places(last - events + 1, events - beyond, may_tell=_may_tell(item))

    def _restart(self, conversation: str, found: Item, events: int, most: int) -> Item:
        """Open the places behind the last one that was taken. Raises ConditionFailed."""
        change = "SET taken = taken + :events, open_to = taken + :most, taken_at = :now"
        values: dict[str, Plain] = {
            ":events": events,
            ":most": most,
            ":found": codec.number(found, "changed_at"),
        }
        return self._update(conversation, change, values, "changed_at = :found", " REMOVE told")

    def tell(self, conversation: str, most: int) -> int:
        """Take the place of a sentence that says that messages were dropped (ports.WaitingRoom)."""
        change = "SET taken = taken + :one, told = taken + :beyond, taken_at = :now"
        values: dict[str, Plain] = {":one": 1, ":beyond": most + 1}
        try:
            item = self._update(conversation, change, values, _MAY_TELL)
        except ConditionFailed:
            return 0
        return codec.number(item, "taken")

    def give_back(self, conversation: str, last: int, places: int, *, told: bool) -> None:
        """Give back places of messages that were not queued (ports.WaitingRoom)."""
        # Before, `told` was at most `open_to`; so nothing is lost with it.
        self._give_back(conversation, last, places, " REMOVE told" if told else "")

    def _give_back(self, conversation: str, last: int, places: int, removal: str = "") -> None:
        values: dict[str, Plain] = {":places": places}
        change = "SET taken = taken - :places"
        try:
            self._update(conversation, change, {**values, ":last": last}, "taken = :last", removal)
        except ConditionFailed:  # another message has the next place already
            change = "SET open_to = open_to + :places"
            if not removal:  # the sentence is read as long as before, not sooner
                change += ", told = if_not_exists(told, :none) + :places"
                values[":none"] = 0
            with suppress(ConditionFailed):  # the item has expired
                self._update(conversation, change, values, "attribute_exists(open_to)", removal)

    def leave(self, conversation: str, place: int, most: int) -> None:
        """Open the places up to `place` + `most` (ports.WaitingRoom)."""
        change = "SET open_to = :open_to"
        with suppress(ConditionFailed):
            self._update(conversation, change, {":open_to": place + most}, "open_to < :open_to")

    def leave_all(self, conversation: str, sent_at: int, most: int) -> None:
        """Open the places behind the last one, if it was taken by `sent_at` (ports.WaitingRoom)."""
        change, values = "SET open_to = taken + :most", {":most": most, ":sent_at": sent_at}
        with suppress(ConditionFailed):
            self._update(conversation, change, values, "taken_at <= :sent_at")

    def _update(
        self,
        conversation: str,
        change: str,
        values: Mapping[str, Plain],
        condition: str = "",
        removal: str = "",
    ) -> Item:
        now = self._clock()
        more: dict[str, Plain] = {":now": now, ":expiry": now // 1000 + _A_DAY}
        change += f", changed_at = :now, expires_at = :expiry{removal}"
        return self._client.update(_key(conversation), change, {**values, **more}, condition)


def _key(conversation: str) -> TurnKey:
    return TurnKey(f"{WAITING}:{conversation}", WAITING)


def _may_tell(item: Item) -> bool:
    return codec.number(item, "told") <= codec.number(item, "open_to")
