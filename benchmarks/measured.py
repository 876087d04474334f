"""Figures that the cost model takes from a run of the benchmarks, kept in `measured.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

KEPT = Path(__file__).with_name("measured.json")


@dataclass
class Measured:
    """Figures of one Telegram text in a conversation with a full history window, functions warm.

    Processor times are those of a whole processor; logs include the lines that Lambda itself adds.
    """

    webhook_cpu_ms: float = 0
    worker_cpu_ms: float = 0
    webhook_log_bytes: float = 0
    worker_log_bytes: float = 0
    init_seconds: float = 0  # of a worker
    sent_bytes: float = 0  # to model and platform
    send_calls: float = 0
    queue_calls: float = 0  # of the worker, without Lambda's own receive and delete
    write_units: float = 0
    read_units: float = 0
    item_bytes: float = 0  # stored in the table

    def save(self, path: Path = KEPT) -> None:
        """Write the figures, rounded, as JSON."""
        rounded = {name: round(value, 3) for name, value in asdict(self).items()}
        path.write_text(json.dumps(rounded, indent=2) + "\n")

    @classmethod
    def load(cls, path: Path = KEPT) -> Measured:
        """Read the figures of the last run. Raises FileNotFoundError when there was none."""
        return cls(**json.loads(path.read_text()))
