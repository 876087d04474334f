"""What the conversation table holds beside the turns; all of it sorts after every turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chatbot.adapters.dynamodb import codec
from chatbot.adapters.dynamodb.table import ConditionFailed, TableClient
from chatbot.core.key import TurnKey
from chatbot.core.message import Stop
from chatbot.core.ports import Counted
from chatbot.core.timeline import ConversationProfile

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chatbot.adapters.dynamodb.codec import Plain

PROFILE = "~state"
TRIES = "~try"
DRAFT = "~draft"
STOP = "~stop"
DAY = "~day"
_A_DAY = 86400
_DRAFT_LASTS = 30_000  # milliseconds; while it is written, it is repeated


class StateItems:
    """Its part of ports.History. Every method may raise HistoryUnavailable.

    `clock` tells epoch milliseconds. Items expire `retention_days` after they were put, drafts,
    stops and counts sooner.
    """

    def __init__(self, rows: TableClient, clock: Callable[[], int], retention_days: int) -> None:
        self._client = rows
        self._clock = clock
        self._retention = retention_days * _A_DAY

    def save_profile(self, conversation: str, profile: ConversationProfile) -> None:
        self._client.update(
            TurnKey(conversation, PROFILE),
            "SET registered = :registered, asked = :asked, persona = :persona, "
            "#n = :name, #l = :language, #m = :mode, expires_at = :expiry",
            {
                ":registered": int(profile.registered),
                ":asked": int(profile.asked_to_start),
                ":persona": profile.persona,
                ":name": profile.name,
                ":language": profile.language,
                ":mode": profile.mode,
                ":expiry": self._expiry(),
            },
            names={"#n": "name", "#l": "language", "#m": "mode"},
        )

    def raise_try(self, key: TurnKey) -> int:
        tries = TurnKey(key.conversation, TRIES)
        values: dict[str, Plain] = {":one": 1, ":expiry": self._expiry(), ":event": key.sort}
        try:
            update = "SET n = n + :one, expires_at = :expiry"
            item = self._client.update(tries, update, values, "event = :event")
        except ConditionFailed:
            update = "SET n = :one, expires_at = :expiry, event = :event"
            item = self._client.update(tries, update, values)
        return codec.number(item, "n")

    def lower_try(self, key: TurnKey) -> None:
        try:
            self._client.update(
                TurnKey(key.conversation, TRIES),
                "SET n = n - :one",
                {":one": 1, ":zero": 0, ":event": key.sort},
                "event = :event AND n > :zero",
            )
        except ConditionFailed:
            return  # another event is counted by now

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
            self._client.update(key, update, values, f"{once}#d = :day", names)
            return Counted.NOW
        except ConditionFailed as failed:
            if codec.text(failed.item, "date") == day:
                known = event in codec.texts(failed.item, "counted")
                return Counted.BEFORE if known else Counted.TOO_MANY
        others = [name for name in ("messages", "images") if name != kind]
        update = "SET #d = :day, #k = :one, counted = :events, expires_at = :expiry REMOVE "
        try:
            fresh = "attribute_not_exists(#d) OR #d <> :day"
            self._client.update(key, update + ", ".join(others), first, fresh, names)
        except ConditionFailed:  # another began the day
            return self.count_today(person, day, kind, event, most)
        return Counted.NOW

    def save_draft(self, key: TurnKey, text: str) -> None:
        draft = TurnKey(key.conversation, DRAFT)
        _keep(self._client, draft, self._clock(), event=key.sort, text=text)

    def draft_of(self, conversation: str) -> tuple[str, str] | None:
        """Event id and text of what is being written, until its turn is stored."""
        draft = self._client.get(TurnKey(conversation, DRAFT))
        key = TurnKey(conversation, codec.text(draft, "event"))
        if codec.number(draft, "at") < self._clock() - _DRAFT_LASTS or self._client.get(key):
            return None
        return key.event_id, codec.text(draft, "text")

    def stop_requested(self, key: TurnKey, preview: str) -> bool:
        stop = self._client.get(TurnKey(key.conversation, STOP))
        event = codec.text(stop, "event")
        any_before = not event and codec.number(stop, "at") >= key.occurred_at
        return bool(stop) and (any_before or (event != "" and event in {key.event_id, preview}))

    def _expiry(self) -> int:
        return self._clock() // 1000 + self._retention


def put_stop(client: DynamoDBClient, table_name: str, stop: Stop) -> None:
    """Leave the wish where `stop_wished` finds it. Raises HistoryUnavailable."""
    key = TurnKey(stop.conversation, STOP)
    _keep(TableClient(client, table_name), key, stop.at, event=stop.event)


def _keep(rows: TableClient, key: TurnKey, at: int, **plain: Plain) -> None:
    """In place of what was there; for a day."""
    plain = {**plain, "at": at, "expires_at": at // 1000 + _A_DAY}
    rows.put(codec.key_of(key) | {name: codec.value(each) for name, each in plain.items() if each})
