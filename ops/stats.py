"""Count messages, answers, ratings, response times, tokens and cost, by day and channel.

The whole conversation table is scanned for that, which costs a read unit for each 8 KB (eventually
consistent reads). Texts are not read.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chatbot.core.key import TURN_PREFIX, TurnKey
from chatbot.core.turn import Origin, State
from ops import target
from ops.printing import complain, say
from ops.target import Target

_ATTRIBUTES = "sk channel state origin rating opened_at tokens_in tokens_out".split()
_HEAD = "day,channel,messages,delivered,failed,undeliv.,up,down,p50 s,p95 s,tokens in,out,USD"
_LINE = "{:<10} {:<10} {:>8} {:>9} {:>6} {:>8} {:>5} {:>5} {:>6} {:>6} {:>10} {:>9} {:>10}"
_FAILED = {Origin.FALLBACK.value, Origin.FILTERED.value}


@dataclass
class Row:
    """Figures of one channel on one day (UTC).

    `seconds` holds each turn's response time: from the message to the first post of its answer.
    """

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
        """Count a turn, given as stored attributes by name."""
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
    """Add the command's options."""
    parser.add_argument("--days", type=int, default=7, help="days to look back (%(default)s)")
    for name, what in (("in", "prompt"), ("out", "answer")):
        parser.add_argument(
            f"--price-{name}", type=float, default=0, help=f"USD per million {what} tokens"
        )
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run the command. Returns the exit code; raises NoTarget."""
    stack = target.find(chosen)
    rows: dict[tuple[str, str], Row] = defaultdict(Row)
    try:
        for turn in _turns(stack, time.time() - chosen.days * 86400):
            occurred = TurnKey("", turn["sk"]).occurred_at / 1000
            day = datetime.fromtimestamp(occurred, UTC).strftime("%Y-%m-%d")
            rows[day, turn.get("channel", "?")].add(turn)
    except (BotoCoreError, ClientError) as error:
        complain(f"table: {error}")
        return 1
    say(_LINE.format(*_HEAD.split(",")))
    for (day, channel), row in sorted(rows.items()):
        cost = (row.tokens_in * chosen.price_in + row.tokens_out * chosen.price_out) / 1e6
        p50, p95 = (f"{_share(row.seconds, percent):.1f}" for percent in (50, 95))
        counts = (row.messages, row.delivered, row.failed, row.undeliverable, row.up, row.down)
        tokens = (row.tokens_in, row.tokens_out)
        say(_LINE.format(day, channel, *counts, p50, p95, *tokens, f"{cost:.4f}"))
    return 0


def _turns(stack: Target, since: float) -> Iterator[dict[str, Any]]:
    """Yield the counted attributes of each turn since `since` (epoch seconds)."""
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
