"""How long a piece of work keeps a processor, on a machine that does other things as well."""

from __future__ import annotations

import time
from collections.abc import Callable


def processor_seconds(work: Callable[[], object], enough: float) -> float:
    """Least processor time of up to three runs, in seconds; the first below `enough` ends it.

    Time for which other programs have the processor does not count. But beside them a run may
    still take several times as long: caches and the units of a core are shared.
    """
    least = float("inf")
    for _ in range(3):
        begun = time.thread_time()
        work()
        least = min(least, time.thread_time() - begun)
        if least < enough:
            break
    return least
