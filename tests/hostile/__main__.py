"""Give generated hostile inputs to doors, converters, splitter and page, and compare with bounds.

Run it as `python -m tests.hostile`. The seed determines every input. The exit code is 1 where a
bound was passed; such inputs are written to `hostile-inputs/`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.findings import Breach, Findings
from tests.hostile.run import Plan, run, save

FOLDER = Path("hostile-inputs")
_EACH = 5_000
"""Inputs after which progress is printed."""
_SHOWN = 20
"""Breaches that are printed and saved."""


def main() -> int:
    plan = _arguments()
    count = len(plan.numbers)
    print(f"seed {plan.seed}: {count} inputs, {plan.jobs} processes", flush=True)
    begun, told, shown = time.monotonic(), 0, 0

    def tell(done: int, found: Findings) -> None:
        nonlocal told, shown
        for breach in found.breaches[shown:_SHOWN]:
            print(_line(breach, save(breach, FOLDER, plan.seed)), flush=True)
        shown = len(found.breaches)
        if done // _EACH > told:
            told = done // _EACH
            bad = len(found.breaches)
            print(f"{done} inputs, {time.monotonic() - begun:.0f} s, {bad} breaches", flush=True)

    found = run(plan, tell)
    for line in lines(found):
        print(line)
    seconds = time.monotonic() - begun
    print(f"{count} inputs in {seconds:.0f} s, {len(found.breaches)} passed a bound")
    return 1 if found.breaches else 0


def _line(breach: Breach, path: Path) -> str:
    one = breach.input
    return f"BREACH {breach.bound[:300]}: input {one.number} ({one.station}, {one.kind}): {path}"


def lines(found: Findings) -> Iterator[str]:
    """What a run prints at its end: inputs by kind, what happened, the worst of each measure."""
    for station in sorted({station for station, _ in found.kinds}):
        kinds = {kind: n for (other, kind), n in found.kinds.items() if other == station}
        each = ", ".join(f"{kind} {kinds[kind]:,}" for kind in sorted(kinds))
        yield f"{sum(kinds.values()):>8,} inputs for {station}: {each}"
    for name, times in sorted(found.counts.items()):
        yield f"{times:>8,} {name}"
    for name, worst in sorted(found.worst.items()):
        of = f"input {worst.number}, {worst.kind}"
        yield f"worst {name}: {worst.value:,.3g} ({worst.what}; {of})".replace("(; ", "(")


def _arguments() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", type=int, nargs="*", default=[], help="numbers of inputs")
    given = parser.parse_args()
    return Plan(given.seed, given.inputs, given.jobs, tuple(given.only))


if __name__ == "__main__":
    sys.exit(main())
