"""Compute which limit given traffic reaches first, as in the table of docs/performance.md."""

from __future__ import annotations

from dataclasses import dataclass

# Quotas that AWS and the platforms publish; those of an AWS account can be raised on request.
LAMBDA_CONCURRENCY = 1000
SQS_IN_FLIGHT = 120_000
TABLE_WRITES = 4000  # write units per second that a new on-demand table accepts at once
TELEGRAM_MESSAGES = 30  # per second
MESSENGER_MESSAGES = 300  # per second


@dataclass(frozen=True)
class Load:
    """Traffic, and the stack's limits that it is compared with.

    `rate` is messages per second, `fill` messages per batch, `seconds` the duration of an
    invocation, `full_batch_seconds` that of one with ten messages.
    """

    rate: float
    fill: float
    seconds: float
    full_batch_seconds: float
    workers: int  # WorkerConcurrency
    route_rate: int  # RequestsPerSecond
    write_units: float  # per message

    def used(self) -> dict[str, float]:
        """Return the share of each limit that the load uses, highest first; over 1 is too much."""
        capacity = 10 * self.workers / self.full_batch_seconds
        shares = {
            "RequestsPerSecond (template)": self.rate / self.route_rate,
            "WorkerConcurrency (template)": self.rate / capacity,
            "Lambda concurrency": self.rate * self.seconds / self.fill / LAMBDA_CONCURRENCY,
            "SQS messages in flight": self.rate * self.seconds / SQS_IN_FLIGHT,
            "DynamoDB writes": self.rate * self.write_units / TABLE_WRITES,
            "Telegram, 30 messages/s": self.rate / TELEGRAM_MESSAGES,
            "Messenger, 300 messages/s": self.rate / MESSENGER_MESSAGES,
        }
        return dict(sorted(shares.items(), key=lambda item: -item[1]))
