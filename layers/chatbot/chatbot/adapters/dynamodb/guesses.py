"""Counts wrong access codes by the address from which they come, and makes them wait.

The table counts, neither the session nor the process: who guesses takes a new cookie each time,
and a burst of guesses starts many processes. Of an address only a keyed hash comes here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chatbot.adapters.dynamodb import codec
from chatbot.adapters.dynamodb.table import ConditionFailed, TableClient
from chatbot.core.key import TurnKey
from chatbot.core.limits import GUESS_FORGOTTEN_S, GUESS_PAUSE_MOST_S, GUESSES_FREE
from chatbot.core.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

GUESS = "~guess"
"""Sort key of the item, and the beginning of its partition key."""


class GuessItems:
    """Implements edge.webhook.Judge with one item for each address.

    | attribute | what |
    |---|---|
    | `wrong` | number of wrong codes since the last right one |
    | `tried_at` | time of the last of them, epoch milliseconds |
    | `open_at` | no code is looked at before |
    """

    def __init__(self, client: DynamoDBClient, table_name: str, clock: Clock) -> None:
        self._client = TableClient(client, table_name)
        self._clock = clock

    def judge(self, address: str, *, right: bool) -> int:
        """Return the seconds to wait before a code is looked at; 0 when this one was.

        A right one ends the pauses, a wrong one lengthens them. Raises HistoryUnavailable.
        """
        key, now = TurnKey(f"{GUESS}:{address}", GUESS), self._clock()
        return self._right(key, now) if right else self._wrong(key, now)

    def _right(self, key: TurnKey, now: int) -> int:
        change = "SET expires_at = :expiry REMOVE wrong, tried_at, open_at"
        try:
            values = {":expiry": now // 1000, ":now": now}
            self._client.update(key, change, values, "open_at <= :now")
        except ConditionFailed as failed:  # in most cases there is no item
            return _seconds(codec.number(failed.item, "open_at") - now)
        return 0

    def _wrong(self, key: TurnKey, now: int) -> int:
        try:
            self._count(key, now, 1, 0, "attribute_not_exists(wrong)")
        except ConditionFailed as failed:
            wrong, tried_at, open_at = (
                codec.number(failed.item, name) for name in ("wrong", "tried_at", "open_at")
            )
            if now < open_at:
                return _seconds(open_at - now)
            if now - tried_at > GUESS_FORGOTTEN_S * 1000:
                wrong = 0
            try:
                self._count(key, now, wrong + 1, tried_at, "tried_at = :before")
            except ConditionFailed:  # another code from there came at the same time
                return 1
        return 0

    def _count(self, key: TurnKey, now: int, wrong: int, before: int, condition: str) -> None:
        change = "SET wrong = :wrong, tried_at = :now, open_at = :open_at, expires_at = :expiry"
        values = {
            ":wrong": wrong,
            ":now": now,
            ":open_at": now + 1000 * pause_after(wrong),
            ":expiry": now // 1000 + GUESS_FORGOTTEN_S,
        }
        if before:
            values[":before"] = before
        self._client.update(key, change, values, condition)


def pause_after(wrong: int) -> int:
    """Return the seconds of pause after so many wrong codes in a row."""
    doublings = min(wrong - GUESSES_FREE, 30)
    return 0 if doublings <= 0 else min(2**doublings, GUESS_PAUSE_MOST_S)


def _seconds(milliseconds: int) -> int:
    return max(0, math.ceil(milliseconds / 1000))
