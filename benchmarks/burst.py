"""Measure how long a few workers take to answer many people who write at the same time."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from benchmarks.rows import Row
from benchmarks.world import World, queue_arn, thinking
from chatbot.adapters.dynamodb.turns import Table
from chatbot.core.message import Envelope
from chatbot.core.ports import now_ms
from chatbot.core.work import Tries
from local.cloud.event_source import Poller
from local.cloud.rie import Rie
from local.cloud.runtime import Result

_PEOPLE, _WORKERS, _THINKING = 500, 5, 1.0
_IDEAL = _PEOPLE / (_WORKERS * 10) * _THINKING
_LONGEST = 120
_UNSEEN = 361.0
"""Seconds after which a message is received again that no worker has seen: the queue's timeout."""
_RETENTION_DAYS = 90


@dataclass(frozen=True)
class Past:
    """What happened to messages before: received `times` times in `seconds`.

    `noted` is whether they were handed back, which the table has a note of.
    """

    times: int = 0
    seconds: float = 0
    noted: bool = False


FRESH = Past()
THROTTLED = Past(1, _UNSEEN)
"""Each was received once, and no worker saw it."""
AFTER_OUTAGE = Past(6, 600, noted=True)
"""Each came back from six deliveries, because the model was away."""


def bursts(world: World, tell: Callable[[str], None], runs: int) -> Iterator[Row]:
    """Measure the time from when all messages are queued until all answers are posted.

    `burst`: the reference is the shortest possible: full batches one after another, with no time
    but the model's. `throttled_burst` and `burst_after_outage`: messages that were received before,
    against fresh ones.
    """
    fresh: list[float] = []
    throttled: list[float] = []
    returned: list[float] = []
    with ExitStack() as opening:
        idle: queue.SimpleQueue[Rie] = queue.SimpleQueue()
        for _ in range(_WORKERS):
            worker = opening.enter_context(world.starter.ours("WorkerFunction"))
            worker.invoke({"Records": []})
            idle.put(worker.rie)
        for run in range(runs):
            tell(f"bursts {run + 1}/{runs}")
            with thinking(world, _THINKING):
                fresh.append(_once(world, idle, FRESH))
                throttled.append(_once(world, idle, THROTTLED))
                returned.append(_once(world, idle, AFTER_OUTAGE))
    note = f"{_PEOPLE} people, {_WORKERS} workers"
    yield Row.of("burst", "s", [(each, _IDEAL) for each in fresh], note)
    yield Row.of("throttled_burst", "s", [*zip(throttled, fresh, strict=True)], note)
    yield Row.of("burst_after_outage", "s", [*zip(returned, fresh, strict=True)], note)


def _once(world: World, idle: queue.SimpleQueue[Rie], past: Past) -> float:
    def invoke(event: Mapping[str, Any]) -> Result:
        slot = idle.get()
        try:
            return slot.invoke(json.dumps(_with(past, event)))
        finally:
            idle.put(slot)

    stack = world.stack
    people = [world.person(f"burst {n}") for n in range(_PEOPLE)]
    envelopes = world.enqueue([person.telegram("Hello") for person in people])
    if past.noted:
        _note(world, envelopes)
    known = len(stack.telegram.accepted)
    url = stack.queue_url
    poller = Poller(stack.sqs, url, queue_arn(url), invoke, _WORKERS)
    began = time.time()
    poller.start()
    try:
        answers = stack.telegram.wait(_PEOPLE, "sendMessage", after=known, timeout=_LONGEST)
    finally:
        poller.stop()
    if len(answers) < _PEOPLE:
        raise RuntimeError(f"only {len(answers)} of {_PEOPLE} answers arrived")
    return max(answer.at for answer in answers) - began


def _note(world: World, envelopes: Sequence[Envelope]) -> None:
    """Note in the table that each message was handed back."""
    client, name = world.stack.aws.client("dynamodb"), world.stack.table.name
    history = Table(client, name, now_ms, _RETENTION_DAYS)
    for envelope in envelopes:
        history.note_try(envelope.key, None, Tries(-1, asked=6, since=now_ms()))


def _with(past: Past, event: Mapping[str, Any]) -> dict[str, Any]:
    """The event, as if its messages had that past."""
    changed = deepcopy(dict(event))
    if past.times:
        for record in changed["Records"]:
            attributes = record["attributes"]
            attributes["ApproximateReceiveCount"] = str(past.times + 1)
            first = now_ms() - round(past.seconds * 1000)
            attributes["ApproximateFirstReceiveTimestamp"] = str(first)
    return changed
