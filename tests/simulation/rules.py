"""Rules for whose death it was: as it was before, as it was first planned, and as it is."""

from __future__ import annotations

from collections.abc import Sequence

from chatbot.conversation.suspects import Times, choose, doubtful, return_after, unnoted
from chatbot.core.work import Record, Tries
from tests.simulation.world import LEASE, LIMIT, Message, Plan

GIVEN_UP = 3
"""Deaths after which a message gets the fallback."""


class EveryDeath:
    """Each delivery that ends without a note is a death of everybody in the batch."""

    def plan(self, batch: Sequence[Message], now: float) -> Plan:
        return Plan([*batch])

    def begin(self, message: Message, alone: bool) -> bool:
        message.begun += message.receives > 1  # this count stands for the delivery before
        return message.begun >= GIVEN_UP

    def hand_back(self, message: Message, alone: bool) -> None:
        message.begun -= 1


class ReceivesLessHandBacks:
    """Deaths = receives − 1 − hand-backs that were noted.

    Those without deaths run side by side, then one of the others, alone, in the same invocation.
    Only deaths while alone bring the fallback.
    """

    def plan(self, batch: Sequence[Message], now: float) -> Plan:
        suspects = [m for m in batch if m.receives - 1 - m.handed_back > 0]
        innocent = [m for m in batch if m not in suspects]
        if not suspects:
            return Plan(innocent)
        last = min(suspects, key=lambda m: (m.alone, m.number))
        returned = [m for m in suspects if m is not last]
        for message in returned:
            message.handed_back += 1
        return Plan(innocent, returned, last)

    def begin(self, message: Message, alone: bool) -> bool:
        given_up = message.alone >= GIVEN_UP
        if message.receives - 1 - message.handed_back > 0:
            message.alone += alone
        return given_up

    def hand_back(self, message: Message, alone: bool) -> None:
        message.handed_back += 1
        message.alone = max(0, message.alone - alone)


class Suspects:
    """The product's rule (`conversation/suspects.py`)."""

    def __init__(self) -> None:
        self._known: dict[int, Tries] = {}

    def plan(self, batch: Sequence[Message], now: float) -> Plan:
        messages = {str(message.number): message for message in batch}
        groups = {name: [_record(message)] for name, message in messages.items()}
        times, millis = Times.of(LIMIT, LEASE - LIMIT), round(now * 1000)
        known = {}
        for name in doubtful(groups, times, millis):
            died = messages[name].died
            known[name] = unnoted(groups[name], times, millis) if died is None else Tries(died=died)
        choice = choose(groups, known)
        self._known |= {int(name): known for name, known in choice.run.items()}
        for name, waits in choice.wait.items():
            message = messages[name]
            if message.died is None:
                message.died, message.begun = waits.died, 0
        return Plan(
            [messages[name] for name in choice.run],
            [messages[name] for name in choice.wait],
            pause=self._pause,
        )

    def _pause(self, message: Message) -> float:
        return return_after([_record(message)])

    def begin(self, message: Message, alone: bool) -> bool:
        if message.receives > 1:
            message.begun += 1
            message.died = self._known[message.number].died + 1
        return message.begun >= GIVEN_UP

    def hand_back(self, message: Message, alone: bool) -> None:
        message.begun -= 1
        message.died = self._known[message.number].died


class SuspectsReturnedAtOnce(Suspects):
    """The same, but what waits is visible at once, however often it was received."""

    def _pause(self, message: Message) -> float:
        return 0


def _record(message: Message) -> Record:
    return Record(
        message_id=str(message.number),
        receipt="",
        group=str(message.number),
        receive_count=message.receives,
        sent_at=round(message.sent * 1000),
        body="",
        first_received_at=round(message.first_received * 1000),
    )
