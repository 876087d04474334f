"""Dollars per million messages, from what a run of the bench measured and the prices' table."""

from __future__ import annotations

import argparse
import heapq
import math
import random
from dataclasses import dataclass, replace
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from benchmarks import prices
from benchmarks.limits import Load
from benchmarks.measured import Measured
from local.cloud.template import ROOT

MONTH = 30 * 86400  # seconds
_WHOLE_PROCESSOR = 1769  # MB (Lambda guide, "Configure memory")
_STAYS_WARM = 600  # seconds that an idle function is kept, as observed
_POLLS = 5 / 20  # a second of an idle mapping: five pollers, each asks for 20 s
_RETENTION_MONTHS = 3
_METRICS = 25  # that a stack with three channels writes
_BATCH = 10
_SIMULATED = 100_000


@dataclass(frozen=True)
class Case:
    """A month's traffic. Waits: `aws_wait` for a call to AWS, `post_wait` for one to a platform."""

    messages: float
    model_seconds: float
    worker_memory: int
    workers: int
    webhook_memory: int
    route_rate: int
    alarms: int
    peak: float = 1
    aws_wait: float = 0.006
    post_wait: float = 0.1
    one_by_one: bool = False

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / MONTH * self.peak

    def worker_seconds(self, measured: Measured, fill: float) -> float:
        """Of one invocation: the waits overlap, the processor's work adds up."""
        share = min(1, self.worker_memory / _WHOLE_PROCESSOR)
        waits = 3 * self.aws_wait + self.post_wait  # query, put, update; the lease is beside them
        return self.model_seconds + waits + fill * measured.worker_cpu_ms / 1000 / share

    def webhook_seconds(self, measured: Measured) -> float:
        share = min(1, self.webhook_memory / _WHOLE_PROCESSOR)
        return self.aws_wait + measured.webhook_cpu_ms / 1000 / share


@dataclass(frozen=True)
class Cost:
    """`lines` are dollars a million messages. `fill` of a batch; `waited`: seconds in the queue."""

    case: Case
    fill: float
    waited: float
    seconds: float
    lines: dict[str, float]
    load: Load

    @property
    def total(self) -> float:
        return sum(self.lines.values())


def cost(case: Case, measured: Measured) -> Cost:
    fill, waited = (1.0, 0.0) if case.one_by_one else simulate(case, measured)
    seconds = case.worker_seconds(measured, fill)
    month = case.messages / 1e6  # millions
    cold = math.exp(-case.messages / MONTH * _STAYS_WARM)
    billed = (seconds + cold * measured.init_seconds) / fill * case.worker_memory / 1024
    webhook = case.webhook_seconds(measured) + cold * measured.init_seconds / 2
    billed += webhook * case.webhook_memory / 1024
    queue = measured.send_calls + (measured.queue_calls + 2) / fill
    polls = max(0, _POLLS - case.rate / fill) * MONTH / case.messages  # that find nothing
    stored = measured.item_bytes * _RETENTION_MONTHS / 1e3  # GB-months a million messages
    logged = (measured.webhook_log_bytes + measured.worker_log_bytes) / 1e3
    lines = {
        "API": prices.API_MILLION,
        "functions": billed * 1e6 * prices.LAMBDA_GB_SECOND
        + (1 + 1 / fill) * prices.LAMBDA_MILLION,
        "queue": (queue + polls) * prices.SQS_MILLION,
        "table": measured.write_units * prices.WRITE_MILLION
        + measured.read_units * prices.READ_MILLION
        + stored * prices.STORED_GB_MONTH,
        "logs": logged * (prices.LOGS_GB + prices.LOGS_GB_MONTH),
        "sent": measured.sent_bytes / 1e3 * prices.SENT_GB,
        "metrics": (_METRICS * prices.METRIC_MONTH + case.alarms * prices.ALARM_MONTH) / month,
    }
    load = Load(
        rate=case.rate,
        fill=fill,
        seconds=seconds,
        full_batch_seconds=case.worker_seconds(measured, _BATCH),
        workers=case.workers,
        route_rate=case.route_rate,
        write_units=measured.write_units,
    )
    return Cost(case, fill, waited, seconds, lines, load)


def simulate(case: Case, measured: Measured) -> tuple[float, float]:
    """Mean fill of a batch, and mean seconds a message waits for a worker.

    People write at random times; a worker that is free takes what waits, up to ten messages. More
    than the workers can take fills every batch, and the wait grows for ever: infinity.
    """
    full = case.worker_seconds(measured, _BATCH)
    if case.rate * full >= _BATCH * case.workers:
        return _BATCH, math.inf
    random_times = random.Random(7)  # noqa: S311
    arrivals, now = [], 0.0
    for _ in range(_SIMULATED):
        now += random_times.expovariate(case.rate)
        arrivals.append(now)
    free = [0.0] * case.workers
    taken = invocations = 0
    waited = 0.0
    while taken < len(arrivals):
        start = max(heapq.heappop(free), arrivals[taken])
        size = 1
        while size < _BATCH and taken + size < len(arrivals) and arrivals[taken + size] <= start:
            size += 1
        waited += sum(start - arrival for arrival in arrivals[taken : taken + size])
        heapq.heappush(free, start + case.worker_seconds(measured, size))
        taken += size
        invocations += 1
    return taken / invocations, waited / taken


def print_cost(arguments: argparse.Namespace) -> int:
    try:
        measured = Measured.load()
    except FileNotFoundError:
        print("measure first: make bench")
        return 1
    case = _case(arguments)
    print(
        f"prices of {prices.DATE}, us-east-1, without free tiers and without the model's own bill"
    )
    cases = [case]
    if arguments.table:
        volumes = (replace(case, messages=messages) for messages in (1e3, 1e5, 1e7, 1e8))
        cases = [_enough_workers(each, measured) for each in volumes]
    for each in cases:
        _print(cost(each, measured), cost(replace(each, one_by_one=True), measured))
    return 0


def _enough_workers(case: Case, measured: Measured) -> Case:
    """With as many as the traffic needs, a fifth to spare, where the template's are too few."""
    needed = case.rate * case.worker_seconds(measured, _BATCH) / _BATCH / 0.8
    return replace(case, workers=max(case.workers, math.ceil(needed)))


def _print(ours: Cost, single: Cost) -> None:
    case = ours.case
    traffic = f"{case.messages:,.0f} messages a month ({case.rate:.3g}/s)"
    workers = f"{case.workers} workers of {case.worker_memory} MB"
    print(f"\n{traffic}, model {case.model_seconds:g} s, {workers}")
    print(f"  {'$ per million':22}{'ours':>9}{'one by one':>12}")
    for name, dollars in ours.lines.items():
        print(f"  {name:22}{dollars:9.2f}{single.lines[name]:12.2f}")
    print(f"  {'total':22}{ours.total:9.2f}{single.total:12.2f}")
    month = case.messages / 1e6
    print(f"  {'$ a month':22}{ours.total * month:9.2f}{single.total * month:12.2f}")
    limit, share = next(iter(ours.load.used().items()))
    print(
        f"  {ours.fill:.1f} messages a batch, {ours.seconds:.1f} s an invocation, "
        f"{ours.waited:.1f} s in the queue; first limit: {limit}, {share:.0%} used"
    )


def _case(arguments: argparse.Namespace) -> Case:
    template = yaml_parse((ROOT / "template.yaml").read_text())

    def default(name: str) -> Any:
        return template["Parameters"][name]["Default"]

    kinds = [resource["Type"] for resource in template["Resources"].values()]
    return Case(
        messages=arguments.messages,
        model_seconds=arguments.model_seconds,
        worker_memory=arguments.worker_memory or default("WorkerMemory"),
        workers=arguments.workers or default("WorkerConcurrency"),
        webhook_memory=default("WebhookMemory"),
        route_rate=default("RequestsPerSecond"),
        alarms=kinds.count("AWS::CloudWatch::Alarm"),
        peak=arguments.peak,
    )
