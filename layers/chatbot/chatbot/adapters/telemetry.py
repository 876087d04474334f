"""Logs and metrics as JSON lines on standard output, where CloudWatch takes them (ports.Journal).

Metrics are in the embedded metric format (CloudWatch guide, “Embedded metric format”).
"""

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
"""Default CloudWatch namespace of the metrics."""

# urllib3's warnings contain the whole URL, which contains Telegram's token: errors only.
_LOG_LEVELS = {
    **dict.fromkeys(("openai", "httpx2", "httpcore2", "botocore", "boto3"), logging.WARNING),
    "urllib3": logging.ERROR,
}
_RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Telemetry:
    """Journal of one Lambda function.

    Threads may log and count; `begin` and `flush` are for the main thread. Facts are given with
    each line and not appended to the logger's keys, which all threads share.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._logger = _logger_of(service)
        self._namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE
        self._lock = threading.Lock()
        self._values: dict[str, dict[str, list[float]]] = {}
        self._cold = True
        for name, level in _LOG_LEVELS.items():
            logging.getLogger(name).setLevel(level)

    def begin(self, context: Any) -> None:
        """Start an invocation: add its request id to every line and count a cold start.

        `context` is Lambda's context object.
        """
        self._logger.append_keys(request_id=getattr(context, "aws_request_id", ""))
        if self._cold:
            self._cold = False
            self.count("ColdStart", channel="")

    def info(self, name: str, **facts: str | float) -> None:
        """Log an event as a JSON line (ports.Journal)."""
        self._logger.info(name, extra=_renamed(facts), stacklevel=3)

    def warning(self, name: str, **facts: str | float) -> None:
        """Log an event at the level WARNING (ports.Journal)."""
        self._logger.warning(name, extra=_renamed(facts), stacklevel=3)

    def crash(self, error: BaseException) -> None:
        """Log an unexpected error by type and place: its text may contain what people wrote."""
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        where = " < ".join(
            f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in reversed(frames)
        )
        facts = {"error": type(error).__name__, "where": where}
        self._logger.error("crash", extra=facts, stacklevel=3)

    def count(self, metric: str, value: float = 1, *, channel: str) -> None:
        """Keep a value of a metric until `flush` (ports.Journal).

        The unit is seconds if the name ends with "Seconds", else a count.
        """
        with self._lock:
            self._values.setdefault(channel, defaultdict(list))[metric].append(value)

    def flush(self) -> None:
        """Write all counted values, with the service and the channel as dimensions."""
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
    """One logger for each service: a second Logger of the same name would get no handler."""
    return Logger(service=service, logger_handler=_StandardOutput())


def _renamed(facts: dict[str, str | float]) -> dict[str, str | float]:
    """Append "_" to names that `logging` refuses: attributes of its own records."""
    return {f"{name}_" if name in _RESERVED else name: fact for name, fact in facts.items()}


class _StandardOutput(logging.StreamHandler[TextIO]):
    """Handler that looks `sys.stdout` up for each line: the local stack and tests replace it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stdout
