"""Rows of the report: our figure, the reference's, their ratio, and whether it meets the target."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

REPORT = Path(__file__).with_name("report.json")

TARGETS = {
    "webhook_init": 1.25,
    "worker_init": 1.15,
    "webhook_init_vs_plain_build": 0.5,
    "worker_init_vs_plain_build": 0.5,
    "webhook_warm": 1.3,
    "worker_warm": 1.4,
    "aws_calls": 1.0,
    "history_growth": 1.0,
    "flood_calls": 0.2,
    "shared_wait": 1.3,
    "billed_per_message": 0.15,
    "first_text": 1.3,
    "answer_overhead": 0.35,
    "page_weight": 1.0,
    "burst": 2.0,
    "throttled_burst": 2.0,
    "burst_after_outage": 2.0,
    "memory": 1.2,
}
"""The highest ratio allowed for each row, in the order of the table."""


@dataclass(frozen=True)
class Row:
    """One row. `ours` and `reference` are medians, `ratio` is the median of the pairs' ratios."""

    name: str
    unit: str
    ours: float
    reference: float
    ratio: float
    runs: int
    note: str = ""

    @classmethod
    def of(cls, name: str, unit: str, pairs: Sequence[tuple[float, float]], note: str = "") -> Row:
        """Make a row from pairs measured side by side: our figure, the reference's."""
        ours, references = zip(*pairs, strict=True)
        ratio = median(one / other for one, other in pairs)
        return cls(name, unit, median(ours), median(references), ratio, len(pairs), note)

    @property
    def target(self) -> float:
        """The highest ratio allowed."""
        return TARGETS[self.name]

    @property
    def met(self) -> bool:
        """Whether the ratio is within the target."""
        return round(self.ratio, 3) <= self.target


def table(rows: Iterable[Row]) -> str:
    """Format rows as a table for a terminal."""
    lines = [f"{'':29}{'ours':>9} {'reference':>10} {'':7}{'ratio':>6} {'target':>7}  runs"]
    for row in rows:
        verdict = "met   " if row.met else "MISSED"
        lines.append(
            f"{row.name:29}{row.ours:9.4g} {row.reference:10.4g} {row.unit:7}{row.ratio:6.2f} "
            f"{row.target:7.2f}  {row.runs:4}  {verdict}  {row.note}".rstrip()
        )
    return "\n".join(lines)


def write(rows: Iterable[Row], path: Path = REPORT) -> None:
    """Write rows as JSON, by name."""
    report = {
        row.name: {
            "ours": round(row.ours, 4),
            "reference": round(row.reference, 4),
            "ratio": round(row.ratio, 3),
            "target": row.target,
            "met": row.met,
            "unit": row.unit,
            "runs": row.runs,
        }
        for row in rows
    }
    path.write_text(json.dumps(report, indent=2) + "\n")
