"""Logs and metrics: JSON lines on standard output, as CloudWatch reads them (ports.Journal)."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections import defaultdict
from functools import cache
from typing import Any, TextIO

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

NAMESPACE = "Chatbot"

# urllib3 warns with the whole address, which holds Telegram's token: errors only.
_LEVELS = {
    "urllib3": logging.ERROR,
    "openai": logging.WARNING,
    "httpx2": logging.WARNING,
    "httpcore2": logging.WARNING,
    "botocore": logging.WARNING,
    "boto3": logging.WARNING,
}
_TAKEN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Telemetry:
    """The journal of one function. Threads may write; `begin` and `flush` are the main thread's.

    Facts go with each line, never into the logger's own keys, which threads would mix.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._logger = _logger_of(service)
        self._namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE
        self._lock = threading.Lock()
        self._values: dict[str, dict[str, list[float]]] = {}
        self._cold = True
        for name, level in _LEVELS.items():
            logging.getLogger(name).setLevel(level)

    def begin(self, context: Any) -> None:
        """Start of an invocation: its request id on every line, and whether it was a cold start."""
        self._logger.append_keys(request_id=getattr(context, "aws_request_id", ""))
        if self._cold:
            self._cold = False
            self.count("ColdStart", channel="")

    def info(self, name: str, **facts: str | float) -> None:
        self._logger.info(name, extra=_free(facts), stacklevel=3)

    def warning(self, name: str, **facts: str | float) -> None:
        self._logger.warning(name, extra=_free(facts), stacklevel=3)

    def crash(self, error: BaseException) -> None:
        """Log an unforeseen error by its type and place: its text may hold people's words."""
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        where = " < ".join(
            f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in reversed(frames)
        )
        facts = {"error": type(error).__name__, "where": where}
        self._logger.error("crash", extra=facts, stacklevel=3)

    def count(self, metric: str, value: float = 1, *, channel: str) -> None:
        """Add to `metric`; its unit is seconds when its name ends so, else a count."""
        with self._lock:
            self._values.setdefault(channel, defaultdict(list))[metric].append(value)

    def flush(self) -> None:
        """Write what was counted, by channel, with the service and the channel as dimensions."""
        with self._lock:
            values, self._values = self._values, {}
        for channel, metrics in values.items():
            emf = AmazonCloudWatchEMFProvider(
                namespace=self._namespace,
                service=self._service,
                dimension_set={"channel": channel} if channel else {},
            )
            for metric, numbers in metrics.items():
                unit = MetricUnit.Seconds if metric.endswith("Seconds") else MetricUnit.Count
                for number in numbers:
                    emf.add_metric(metric, unit, number)
            if emf.metric_set:
                emf.flush_metrics()


@cache
def _logger_of(service: str) -> Logger:
    """One for each service: a second Logger of the same name would never get its handler."""
    return Logger(service=service, logger_handler=_StandardOutput())


def _free(facts: dict[str, str | float]) -> dict[str, str | float]:
    """`logging` raises on a fact that is named like an attribute of its records."""
    return {f"{name}_" if name in _TAKEN else name: fact for name, fact in facts.items()}


class _StandardOutput(logging.StreamHandler[TextIO]):
    """Writes where `sys.stdout` points at that moment: the local stack and tests turn it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stdout
