"""What was found in a run: the worst of each measure, and how often something happened."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Input:
    """A hostile input. `data` is what it consists of, as JSON has it; `station` is what gets it."""

    number: int
    station: str
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Worst:
    """The largest value of a measure, what it was, and of which input."""

    value: float
    what: str
    number: int
    kind: str


@dataclass(frozen=True)
class Breach:
    """An input that passed a bound, and which."""

    input: Input
    bound: str


@dataclass
class Findings:
    """Of one process, or of all. `input` is the one that is under way.

    `kinds` has how many inputs there were of each station and kind.
    """

    worst: dict[str, Worst] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    breaches: list[Breach] = field(default_factory=list)
    input: Input = field(default_factory=lambda: Input(0, "", "", {}))

    def begin(self, one: Input) -> None:
        """Count an input, to which everything belongs that is found from now on."""
        self.input = one
        self.kinds[one.station, one.kind] += 1

    def measure(self, name: str, value: float, what: str = "") -> None:
        """Keep the value if it is the largest of its name so far."""
        known = self.worst.get(name)
        if value > (known.value if known else -math.inf):
            self.worst[name] = Worst(value, what, self.input.number, self.input.kind)

    def add(self, other: Findings) -> None:
        """Add what another process has found."""
        for name, worst in other.worst.items():
            known = self.worst.get(name)
            # Of equal ones the first counts, so that the order of the processes does not matter.
            if known is None or (worst.value, -worst.number) > (known.value, -known.number):
                self.worst[name] = worst
        self.counts += other.counts
        self.kinds += other.kinds
        self.breaches += other.breaches
