"""The door before the queue: at most MAX_WAITING messages of one conversation may wait behind it.

A worker finds the conversations that wait among the first 120,000 messages of the queue (Amazon SQS
guide, FIFO queues, "in-flight messages and backlog"). Without a bound, one person who sends a
hundred messages a second would hide everybody else within 20 minutes.

Below a rate that no writing person reaches, the door makes no call: each process keeps a leaky
bucket for each conversation that it has seen. Past it, the table counts (`ports.WaitingRoom`).

While the queue is away, every message is repeated until it is accepted. So places of what was not
queued are given back, and for a minute nothing of that conversation is dropped: what finds no place
then is repeated, too.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from chatbot.core.errors import HistoryUnavailable
from chatbot.core.key import TurnKey
from chatbot.core.limits import (
    DOOR_CLOSED_MS,
    DOOR_CONVERSATIONS,
    DOOR_EVENTS,
    DOOR_FAILED_MS,
    DOOR_SECONDS,
    PLACES_STALE_S,
)
from chatbot.core.message import MOVED, Envelope
from chatbot.core.ports import Clock, Journal, WaitingRoom
from chatbot.core.settings import Settings
from chatbot.core.work import PLACE_UNKNOWN


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Admitted:
    """The envelopes that may be queued; `dropped` is the number of those that may not.

    `places` are the places of those that were counted, by their keys, PLACE_UNKNOWN where the table
    did not answer. Where a person is told that messages were dropped, the first of these that asks
    for an answer is among the envelopes as `Envelope.as_dropped`. Where some are `postponed`, none
    may be queued: the sender is to repeat the request. Call `undo` when the queue did not accept
    the envelopes.
    """

    envelopes: tuple[Envelope, ...]
    dropped: int = 0
    places: dict[TurnKey, int] = field(default_factory=dict)
    postponed: int = 0
    undo: Callable[[], None] = field(default=_nothing, compare=False)


Admit = Callable[[Sequence[Envelope]], Admitted]


def admit_all(envelopes: Sequence[Envelope]) -> Admitted:
    """Admit every envelope."""
    return Admitted(tuple(envelopes))


@dataclass(slots=True)
class _Bucket:
    """What a process knows of a conversation. `level` falls by DOOR_EVENTS in DOOR_SECONDS.

    `counting` begins when it exceeds DOOR_EVENTS and ends when it is empty. Until `closed_until`
    the conversation is turned away without asking the table. Until `postponed_until` its messages
    are postponed where they would be dropped.
    """

    level: float = 0
    at: int = 0
    counting: bool = False
    closed_until: int = 0
    postponed_until: int = 0

    def add(self, events: int, now: int) -> None:
        level = self.level - max(0, now - self.at) * DOOR_EVENTS / (1000 * DOOR_SECONDS)
        if level <= 0:
            self.counting = False
        # Bounded, or a long flood would be counted for hours after its end.
        self.level = min(max(0, level) + events, 2 * DOOR_EVENTS)
        self.at = now
        self.counting = self.counting or self.level > DOOR_EVENTS


class Door:
    """Admits envelopes to the queue; one for each process, whose invocations may share it."""

    def __init__(self, room: WaitingRoom, journal: Journal, clock: Clock) -> None:
        self._room = room
        self._journal = journal
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def admit(
        self, envelopes: Sequence[Envelope], settings: Settings, *, tell: bool = True
    ) -> Admitted:
        """Admit the envelopes of conversations of which at most MAX_WAITING messages wait.

        With `tell`, the first that is dropped and asks for an answer is queued as the event of a
        sentence about it. That a group has a new id is never dropped: its history and settings hang
        on it. A table that does not answer admits everything: it must not cost a message.
        """
        if not settings.max_waiting:
            return admit_all(envelopes)
        groups: dict[str, list[Envelope]] = {}
        for envelope in envelopes:
            groups.setdefault(envelope.conversation, []).append(envelope)
        passed: list[Envelope] = []
        dropped, postponed, places = 0, 0, dict[TurnKey, int]()
        for conversation, events in groups.items():
            bucket = self._bucket_of(conversation, len(events))
            group = Admitted(tuple(events))
            if bucket.counting:
                passed += [each for each in events if each.kind == MOVED]
                counted = [each for each in events if each.kind != MOVED]
                group = self._count(counted, bucket, settings, tell) if counted else Admitted(())
            passed += group.envelopes
            dropped += group.dropped
            postponed += group.postponed
            places |= group.places
        if postponed:
            self._give_back(passed, places)
            return Admitted((), postponed=len(envelopes))
        undo = partial(self._not_queued, passed, places)
        return Admitted(tuple(passed), dropped, places, undo=undo)

    def _not_queued(self, envelopes: Sequence[Envelope], places: Mapping[TurnKey, int]) -> None:
        """Give back the places, and drop nothing of the envelopes' conversations for a minute."""
        until = self._clock() + DOOR_FAILED_MS
        with self._lock:
            for envelope in envelopes:
                if bucket := self._buckets.get(envelope.conversation):
                    bucket.postponed_until = until
        self._give_back(envelopes, places)

    def _give_back(self, envelopes: Sequence[Envelope], places: Mapping[TurnKey, int]) -> None:
        counted: dict[str, list[Envelope]] = {}
        for envelope in envelopes:
            if places.get(envelope.key, PLACE_UNKNOWN) != PLACE_UNKNOWN:
                counted.setdefault(envelope.conversation, []).append(envelope)
        try:
            for conversation, events in counted.items():
                told = any(each.is_dropped for each in events)
                last = max(places[each.key] for each in events)
                self._room.give_back(conversation, last, len(events), told=told)
        except HistoryUnavailable as error:
            self._journal.warning("waiting_not_counted", reason=str(error))

    def _bucket_of(self, conversation: str, events: int) -> _Bucket:
        """The bucket of a conversation, with these events in it."""
        with self._lock:
            bucket = self._buckets.setdefault(conversation, _Bucket())
            self._buckets.move_to_end(conversation)
            if len(self._buckets) > DOOR_CONVERSATIONS:
                self._buckets.popitem(last=False)
            bucket.add(events, self._clock())
            return bucket

    def _count(
        self, events: Sequence[Envelope], bucket: _Bucket, settings: Settings, tell: bool
    ) -> Admitted:
        """Admit as many of one conversation's events as there are places for."""
        conversation, most = events[0].conversation, settings.max_waiting
        postpone = self._clock() < bucket.postponed_until
        if self._clock() < bucket.closed_until:
            return Admitted((), postponed=len(events)) if postpone else Admitted((), len(events))
        stale = settings.give_up_after + PLACES_STALE_S
        try:
            places = self._room.take(conversation, len(events), most, stale)
            passed = list(events[: places.granted])
            numbers = {each.key: places.first + number for number, each in enumerate(passed)}
            dropped = events[places.granted :]
            if dropped:
                bucket.closed_until = self._clock() + DOOR_CLOSED_MS
            if dropped and postpone:
                return Admitted(tuple(passed), 0, numbers, len(dropped))
            asking = next((each for each in dropped if each.asks), None)
            if (
                asking
                and tell
                and places.may_tell
                and (place := self._room.tell(conversation, most))
            ):
                told = asking.as_dropped()
                passed.append(told)
                numbers[told.key] = place
        except HistoryUnavailable as error:
            self._journal.warning("waiting_not_counted", reason=str(error))
            # What it has counted all the same is free again when these messages are finished.
            return Admitted(tuple(events), places={each.key: PLACE_UNKNOWN for each in events})
        return Admitted(tuple(passed), len(dropped), numbers)
