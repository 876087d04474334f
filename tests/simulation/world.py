"""Batches, leases, throttling and killers in simulated time: who waits how long for whose death.

A FIFO queue in which each message is a conversation of its own, a number of workers, and a rule
that says what a worker does with a batch (`rules.py`). No code of the product runs here but the
functions that the rule uses.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

LIMIT = 60.0
"""Seconds of an invocation."""
LEASE = 82.0
"""Seconds for which records stay hidden when their worker dies: LIMIT + SETTLE + 2."""
VISIBILITY = 360.0
"""Seconds for which they stay hidden when no worker saw them: 6 × LIMIT."""
BATCH = 10
FALLBACK_SECONDS = 0.5
AWAY_SECONDS = 4.0
"""Seconds until an attempt gives a model up that is away."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
NEEDED = 17.0
"""Seconds that must be left to begin a message (`attempt.time_needed`)."""


@dataclass(eq=False)
class Message:
    """A message, what the queue and the table know of it, and what became of it.

    `kills` is when it ends its worker, in seconds after it began; `hogs` is whether nobody else in
    the process gets anything done meanwhile. `begun`, `died`, `alone` and `handed_back` are what a
    rule has noted; a `died` of None is no entry. `tried` is when it was first begun.
    """

    number: int
    sent: float
    seconds: float = 6.0
    kills: float | None = None
    hogs: bool = False
    receives: int = 0
    first_received: float = 0
    visible: float = 0
    begun: int = 0
    died: int | None = None
    alone: int = 0
    handed_back: int = 0
    ended: float | None = None
    fallback: bool = False
    hurt: int = 0
    tried: float | None = None

    @property
    def waited(self) -> float:
        """Seconds until the answer."""
        assert self.ended is not None
        return self.ended - self.sent


@dataclass
class Plan:
    """What a worker does with a batch: some at once, side by side, then perhaps one alone.

    `pause` is for how many seconds one of those that are returned stays hidden.
    """

    together: list[Message]
    returned: list[Message] = field(default_factory=list)
    last: Message | None = None
    pause: Callable[[Message], float] = lambda message: 0


class Rule(Protocol):
    """How deaths are counted, and what that means for a batch."""

    def plan(self, batch: Sequence[Message], now: float) -> Plan:
        """Decide about a batch, and note what is to be noted of those that are returned."""

    def begin(self, message: Message, alone: bool) -> bool:
        """Count a delivery before it acts; whether it gets the fallback."""

    def hand_back(self, message: Message, alone: bool) -> None:
        """Note that a delivery ends on purpose."""


class World:
    """The queue and its workers. `model_away` until that time; `throttled` while that holds."""

    def __init__(
        self,
        rule: Rule,
        workers: int = 10,
        seed: int = 1,
        throttled: Callable[[float], bool] = lambda now: False,
        model_away: float = 0,
    ) -> None:
        self.messages: list[Message] = []
        self.now = 0.0
        self._rule, self._idle = rule, workers
        self._throttled, self._model_away = throttled, model_away
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0

    def send(self, at: float = 0, **more: float | bool | None) -> Message:
        message = Message(len(self.messages), at, visible=at, **more)  # type: ignore[arg-type]
        self.messages.append(message)
        self._at(at, self._poll)
        return message

    def run(self, until: float = 7200) -> None:
        """Run until nothing happens any more."""
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()

    def _at(self, when: float, event: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._events, (when, self._serial, event))

    def _poll(self) -> None:
        """Give batches to idle workers; the oldest messages come first, more or less."""
        while self._idle:
            ready = [m for m in self.messages if m.ended is None and m.visible <= self.now]
            if not ready:
                return
            batch = sorted(ready, key=lambda m: m.sent + self._random.random())[:BATCH]
            for message in batch:
                message.receives += 1
                message.first_received = message.first_received or self.now or 1e-9
                self._hide(message, VISIBILITY)
            if not self._throttled(self.now):
                self._idle -= 1
                self._invoke(batch)

    def _hide(self, message: Message, seconds: float) -> None:
        message.visible = self.now + seconds
        self._at(message.visible, self._poll)

    def _invoke(self, batch: Sequence[Message]) -> None:
        start, plan = self.now, self._rule.plan(batch, self.now)
        for message in batch:
            self._hide(message, plan.pause(message) if message in plan.returned else LEASE)
        ends = self._run(plan.together, start, alone=len(plan.together) == 1 and not plan.last)
        if ends is None:
            return
        if plan.last is None:
            self._at(ends, self._free)
        elif ends - start > LIMIT - NEEDED:
            self._at(ends, lambda: self._return(plan.last))
            self._at(ends, self._free)
        else:
            last = plan.last
            self._at(ends, lambda: self._run_last(last, start))

    def _run_last(self, message: Message, start: float) -> None:
        ends = self._run([message], start, alone=True)
        if ends is not None:
            self._at(ends, self._free)

    def _run(self, messages: Sequence[Message], start: float, alone: bool) -> float | None:
        """Run messages side by side from now on. Returns when they end, None if the worker dies."""
        began, deadline, death = self.now, start + LIMIT, None
        ends: dict[int, float] = {}
        kinds: dict[int, str] = {}
        for message in messages:
            message.tried = began if message.tried is None else message.tried
            fallback = self._rule.begin(message, alone)
            away = began < self._model_away
            kinds[message.number] = "fallback" if fallback else "away" if away else "answered"
            length = {"fallback": FALLBACK_SECONDS, "away": AWAY_SECONDS}
            ends[message.number] = began + length.get(kinds[message.number], message.seconds)
            if message.kills is not None and kinds[message.number] == "answered":
                dies = deadline if message.hogs else began + message.kills
                death = min(dies, death or dies)
                ends[message.number] = began + message.kills if message.hogs else dies
        stuck = min((ends[m.number] for m in messages if m.hogs and death), default=None)
        over = death if stuck is None else min(stuck, death or stuck)
        for message in messages:
            end = ends[message.number]
            lost = over is not None and (end >= over)
            if lost:
                message.hurt += message.kills is None
            elif kinds[message.number] == "away":
                self._at(end, lambda message=message: self._away(message, alone))  # type: ignore[misc]
            else:
                fallback = kinds[message.number] == "fallback"
                self._at(end, lambda m=message, f=fallback: self._end(m, f))  # type: ignore[misc]
        if death is not None:
            self._at(death, self._free)
            return None
        return max(ends.values(), default=began)

    def _end(self, message: Message, fallback: bool) -> None:
        message.ended, message.fallback = self.now, fallback

    def _away(self, message: Message, alone: bool) -> None:
        self._rule.hand_back(message, alone)
        doubled = FIRST_PAUSE * 2.0 ** min(message.receives - 1, 16)
        tried = FIRST_PAUSE + self.now - (message.tried or 0)
        self._hide(message, min(LONGEST_PAUSE, doubled, tried))

    def _return(self, message: Message | None) -> None:
        if message:
            self._rule.hand_back(message, alone=True)
            self._hide(message, 0)

    def _free(self) -> None:
        self._idle += 1
        self._poll()
