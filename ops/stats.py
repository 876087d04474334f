"""Messages, answers, thumbs, time to the answer, tokens and cost, by day and channel.

Counted from the conversation table, which is read whole (a read unit for each 8 KB): no words.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chatbot.messages import TURN_PREFIX, Origin, State, TurnKey
from ops import target
from ops.target import Target

_ATTRIBUTES = "sk channel state origin rating opened_at tokens_in tokens_out".split()
_FAILED = {Origin.FALLBACK.value, Origin.FILTERED.value}


@dataclass
class Row:
    """One channel on one day (UTC). `seconds` run from the message to its answer's first post."""

    messages: int = 0
    delivered: int = 0
    failed: int = 0
    undeliverable: int = 0
    up: int = 0
    down: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, turn: dict[str, Any]) -> None:
        self.messages += 1
        self.delivered += turn.get("state") == State.DELIVERED.value
        self.undeliverable += turn.get("state") == State.UNDELIVERABLE.value
        self.failed += turn.get("origin") in _FAILED
        self.up += int(turn.get("rating", 0)) > 0
        self.down += int(turn.get("rating", 0)) < 0
        self.tokens_in += int(turn.get("tokens_in", 0))
        self.tokens_out += int(turn.get("tokens_out", 0))
        if turn.get("opened_at"):
            occurred = TurnKey("", turn["sk"]).occurred_at
            self.seconds.append((int(turn["opened_at"]) - occurred) / 1000)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=int, default=7, help="how far back (%(default)s)")
    for name, what in (("in", "prompt"), ("out", "answered")):
        parser.add_argument(
            f"--price-{name}", type=float, default=0, help=f"USD per million {what} tokens"
        )
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """The exit code; raises NoTarget."""
    stack = target.find(chosen)
    rows: dict[tuple[str, str], Row] = defaultdict(Row)
    try:
        for turn in _turns(stack, time.time() - chosen.days * 86400):
            occurred = TurnKey("", turn["sk"]).occurred_at / 1000
            day = datetime.fromtimestamp(occurred, UTC).strftime("%Y-%m-%d")
            rows[day, turn.get("channel", "?")].add(turn)
    except (BotoCoreError, ClientError) as error:
        print(f"table: {error}", file=sys.stderr)
        return 1
    print(
        f"{'day':<10}  {'channel':<10}{'messages':>9}{'delivered':>10}{'failed':>7}{'undeliv.':>9}"
        f"{'up':>6}{'down':>6}{'p50 s':>7}{'p95 s':>7}{'tokens in':>11}{'out':>9}{'USD':>9}"
    )
    for (day, channel), row in sorted(rows.items()):
        p50, p95 = (_share(row.seconds, percent) for percent in (50, 95))
        cost = (row.tokens_in * chosen.price_in + row.tokens_out * chosen.price_out) / 1e6
        print(
            f"{day:<10}  {channel:<10}{row.messages:>9}{row.delivered:>10}{row.failed:>7}"
            f"{row.undeliverable:>9}{row.up:>6}{row.down:>6}{p50:>7.1f}{p95:>7.1f}"
            f"{row.tokens_in:>11}{row.tokens_out:>9}{cost:>9.4f}"
        )
    return 0


def _turns(stack: Target, since: float) -> Iterator[dict[str, Any]]:
    """What is counted of each turn since then (epoch seconds)."""
    pages = (
        stack.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=target.name_of(stack, "TableName"),
            FilterExpression="sk BETWEEN :since AND :end",
            ExpressionAttributeValues={
                ":since": {"S": f"{TURN_PREFIX}{int(since * 1000):013d}"},
                ":end": {"S": f"{TURN_PREFIX}~"},
            },
            ProjectionExpression=", ".join(f"#{n}" for n in range(len(_ATTRIBUTES))),
            ExpressionAttributeNames={f"#{n}": name for n, name in enumerate(_ATTRIBUTES)},
        )
    )
    for page in pages:
        for item in page["Items"]:
            yield {name: next(iter(value.values())) for name, value in item.items()}


def _share(seconds: list[float], percent: int) -> float:
    if len(seconds) < 2:
        return sum(seconds)
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]
