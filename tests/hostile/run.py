"""Run inputs in processes: all that are to be run, in the same order whatever their number."""

from __future__ import annotations

import json
import multiprocessing
import queue
import signal
import time
from collections.abc import Callable, Iterator, MutableSequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Protocol

from tests.hostile import inputs
from tests.hostile.findings import Breach, Findings, Input

MOST_SECONDS = 30
"""Seconds of the processor for any input, seven times what the slowest took on a busy machine."""
MOST_SECONDS_OF_TIMES = 240
"""The same for one that is run several times to compare times."""
_STEP = 500
"""Inputs after which a process reports."""
_PATIENCE = 2
"""Seconds without a report after which is looked for processes that have died."""


class TooLong(BaseException):
    """An input kept the processor for too long. No handler of Exception stops it."""


@dataclass(frozen=True)
class Plan:
    """Which inputs to run: the first `count` of a seed, or only some of them."""

    seed: str
    count: int = 100_000
    jobs: int = 1
    only: tuple[int, ...] = ()

    @property
    def numbers(self) -> tuple[int, ...] | range:
        return self.only or range(self.count)


@dataclass
class Progress:
    """Of process `first`: how many inputs it has run since its last report, and what it found."""

    first: int
    done: int = 0
    findings: Findings = field(default_factory=Findings)
    ended: bool = False


class Reports(Protocol):
    """Where a process reports."""

    def put(self, progress: Progress) -> None: ...


def run(plan: Plan, tell: Callable[[int, Findings], None]) -> Findings:
    """Run the inputs; `tell` is called with the number of those that are done."""
    reports: multiprocessing.Queue[Progress] = multiprocessing.Queue()
    under_way = multiprocessing.Array("q", plan.jobs)
    processes = {
        first: multiprocessing.Process(
            target=work, args=(plan, first, reports, under_way), daemon=True
        )
        for first in range(plan.jobs)
    }
    for process in processes.values():
        process.start()
    found, done = Findings(), 0
    while processes:
        try:
            progress = reports.get(timeout=_PATIENCE)
        except queue.Empty:
            for first, process in list(processes.items()):
                if not process.is_alive():  # nor has it reported its end
                    one = inputs.make(plan.seed, under_way[first])
                    found.breaches.append(Breach(one, f"ends its process: {process.exitcode}"))
                    del processes[first]
                    tell(done, found)
            continue
        found.add(progress.findings)
        done += progress.done
        tell(done, found)
        if progress.ended:
            processes.pop(progress.first).join()
    return found


def work(plan: Plan, first: int, reports: Reports, under_way: MutableSequence[int]) -> None:
    """Run every so many-th input, as a process of `run` does."""
    progress = Progress(first)
    for number in plan.numbers[first :: plan.jobs]:
        under_way[first] = number
        one = inputs.make(plan.seed, number)
        breach = judged(one, progress.findings)
        if breach:
            progress.findings.breaches.append(breach)
        progress.done += 1
        if progress.done == _STEP:
            reports.put(progress)
            progress = Progress(first)
    progress.ended = True
    reports.put(progress)


def judged(one: Input, findings: Findings) -> Breach | None:
    """Judge an input; the bound that it passes, if any."""
    most = MOST_SECONDS_OF_TIMES if one.station == "time" else MOST_SECONDS
    try:
        with _limited(most):
            begun = time.thread_time()
            inputs.judge(one, findings)
            if one.station != "time":
                findings.measure("seconds in all", time.thread_time() - begun, one.station)
    except TooLong:
        return Breach(one, f"it keeps the processor for more than {most} s")
    except AssertionError as broken:
        return Breach(one, str(broken))
    except Exception as error:  # noqa: BLE001 - whatever is raised is what is looked for
        return Breach(one, f"raises {error!r}")
    return None


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise TooLong when the process has used the processor for so long."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def save(breach: Breach, folder: Path, seed: str) -> Path:
    """Write the input and the bound that it passed to a file, as JSON."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{seed}-{breach.input.number}.json"
    path.write_text(json.dumps({"bound": breach.bound, "seed": seed, **asdict(breach.input)}))
    return path
