"""Measure speed and cost against the reference programs: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import counts
from benchmarks.measured import Measured
from benchmarks.rows import TARGETS, Row, table, write

_PARTS = ["counts", "starts", "warm", "waits"]


def main() -> int:
    """Run the benchmarks that the command line chooses, or `cost`. Returns the exit code."""
    arguments = _arguments()
    if arguments.command == "cost":
        from benchmarks.cost import print_cost

        return print_cost(arguments)
    began = time.monotonic()
    measured = Measured()

    def tell(step: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {step}", file=sys.stderr, flush=True)

    if arguments.quick:
        rows = list(counts.rows(measured, tell))
        print(table(rows))
        return 0 if all(row.met for row in rows) else 1
    rows = sorted(_full(arguments, measured, tell), key=lambda row: [*TARGETS].index(row.name))
    print(table(rows))
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    print(f"{time.monotonic() - began:.0f} s; load average {load} on {os.cpu_count()} processors")
    if not arguments.only:
        write(rows)
        measured.save()
    return 0


def _full(
    arguments: argparse.Namespace, measured: Measured, tell: Callable[[str], None]
) -> Iterator[Row]:
    from benchmarks import starts, waits, warm
    from benchmarks.built import build
    from benchmarks.world import world

    chosen = arguments.only or _PARTS
    if "counts" in chosen:
        yield from counts.rows(measured, tell)
    if chosen == ["counts"]:
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        tell("sam build" if not arguments.build else "copying the build")
        built = build(Path(scratch), arguments.build)
        tell("starting AWS, platforms and model")
        with world(built) as here:
            if "starts" in chosen:
                yield from starts.rows(here, measured, tell, arguments.runs or starts.RUNS)
            if "warm" in chosen:
                yield from warm.rows(here, measured, tell, arguments.runs or warm.PAIRS)
            if "waits" in chosen:
                yield from waits.rows(here, tell, arguments.runs or waits.RUNS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.set_defaults(command="")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only counts, which are the same on every machine; exit code 1 for a missed target",
    )
    parser.add_argument("--only", nargs="+", choices=_PARTS, help="the parts to measure")
    parser.add_argument("--runs", type=int, help="measured pairs (ours, reference) in each part")
    parser.add_argument(
        "--build", type=Path, help="a folder made by `sam build`, such as .aws-sam/build"
    )
    commands = parser.add_subparsers(dest="command")
    cost = commands.add_parser("cost", help="estimate dollars per million messages")
    cost.add_argument("--messages", type=float, default=1e6, help="messages per month")
    cost.add_argument(
        "--model-seconds", type=float, default=4, help="seconds that the model takes per answer"
    )
    cost.add_argument("--worker-memory", type=int, help="MB (default: the template's)")
    cost.add_argument("--workers", type=int, help="WorkerConcurrency (default: the template's)")
    cost.add_argument(
        "--peak", type=float, default=1, help="traffic of busy hours as a multiple of the average"
    )
    cost.add_argument(
        "--table",
        action="store_true",
        help="also for 1 thousand, 100 thousand, 10 million and 100 million messages per month",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
