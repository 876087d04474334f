"""Run cases at the same time: most share a stack, others need one of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from local.cloud.invoker import Runtime
from local.stack import Stack
from tests.faults import cases
from tests.faults.answers import SETTINGS
from tests.faults.cases import Case
from tests.faults.finding import Finding
from tests.faults.run import PICTURE_SECONDS, VISIBILITY, WORKER_SECONDS, run, running

NEIGHBOUR_SECONDS = 20
"""Timeout of the worker where one conversation kills it: each death costs as much, and a lease."""
NEIGHBOUR_WORKERS = 12
"""Workers of which some are frozen at the same time, and all suspects find one."""

ALONE_STACKS = 3
Told = Callable[[Case, Finding], None]

PICTURE_SETTINGS = {"IMAGE_TIMEOUT": "3s"}
OUTAGE_SETTINGS = {
    "GIVE_UP_AFTER": "4s",
    "MODEL_TIMEOUT": "2s",
    "RETRY_DELAY_MAX": "500ms",
    # No post fails here by design. These cases run while other stacks start, and a machine that
    # stalls for a shorter time would let a post look like one that Telegram may not have taken.
    "POST_TIMEOUT": "8s",
}


def run_all(chosen: Sequence[Case], runtime: Runtime, jobs: int, told: Told) -> dict[Case, Finding]:
    """Run the cases. `told` is called with each finding when it is known, one at a time."""
    outages = [case for case in chosen if case.fault == cases.OUTAGE]
    pictures = [case for case in chosen if case.draws]
    answers = [case for case in chosen if case.at == cases.ANSWER and not case.alone]
    neighbours = [case for case in chosen if case.at == cases.NEIGHBOUR]
    apart = {*outages, *pictures, *answers, *neighbours}
    others = [case for case in chosen if case not in apart]
    alone = [case for case in others if case.alone]
    shared = [case for case in others if not case.alone]
    few = max(1, jobs // 2)
    findings: dict[Case, Finding] = {}
    lock = threading.Lock()

    def tell(case: Case, finding: Finding) -> None:
        with lock:
            findings[case] = finding
            told(case, finding)

    queue: SimpleQueue[Case] = SimpleQueue()
    for case in alone:
        queue.put(case)
    # Only one stack with functions in this process can run at a time.
    stacks = ALONE_STACKS + 4 if runtime == "rie" else 1
    with ThreadPoolExecutor(stacks) as pool:
        groups = [
            pool.submit(_one_by_one, runtime, queue, tell)
            for _ in range(min(ALONE_STACKS, stacks, len(alone)))
        ]
        if shared:
            mixed = _in_turns(shared)
            groups.append(pool.submit(_share, runtime, mixed, jobs, tell, WORKER_SECONDS))
        if outages:
            groups.append(
                pool.submit(_share, runtime, outages, 3, tell, WORKER_SECONDS, **OUTAGE_SETTINGS)
            )
        if answers:
            groups.append(
                pool.submit(_share, runtime, answers, few, tell, WORKER_SECONDS, **SETTINGS)
            )
        if neighbours:
            groups.append(pool.submit(_with_neighbours, runtime, neighbours, tell))
        if pictures:
            mixed = _in_turns(pictures)
            groups.append(
                pool.submit(_share, runtime, mixed, few, tell, PICTURE_SECONDS, **PICTURE_SETTINGS)
            )
        for group in groups:
            group.result()
    return findings


def _share(
    runtime: Runtime,
    chosen: Sequence[Case],
    jobs: int,
    tell: Told,
    seconds: int,
    **settings: str,
) -> None:
    """Run cases on one stack, `jobs` at a time; those that must be alone on it come last."""
    with running(runtime, min(jobs, len(chosen)) + 2, seconds, VISIBILITY, **settings) as stack:
        with ThreadPoolExecutor(jobs) as pool:
            together = [case for case in chosen if not case.alone]
            for done in [pool.submit(_run, case, stack, tell) for case in together]:
                done.result()
        for case in chosen:
            if case.alone:
                _run(case, stack, tell)


def _with_neighbours(runtime: Runtime, chosen: Sequence[Case], tell: Told) -> None:
    """Run cases on a stack whose queue hides for six times the timeout, as the template's does."""
    seconds = NEIGHBOUR_SECONDS
    with (
        running(runtime, NEIGHBOUR_WORKERS, seconds, visibility=5 * seconds) as stack,
        ThreadPoolExecutor(3) as pool,
    ):
        for done in [pool.submit(_run, case, stack, tell) for case in chosen]:
            done.result()


def _one_by_one(runtime: Runtime, queue: SimpleQueue[Case], tell: Told) -> None:
    with running(runtime, 1) as stack:
        while True:
            try:
                case = queue.get_nowait()
            except Empty:
                return
            _run(case, stack, tell)


def _run(case: Case, stack: Stack, tell: Told) -> None:
    try:
        finding = run(case, stack)
    except Exception as error:  # noqa: BLE001 - an error in one case must not end the others
        note = f"{type(error).__name__}: {error}"
        finding = Finding(0, 0, 0, fired=False, stuck=True, note=note)
    tell(case, finding)


def _in_turns(chosen: Iterable[Case]) -> list[Case]:
    """Mix cases that mostly wait with those that compute, so that the processors stay busy."""
    slow = [case for case in chosen if case.fault in cases.DEATHS]
    quick = [case for case in chosen if case.fault not in cases.DEATHS]
    share = max(1, len(quick) // max(1, len(slow)))
    mixed: list[Case] = []
    while slow or quick:
        mixed += slow[:1] + quick[:share]
        slow, quick = slow[1:], quick[share:]
    return mixed
