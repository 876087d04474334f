"""Measure cold starts: the init phase of a new process, as the runtime emulator reports it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from benchmarks.measured import Measured
from benchmarks.processes import Process
from benchmarks.rows import Row
from benchmarks.world import World, http_event

RUNS = 7


def rows(
    world: World, measured: Measured, tell: Callable[[str], None], runs: int = RUNS
) -> Iterator[Row]:
    """Yield the rows of init times: against the references, and against layers without bytecode.

    Puts the worker's init time into `measured`. `tell` is called with each step, for display.
    """
    starter = world.starter
    for name, event in _first_events(world).items():
        row = f"{name.removesuffix('Function').lower()}_init"
        all_times = []
        for run in range(-1, runs):  # the first brings every file into the page cache
            tell(f"{row} {run + 1}/{runs}" if run >= 0 else f"{row}, warming up")
            sides = [starter.ours(name), starter.reference(name), starter.ours(name, plain=True)]
            times = [0.0] * len(sides)
            for turn in range(len(sides)):  # rotated, so that no side always follows the same one
                side = (run + turn) % len(sides)
                times[side] = _init(sides[side], event)
            if run >= 0:
                all_times.append(times)
        init = Row.of(row, "ms", [(ours, bare) for ours, bare, _ in all_times])
        yield init
        pairs = [(ours, plain) for ours, _, plain in all_times]
        yield Row.of(f"{row}_vs_plain_build", "ms", pairs)
    measured.init_seconds = init.ours / 1000


def _first_events(world: World) -> dict[str, dict[str, Any]]:
    """Make an event for each function: the emulator starts it with its first invocation."""
    post = world.person("starter").telegram("Hello")
    return {"WebhookFunction": http_event(post), "WorkerFunction": {"Records": []}}


def _init(starting: AbstractContextManager[Process], event: dict[str, Any]) -> float:
    with starting as process:
        process.invoke(event)
        return process.init_ms()
