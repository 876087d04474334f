"""Counts access codes by the address from which they come, and makes them wait.

The table counts, neither the session nor the process: who guesses takes a new cookie each time,
and a burst of guesses starts many processes. Of an address only a keyed hash comes here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
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
    | `wrong` | number of codes since the last right one, also of one that is being compared |
    | `tried_at` | time of the last of them, epoch milliseconds |
    | `open_at` | no code is looked at before |
    """

    def __init__(self, client: DynamoDBClient, table_name: str, clock: Clock) -> None:
        self._client = TableClient(client, table_name)
        self._clock = clock

    def judge(self, address: str, *, right: bool) -> int:
        """Return the seconds to wait before a code is looked at; 0 when this one was.

        Every code is counted first, as if it were wrong, and of those that come at the same time
        only the one whose write succeeds is looked at: otherwise a right code among parallel
        guesses would pass before the first wrong one was counted. A right one then ends the pauses.
        Raises HistoryUnavailable.
        """
        key, now = TurnKey(f"{GUESS}:{address}", GUESS), self._clock()
        number, seconds = self._count(key, now)
        if right and not seconds:
            self._forget(key, now, number)
        return seconds

    def _count(self, key: TurnKey, now: int) -> tuple[int, int]:
        """Count one code; returns its number in a row, and the seconds that it has to wait."""
        try:
            self._write(key, now, 1, "attribute_not_exists(wrong)")
        except ConditionFailed as failed:
            wrong, tried_at, open_at = (
                codec.number(failed.item, name) for name in ("wrong", "tried_at", "open_at")
            )
            if now < open_at:
                return wrong, _seconds(open_at - now)
            number = 1 if now - tried_at > GUESS_FORGOTTEN_S * 1000 else wrong + 1
            before = {":before": tried_at, ":counted": wrong}  # two can have the same millisecond
            try:
                self._write(key, now, number, "tried_at = :before AND wrong = :counted", before)
            except ConditionFailed:  # another code from there came at the same time
                return wrong, 1
            return number, 0
        return 1, 0

    def _write(
        self,
        key: TurnKey,
        now: int,
        number: int,
        condition: str,
        before: Mapping[str, int] | None = None,
    ) -> None:
        change = "SET wrong = :wrong, tried_at = :now, open_at = :open_at, expires_at = :expiry"
        values = {
            ":wrong": number,
            ":now": now,
            ":open_at": now + 1000 * pause_after(number),
            ":expiry": now // 1000 + GUESS_FORGOTTEN_S,
        }
        self._client.update(key, change, values | dict(before or {}), condition)

    def _forget(self, key: TurnKey, now: int, number: int) -> None:
        """End the pauses, unless another code was counted since."""
        change = "SET expires_at = :expiry REMOVE wrong, tried_at, open_at"
        values = {":expiry": now // 1000, ":now": now, ":number": number}
        with suppress(ConditionFailed):
            self._client.update(key, change, values, "tried_at = :now AND wrong = :number")


def pause_after(wrong: int) -> int:
    """Return the seconds of pause after so many wrong codes in a row."""
    doublings = min(wrong - GUESSES_FREE, 30)
    return 0 if doublings <= 0 else min(2**doublings, GUESS_PAUSE_MOST_S)


def _seconds(milliseconds: int) -> int:
    return max(0, math.ceil(milliseconds / 1000))
