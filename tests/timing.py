"""How long a piece of work keeps a processor, on machines that are slow, or busy with other things.

The limits of tests are those of an idle machine without a debugger: a run is compared with a loop
that takes `_USUAL` there, since coverage's tracing, or other programs that share the processor's
caches and units, make both slower.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_USUAL = 0.02


def processor_seconds(work: Callable[[], object], enough: float) -> float:
    """Least processor time of up to three runs, in seconds; the first below `enough` ends it."""
    least = float("inf")
    for _ in range(3):
        slowness = max(1.0, seconds_once(_loop) / _USUAL)
        least = min(least, seconds_once(work) / slowness)
        if least < enough:
            break
    return least


def seconds_once(work: Callable[[], object]) -> float:
    """Processor time of one run, in seconds, as it is on this machine now."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def _loop() -> int:
    total = 0
    for number in range(300_000):
        total += number * number % 7
    return total
