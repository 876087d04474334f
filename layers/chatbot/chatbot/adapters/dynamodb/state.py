"""Items of the conversation table other than turns: profile, counters, drafts, requests to stop.

Their sort keys begin with "~", so that they sort after every turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatbot.adapters.dynamodb import codec
from chatbot.adapters.dynamodb.fitting import cut
from chatbot.adapters.dynamodb.table import ConditionFailed, TableClient
from chatbot.core.key import TurnKey
from chatbot.core.limits import MOST_STORED
from chatbot.core.message import Stop
from chatbot.core.ports import Clock, Counted
from chatbot.core.timeline import ConversationProfile
from chatbot.core.work import MOST_CRASHES, Tries

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chatbot.adapters.dynamodb.codec import Item, Plain

PROFILE = "~state"
"""Sort key of the profile."""
TRIES = "~try"
"""Sort key of what the deliveries of the latest event have cost."""
DRAFT = "~draft"
"""Sort key of the preview on the web page."""
STOP = "~stop"
"""Sort key of the latest request to stop."""
DAY = "~day"
"""Sort key of the daily counters; the partition key is a person."""
_A_DAY = 86400  # seconds
_DRAFT_MAX_AGE = 30_000  # milliseconds; a draft in progress is written again sooner


class StateItems:
    """The part of ports.History without turns. Every method may raise HistoryUnavailable.

    Items expire `retention_days` after the last write; drafts, requests to stop and daily counters
    sooner.
    """

    def __init__(
        self, client: DynamoDBClient, table_name: str, clock: Clock, retention_days: int
    ) -> None:
        self._client = TableClient(client, table_name)
        self._clock = clock
        self._retention = retention_days * _A_DAY

    def save_profile(self, conversation: str, profile: ConversationProfile) -> None:
        """Write the profile into the item `~state` (ports.Profiles)."""
        update = (
            "SET registered = :registered, asked = :asked, persona = :persona, "
            "#n = :name, #l = :language, #m = :mode, expires_at = :expiry"
        )
        values: dict[str, Plain] = {
            ":registered": int(profile.registered),
            ":asked": int(profile.asked_to_start),
            ":persona": profile.persona,
            ":name": profile.name,
            ":language": profile.language,
            ":mode": profile.mode,
            ":expiry": self._expiry(),
        }
        if profile.moved_from:
            update += ", moved_from = :moved_from"
            values[":moved_from"] = profile.moved_from
        names = {"#n": "name", "#l": "language", "#m": "mode"}
        self._client.update(TurnKey(conversation, PROFILE), update, values, names=names)

    def tries(self, conversation: str) -> tuple[str, Tries]:
        """Read what the deliveries of the latest event have cost (ports.CrashCounter)."""
        item = self._client.get(TurnKey(conversation, TRIES))
        return codec.text(item, "event"), _tries(item)

    def raise_try(
        self,
        key: TurnKey,
        died: int,
        since: int,
        *,
        replace_later: bool = False,
        anew_before: int = 0,
    ) -> Tries | None:
        """Count a delivery of the event, and replace the item of another one or of a redriven one.

        See ports.CrashCounter. Items of versions before 0.10 have no `since` and are counted on.
        """
        tries = TurnKey(key.conversation, TRIES)
        values: dict[str, Plain] = {
            ":one": 1,
            ":died": died,
            ":since": since,
            ":expiry": self._expiry(),
            ":event": key.sort,
            ":anew": anew_before,
        }
        always = "died = :died, expires_at = :expiry"
        try:
            update = f"SET n = n + :one, since = if_not_exists(since, :since), {always}"
            going_on = "event = :event AND (attribute_not_exists(since) OR since >= :anew)"
            item = self._client.update(tries, update, values, going_on)
        except ConditionFailed:
            update = f"SET n = :one, since = :since, event = :event, {always} "
            update += "REMOVE paid, asked, heard"
            replaced = (
                f"attribute_not_exists(event) OR event {'<>' if replace_later else '<'} :event"
            )
            replaced += " OR (event = :event AND since < :anew)"
            try:
                item = self._client.update(tries, update, values, replaced)
            except ConditionFailed:
                return None
        return _tries(item)

    def note_try(self, key: TurnKey, before: Tries | None, after: Tries) -> bool:
        """Note what the deliveries of the event have cost (ports.CrashCounter).

        Not conditional on the others: none of them changes without `n` or `asked`.
        """
        values: dict[str, Plain] = {
            ":expiry": self._expiry(),
            ":event": key.sort,
            ":n": after.crashes,
            ":paid": after.paid,
            ":asked": after.asked,
            ":heard": [half for pair in after.heard for half in pair],
            ":died": after.died,
        }
        # A later event's item stays: the group has gone on without this delivery.
        unchanged = (
            "attribute_not_exists(event) OR event < :event OR (event = :event AND n > :most)"
        )
        if before is None:
            values[":most"] = MOST_CRASHES
        else:
            unchanged = "event = :event AND n = :crashes AND "
            values[":crashes"] = before.crashes
            if before.asked:
                unchanged += "asked = :before"
                values[":before"] = before.asked
            else:  # absent in items of versions before 0.10, too
                unchanged += "(attribute_not_exists(asked) OR asked = :none)"
                values[":none"] = 0
        update = (
            "SET n = :n, event = :event, expires_at = :expiry, "
            "paid = :paid, asked = :asked, heard = :heard, died = :died"
        )
        if after.since:
            update += ", since = :since"
            values[":since"] = after.since
        else:  # `raise_try` sets it
            update += " REMOVE since"
        try:
            self._client.update(TurnKey(key.conversation, TRIES), update, values, unchanged)
        except ConditionFailed:
            return False
        return True

    def count_today(
        self, person: str, day: str, kind: str, event: str, most: int, amount: int = 1
    ) -> Counted:
        """Count an event of a person's day, unless enough are counted (ports.Counters).

        One write; the first of a day needs a second one to reset the counts.
        """
        key, events = TurnKey(person, DAY), (event,) if event else ()
        limit, keep = "", ""
        values: dict[str, Plain] = {":day": day, ":amount": amount}
        values[":expiry"] = self._clock() // 1000 + 2 * _A_DAY
        first = {**values, ":events": events}
        names = {"#d": "date", "#k": kind}
        if event:
            limit = "NOT contains(counted, :event) AND "
            keep = ", counted = list_append(counted, :new)"
            values |= {":event": event, ":new": events}
        if most:
            limit += "(attribute_not_exists(#k) OR #k <= :room) AND "
            values[":room"] = most - amount
        try:
            update = f"SET expires_at = :expiry{keep} ADD #k :amount"
            self._client.update(key, update, values, f"{limit}#d = :day", names)
            return Counted.NOW
        except ConditionFailed as failed:
            if codec.text(failed.item, "date") == day:
                counted = event in codec.texts(failed.item, "counted")
                return Counted.BEFORE if counted else Counted.TOO_MANY
        others = [name for name in ("messages", "images", "recordings") if name != kind]
        update = "SET #d = :day, #k = :amount, counted = :events, expires_at = :expiry REMOVE "
        try:
            fresh = "attribute_not_exists(#d) OR #d <> :day"
            self._client.update(key, update + ", ".join(others), first, fresh, names)
        except ConditionFailed:  # another call has reset them first
            return self.count_today(person, day, kind, event, most, amount)
        return Counted.NOW

    def save_draft(self, key: TurnKey, text: str) -> None:
        """Store the unfinished answer to `key` for the web page."""
        draft = TurnKey(key.conversation, DRAFT)
        text = cut(text, MOST_STORED)
        _put_for_a_day(self._client, draft, self._clock(), event=key.sort, text=text)

    def draft_of(self, conversation: str) -> tuple[str, str] | None:
        """Event id and text of the unfinished answer; None when it is stored or over 30 s old."""
        draft = self._client.get(TurnKey(conversation, DRAFT))
        key = TurnKey(conversation, codec.text(draft, "event"))
        if codec.number(draft, "at") < self._clock() - _DRAFT_MAX_AGE or self._client.get(key):
            return None
        return key.event_id, codec.text(draft, "text")

    def stop_requested(self, key: TurnKey, preview: str) -> bool:
        """Read whether the answer is to stop (ports.Stops)."""
        stop = self._client.get(TurnKey(key.conversation, STOP))
        event = codec.text(stop, "event")
        any_before = not event and codec.number(stop, "at") >= key.occurred_at
        return bool(stop) and (any_before or (event != "" and event in {key.event_id, preview}))

    def _expiry(self) -> int:
        return self._clock() // 1000 + self._retention


def _tries(item: Item) -> Tries:
    # Versions before 0.10 have counted only what `n` counts: deliveries without a note.
    died = codec.number(item, "died" if "died" in item else "n")
    return Tries(
        codec.number(item, "n"),
        codec.number(item, "paid"),
        codec.number(item, "asked"),
        codec.pairs(item, "heard"),
        max(0, died),
        codec.number(item, "since"),
    )


def put_stop(client: DynamoDBClient, table_name: str, stop: Stop) -> None:
    """Store a request to stop, which `stop_requested` reads. Raises HistoryUnavailable."""
    key = TurnKey(stop.conversation, STOP)
    _put_for_a_day(TableClient(client, table_name), key, stop.at, event=stop.event)


def _put_for_a_day(client: TableClient, key: TurnKey, at: int, **plain: Plain) -> None:
    """Put an item that expires in a day, replacing any earlier one."""
    plain = {**plain, "at": at, "expires_at": at // 1000 + _A_DAY}
    client.put(
        codec.key_of(key) | {name: codec.value(each) for name, each in plain.items() if each}
    )
