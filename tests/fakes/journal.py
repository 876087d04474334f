"""What is logged and counted, in lists."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class FakeJournal:
    infos: list[tuple[str, dict[str, str | float]]] = field(default_factory=list)
    warnings: list[tuple[str, dict[str, str | float]]] = field(default_factory=list)
    metrics: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def info(self, name: str, **facts: str | float) -> None:
        with self._lock:
            self.infos.append((name, facts))

    def warning(self, name: str, **facts: str | float) -> None:
        with self._lock:
            self.warnings.append((name, facts))

    def count(self, metric: str, value: float = 1, *, channel: str) -> None:
        with self._lock:
            self.metrics[metric, channel] += value  # type: ignore[assignment]

    def counted(self, metric: str) -> float:
        """Return the metric's sum over all channels."""
        return sum(value for (name, _), value in self.metrics.items() if name == metric)
