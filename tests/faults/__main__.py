"""Run the fault cases, every boundary × fault × channel: `python -m tests.faults`.

A boundary is a call between the functions and a server. Each case makes that call fail in one way,
in a conversation with the real functions, and checks that every message is answered once.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from contextlib import redirect_stdout
from fnmatch import fnmatchcase
from pathlib import Path

from tests.faults import report
from tests.faults.cases import Case, every
from tests.faults.finding import Finding
from tests.faults.matrix import run_all


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        metavar="PATTERN",
        help="run the cases whose name (channel/boundary/fault) contains PATTERN, which may hold * "
        "and ? as in file names; can be repeated",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the cases and exit")
    parser.add_argument(
        "--jobs", type=int, default=10, help="cases that run at the same time (default 10)"
    )
    parser.add_argument(
        "--runtime",
        choices=("rie", "inprocess"),
        default="rie",
        help="run the functions in processes, which cases can kill, or in this one (default rie)",
    )
    parser.add_argument(
        "--report",
        type=Path,
        default=Path("faults-report.json"),
        help="file for the results (default faults-report.json)",
    )
    options = parser.parse_args()
    chosen = choose(options.only, options.runtime)
    if options.list:
        print("\n".join(case.name for case in chosen))
        return 0
    if not chosen:
        print("no case has such a name: see --list", file=sys.stderr)
        return 2
    began, done = time.monotonic(), 0
    terminal = sys.stdout

    def told(case: Case, finding: Finding) -> None:
        nonlocal done
        done += 1
        print(report.line(done, len(chosen), case, finding), file=terminal, flush=True)

    # It warns that it could not send its own usage metrics.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # the functions' logs
        findings = run_all(chosen, options.runtime, options.jobs, told)
    report.write(findings, options.runtime, options.report)
    print("\n" + report.text(findings, time.monotonic() - began))
    return 0 if all(finding.good for finding in findings.values()) else 1


def choose(patterns: list[str] | None, runtime: str) -> list[Case]:
    able = [case for case in every() if runtime == "rie" or not case.needs_processes]
    names = {case.name for case in able}
    return [
        case
        for case in able
        if not patterns
        or any(
            case.name == pattern
            or (pattern not in names and fnmatchcase(case.name, f"*{pattern}*"))
            for pattern in patterns
        )
    ]


if __name__ == "__main__":
    sys.exit(main())
