"""Which limit traffic reaches first: the table of docs/performance.md, as arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

# Quotas as AWS and the platforms name them; those of an account can be raised on request.
LAMBDA_CONCURRENCY = 1000
SQS_IN_FLIGHT = 120_000
TABLE_WRITES = 4000  # units a second that a new on-demand table takes at once
TELEGRAM_MESSAGES = 30
MESSENGER_MESSAGES = 300


@dataclass(frozen=True)
class Load:
    """`rate` is messages a second, `fill` of a batch, `seconds` of an invocation."""

    rate: float
    fill: float
    seconds: float
    full_batch_seconds: float
    workers: int  # WorkerConcurrency
    route_rate: int  # RequestsPerSecond
    write_units: float  # of a message

    def used(self) -> dict[str, float]:
        """Share of each limit that the load takes, the fullest first; over 1 it does not fit."""
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
