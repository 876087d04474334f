"""Run hundreds of conversations at once while every dependency fails at random.

Run it as `python -m tests.storm`. The seed determines the messages, repeated deliveries and faults,
but not how threads interleave.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from contextlib import ExitStack, redirect_stdout
from typing import TextIO

from tests.storm.run import Memory, Plan, Report, storm

GROWTH = 1.25
"""Most that a worker's memory may grow from the first quarter to the end: more counts as a leak."""
_LEAST_FOR_MEMORY = 1000  # messages, before which a process still imports and fills its caches
_SHOWN = 20


def main() -> int:
    plan, log_path = _arguments()
    with ExitStack() as closing:
        terminal = sys.stdout

        def say(line: str) -> None:
            print(line, file=terminal, flush=True)

        log = _log(log_path, closing)
        plan = Plan(**{**vars(plan), "lines": lambda line: print(line, file=log)})
        # Functions that run in this process log to its standard output.
        closing.enter_context(redirect_stdout(log))
        say(f"seed {plan.seed}")
        report = storm(plan, say)
        for line in lines(report):
            say(line)
    grown = leaks(report)
    return 0 if report.good and not grown else 1


def _log(path: str, closing: ExitStack) -> TextIO:
    return closing.enter_context(open(path or os.devnull, "w", buffering=1))


def leaks(report: Report) -> bool:
    """Whether the oldest worker's memory grew too much."""
    memory = report.memory
    if report.plan.runtime != "rie" or report.due < _LEAST_FOR_MEMORY or len(memory) < 4:
        return False
    return memory[-1].oldest > GROWTH * memory[0].oldest


def lines(report: Report) -> list[str]:
    verdict, plan = report.verdict, report.plan
    said = [
        f"{plan.conversations} conversations × {plan.messages} messages, {plan.runtime},"
        f" {plan.workers} workers, {plan.faults:.0%} faults, seed {plan.seed}",
        f"messages: {report.sent} sent of {report.due}, {verdict.answered} answered,"
        f" {verdict.fallbacks} of them by the fallback; {report.requests} webhook calls,"
        f" {report.refused} refused with 4xx, {report.repeated} records queued again",
        f"faults: {report.faults} failed requests, {report.kills} processes killed,"
        f" {report.dead_invocations} invocations crashed",
        f"allowed repetitions: {verdict.told_again} answers posted again (Telegram),"
        f" {verdict.asked_again} prompts sent again",
        f"throughput: {report.sent / report.seconds:.1f} messages/s over {report.seconds:.0f} s",
        f"latency: {_latency(verdict.latencies)}",
        f"memory: {', '.join(map(_memory, report.memory))}" + (" – GROWS" * leaks(report)),
        "violations: " + ", ".join(f"{rule} {len(of)}" for rule, of in verdict.violations.items()),
    ]
    for rule, events in verdict.violations.items():
        said += [f"{rule}: {conversation} {event}" for conversation, event in events[:_SHOWN]]
    return [*said, "passed" if report.good else "FAILED"]


def _latency(seconds: list[float]) -> str:
    if not seconds:
        return "no answer at all"
    last = len(seconds) - 1
    parts = [f"p{part} {seconds[last * part // 100]:.2f} s" for part in (50, 90, 99)]
    return ", ".join([*parts, f"max {seconds[-1]:.2f} s"])


def _memory(memory: Memory) -> str:
    oldest, largest = memory.oldest / 1e6, memory.largest / 1e6
    return f"{memory.part:.0%} {oldest:.0f} MB (largest {largest:.0f})"


def _arguments() -> tuple[Plan, str]:
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="default: random")
    parser.add_argument(
        "--conversations", type=int, default=Plan.conversations, help="default %(default)s"
    )
    parser.add_argument(
        "--messages",
        type=int,
        default=Plan.messages,
        help="in each conversation (default %(default)s)",
    )
    parser.add_argument(
        "--faults",
        type=float,
        default=Plan.faults,
        help="share of requests that fail (default %(default)s)",
    )
    parser.add_argument(
        "--runtime",
        choices=("rie", "inprocess"),
        default=Plan.runtime,
        help="run the functions in processes or in this one (default %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=Plan.workers,
        help="concurrent worker invocations (default %(default)s)",
    )
    parser.add_argument(
        "--kills", action="store_true", help="also kill processes; needs --runtime rie"
    )
    parser.add_argument(
        "--under-way",
        type=int,
        default=Plan.under_way,
        help="queued messages above which people wait before writing more (default %(default)s)",
    )
    parser.add_argument(
        "--log", default="", metavar="FILE", help="write the functions' logs to FILE"
    )
    given = vars(parser.parse_args())
    log = given.pop("log")
    if given["kills"] and given["runtime"] != "rie":
        parser.error("--kills needs --runtime rie")
    return Plan(**given), log


if __name__ == "__main__":
    sys.exit(main())
