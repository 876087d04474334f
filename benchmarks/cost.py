"""Estimate dollars per million messages from measured figures and AWS list prices."""

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
_STAYS_WARM = 600  # seconds that Lambda keeps an idle function, as observed
_POLLS = 5 / 20  # per second, of an idle event source mapping: five pollers, long polls of 20 s
_RETENTION_MONTHS = 3
_METRICS = 25  # custom metrics of a stack with three channels
_BATCH = 10
_SIMULATED = 100_000


@dataclass(frozen=True)
class Case:
    """A month's traffic and the stack that serves it.

    `messages` is per month, memory in MB. `model_seconds` is the model's time for an answer,
    `aws_wait` that of a call to AWS, `post_wait` that of a call to a platform, in seconds. `peak`
    is the traffic of busy hours as a multiple of the average. With `one_by_one` each invocation
    gets one message only.
    """

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
        """Messages per second."""
        return self.messages / MONTH * self.peak

    def worker_seconds(self, measured: Measured, fill: float) -> float:
        """Seconds of an invocation with `fill` messages: waits overlap, processor time adds up."""
        share = min(1, self.worker_memory / _WHOLE_PROCESSOR)
        # Query, put and update; the lease is taken at the same time as the query.
        waits = 3 * self.aws_wait + self.post_wait
        return self.model_seconds + waits + fill * measured.worker_cpu_ms / 1000 / share

    def webhook_seconds(self, measured: Measured) -> float:
        """Seconds of an invocation of the webhook with one message."""
        share = min(1, self.webhook_memory / _WHOLE_PROCESSOR)
        return self.aws_wait + measured.webhook_cpu_ms / 1000 / share


@dataclass(frozen=True)
class Cost:
    """Estimated cost of a case.

    `lines` are dollars per million messages, by service. `fill` is the mean number of messages in
    a batch, `waited` a message's mean seconds in the queue, `seconds` those of an invocation.
    """

    case: Case
    fill: float
    waited: float
    seconds: float
    lines: dict[str, float]
    load: Load

    @property
    def total(self) -> float:
        """Dollars per million messages."""
        return sum(self.lines.values())


def cost(case: Case, measured: Measured) -> Cost:
    """Estimate what the case costs, without free tiers and without the model's own price."""
    fill, waited = (1.0, 0.0) if case.one_by_one else simulate(case, measured)
    seconds = case.worker_seconds(measured, fill)
    month = case.messages / 1e6  # millions
    cold = math.exp(-case.messages / MONTH * _STAYS_WARM)
    billed = (seconds + cold * measured.init_seconds) / fill * case.worker_memory / 1024
    webhook = case.webhook_seconds(measured) + cold * measured.init_seconds / 2
    billed += webhook * case.webhook_memory / 1024
    queue = measured.send_calls + (measured.queue_calls + 2) / fill
    polls = max(0, _POLLS - case.rate / fill) * MONTH / case.messages  # empty receives, per message
    stored = measured.item_bytes * _RETENTION_MONTHS / 1e3  # GB-months per million messages
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
    """Simulate the queue. Returns a batch's mean size and a message's mean wait in seconds.

    Messages arrive at random times (a Poisson process); a free worker takes those that wait, up to
    ten. Where more arrive than the workers can answer, every batch is full and the wait infinite.
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
    """Run `python -m benchmarks cost`. Returns the exit code."""
    try:
        measured = Measured.load()
    except FileNotFoundError:
        print("no measured figures: run make bench first")
        return 1
    case = _case(arguments)
    print(f"prices of {prices.DATE}, us-east-1, without free tiers and without the model's price")
    cases = [case]
    if arguments.table:
        volumes = (replace(case, messages=messages) for messages in (1e3, 1e5, 1e7, 1e8))
        cases = [_enough_workers(each, measured) for each in volumes]
    for each in cases:
        _print(cost(each, measured), cost(replace(each, one_by_one=True), measured))
    return 0


def _enough_workers(case: Case, measured: Measured) -> Case:
    """Raise the number of workers, where it is too small, to 80 % use at this traffic."""
    needed = case.rate * case.worker_seconds(measured, _BATCH) / _BATCH / 0.8
    return replace(case, workers=max(case.workers, math.ceil(needed)))


def _print(ours: Cost, single: Cost) -> None:
    case = ours.case
    traffic = f"{case.messages:,.0f} messages per month ({case.rate:.3g}/s)"
    workers = f"{case.workers} workers of {case.worker_memory} MB"
    print(f"\n{traffic}, model {case.model_seconds:g} s, {workers}")
    print(f"  {'$ per million':22}{'ours':>9}{'one by one':>12}")
    for name, dollars in ours.lines.items():
        print(f"  {name:22}{dollars:9.2f}{single.lines[name]:12.2f}")
    print(f"  {'total':22}{ours.total:9.2f}{single.total:12.2f}")
    month = case.messages / 1e6
    print(f"  {'$ per month':22}{ours.total * month:9.2f}{single.total * month:12.2f}")
    limit, share = next(iter(ours.load.used().items()))
    print(
        f"  {ours.fill:.1f} messages per batch, {ours.seconds:.1f} s per invocation, "
        f"{ours.waited:.1f} s in the queue; nearest limit: {limit}, {share:.0%} used"
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
