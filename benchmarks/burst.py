"""Measure how long a few workers take to answer many people who write at the same time."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from benchmarks.rows import Row
from benchmarks.world import World, queue_arn, thinking
from local.cloud.event_source import Poller
from local.cloud.rie import Rie
from local.cloud.runtime import Result

_PEOPLE, _WORKERS, _THINKING = 500, 5, 1.0
_IDEAL = _PEOPLE / (_WORKERS * 10) * _THINKING
_LONGEST = 120


def burst(world: World, tell: Callable[[str], None], runs: int) -> Row:
    """Measure the time from when all messages are queued until all answers are posted.

    The reference is the shortest possible: full batches one after another, with no time but the
    model's.
    """
    pairs = []
    with ExitStack() as opening:
        idle: queue.SimpleQueue[Rie] = queue.SimpleQueue()
        for _ in range(_WORKERS):
            worker = opening.enter_context(world.starter.ours("WorkerFunction"))
            worker.invoke({"Records": []})
            idle.put(worker.rie)

        def invoke(event: Mapping[str, Any]) -> Result:
            slot = idle.get()
            try:
                return slot.invoke(json.dumps(event))
            finally:
                idle.put(slot)

        for run in range(runs):
            tell(f"burst {run + 1}/{runs}")
            with thinking(world, _THINKING):
                pairs.append((_once(world, invoke), _IDEAL))
    note = f"{_PEOPLE} people, {_WORKERS} workers"
    return Row.of("burst", "s", pairs, note)


def _once(world: World, invoke: Callable[[Mapping[str, Any]], Result]) -> float:
    stack = world.stack
    world.enqueue([world.person(f"burst {n}").telegram("Hello") for n in range(_PEOPLE)])
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
