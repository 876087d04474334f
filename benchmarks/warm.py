"""Measure a message's cost in warm functions: processor time, peak memory, bytes billed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from benchmarks.measured import Measured
from benchmarks.processes import Process
from benchmarks.rows import Row
from benchmarks.world import World, http_event

PAIRS = 8
_EVENTS = 40  # for each side of a pair
_PEOPLE = 5
_SIZED = 10
_numbers = count()


def rows(
    world: World, measured: Measured, tell: Callable[[str], None], pairs: int = PAIRS
) -> Iterator[Row]:
    """Yield the rows of warm functions; put the figures for the cost model into `measured`.

    `tell` is called with each step, for display.
    """
    kept = {}
    with (
        world.starter.ours("WebhookFunction") as webhook,
        world.starter.reference("WebhookFunction") as bare_webhook,
        world.starter.ours("WorkerFunction") as worker,
        world.starter.reference("WorkerFunction") as bare_worker,
    ):
        for name, ours, bare, next_event in (
            ("webhook_warm", webhook, bare_webhook, _webhook_event),
            ("worker_warm", worker, bare_worker, _worker_event),
        ):
            row = _warm(world, name, ours, bare, next_event, tell, pairs)
            kept[name] = row.ours
            yield row
        _keep_sizes(world, measured, webhook, worker)
        peaks = [
            (webhook.peak_mb(), bare_webhook.peak_mb()),
            (worker.peak_mb(), bare_worker.peak_mb()),
        ]
    measured.webhook_cpu_ms, measured.worker_cpu_ms = kept["webhook_warm"], kept["worker_warm"]
    (one, bare_one), (two, bare_two) = peaks
    note = f"webhook {one:.0f} / {bare_one:.0f}, worker {two:.0f} / {bare_two:.0f}"
    yield Row.of("memory", "MB", [(one + two, bare_one + bare_two)], note)


def _warm(
    world: World,
    name: str,
    ours: Process,
    bare: Process,
    next_event: Callable[[World], dict[str, Any]],
    tell: Callable[[str], None],
    pairs: int,
) -> Row:
    measured = []
    for process in (ours, bare):
        _invoke(world, process, next_event(world))
    for pair in range(-1, pairs):  # the first gives every conversation a history
        tell(f"{name} {pair + 1}/{pairs}" if pair >= 0 else f"{name}, warming up")
        times = tuple(_cpu(world, process, next_event) for process in (ours, bare))
        if pair >= 0:
            measured.append(times)
    return Row.of(name, "ms CPU", [(one, other) for one, other in measured])


def _cpu(world: World, process: Process, next_event: Callable[[World], dict[str, Any]]) -> float:
    """Return the milliseconds of processor time per event."""
    spent = 0.0
    for _ in range(_EVENTS):
        event = next_event(world)
        before = process.cpu_ms()
        _invoke(world, process, event)
        spent += process.cpu_ms() - before
    return spent / _EVENTS


def _invoke(world: World, process: Process, event: dict[str, Any]) -> None:
    """Invoke, then delete the messages concerned from the queue."""
    process.invoke(event)
    world.done(event if "Records" in event else world.receive())


def _webhook_event(world: World) -> dict[str, Any]:
    number = next(_numbers)
    # Each from another person: who writes so often is counted by the table.
    person = world.person(f"warm webhook {number}")
    post = person.messenger("How are you?") if number % 2 else person.telegram("How are you?")
    return http_event(post)


def _worker_event(world: World) -> dict[str, Any]:
    person = world.person(f"warm {next(_numbers) % _PEOPLE}")
    return world.batch(person.telegram("How are you?"))


def _keep_sizes(world: World, measured: Measured, webhook: Process, worker: Process) -> None:
    """Measure the bytes that both functions log, and those that the worker sends to others."""
    person = world.person("warm 0")
    logs = webhook.log_bytes(), worker.log_bytes()
    newest = world.stack.recorder.last
    for _ in range(_SIZED):
        webhook.invoke(http_event(person.telegram("How are you?")))
        event = world.receive()
        worker.invoke(event)
        world.done(event)
    records = world.stack.recorder.after(newest)
    measured.webhook_log_bytes = (webhook.log_bytes() - logs[0]) / _SIZED
    measured.worker_log_bytes = (worker.log_bytes() - logs[1]) / _SIZED
    measured.sent_bytes = sum(record.request_bytes for record in records) / _SIZED
