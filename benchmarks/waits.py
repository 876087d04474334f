"""Measure how long people wait, and what waiting costs, with a model of realistic speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from benchmarks.burst import bursts
from benchmarks.overhead import answer_overhead
from benchmarks.processes import Process
from benchmarks.rows import Row
from benchmarks.world import World, http_event, take, thinking

RUNS = 3
_TOGETHER = 10  # messages in a full batch
_SHARED_SECONDS = 2.0  # of the model, for an answer
_FIRST_TOKEN = 1.0  # seconds until the model's first token
_TOKEN = 0.03  # seconds for each further token
_TOKENS = 100


def rows(world: World, tell: Callable[[str], None], runs: int = RUNS) -> Iterator[Row]:
    """Yield the rows of waiting times. `tell` is called with each step, for display."""
    tell("starting webhook and worker")
    with (
        world.starter.ours("WebhookFunction") as webhook,
        world.starter.ours("WorkerFunction") as worker,
    ):
        webhook.invoke(http_event(world.person("warm").telegram("Hello")))
        take(world, worker)
        yield from _shared(world, worker, tell, runs)
        yield _first_text(world, webhook, worker, tell, runs)
        yield answer_overhead(world, webhook, worker, tell, runs)
    yield from bursts(world, tell, runs)


def _shared(world: World, worker: Process, tell: Callable[[str], None], runs: int) -> Iterator[Row]:
    """Compare an invocation for ten conversations with one for a single conversation."""
    pairs = []
    for run in range(-1, runs):  # the first opens the connections of ten threads
        tell(f"shared_wait {run + 1}/{runs}" if run >= 0 else "shared_wait, warming up")
        with thinking(world, _SHARED_SECONDS if run >= 0 else 0):
            many, one = (_invocation(world, worker, size) for size in (_TOGETHER, 1))
        if run >= 0:
            pairs.append((many, one))
    yield Row.of("shared_wait", "s", pairs)
    size = world.worker_memory / 1024
    billed = [(many * size / _TOGETHER, one * size) for many, one in pairs]
    yield Row.of("billed_per_message", "GB-s", billed)


def _invocation(world: World, worker: Process, size: int) -> float:
    posts = [world.person(f"shared {n}").telegram("How are you?") for n in range(size)]
    event = world.batch(*posts)
    began = time.monotonic()
    worker.invoke(event)
    seconds = time.monotonic() - began
    world.done(event)
    return seconds


def _first_text(
    world: World, webhook: Process, worker: Process, tell: Callable[[str], None], runs: int
) -> Row:
    """Measure the time from the request to the first words shown: a draft or the message."""
    telegram, pairs = world.stack.telegram, []
    for run in range(runs):
        tell(f"first_text {run + 1}/{runs}")
        known = len(telegram.accepted)
        with thinking(world, _FIRST_TOKEN, _TOKEN):
            began = time.time()
            post = world.person("first").telegram(f"Tell me [[length:{_TOKENS}]]")
            webhook.invoke(http_event(post))
            take(world, worker)
        shown = [call.at for call in telegram.accepted[known:] if call.params.get("text")]
        pairs.append((min(shown) - began, _FIRST_TOKEN))
    whole = _FIRST_TOKEN + _TOKEN * _TOKENS
    return Row.of("first_text", "s", pairs, f"the whole answer is complete after {whole:g} s")
