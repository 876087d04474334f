"""The result of a fault case."""

from __future__ import annotations

from dataclasses import dataclass

from chatbot.core.completion import MOST_PAID, MOST_REQUESTS

PATIENCE = 50.0
"""Longest wait in seconds for what must happen."""


@dataclass(frozen=True)
class Finding:
    """Result of a case. `excepted` says why imperfect outcomes that occurred are allowed."""

    sent: int
    received: int
    model_calls: int
    fired: bool
    lost: bool = False
    doubled: bool = False
    reordered: bool = False
    paid_twice: bool = False
    stuck: bool = False
    most_paid: int = 0  # for one message
    most_requests: int = 0  # likewise
    excepted: tuple[str, ...] = ()
    seconds: float = 0
    late: float = 0  # seconds until the last of the neighbours had its answer
    note: str = ""
    story: str = ""  # of a case that went wrong: its calls, a line each

    @property
    def outcome(self) -> str:
        bad = [
            name.replace("_", " ")
            for name in ("lost", "doubled", "reordered", "paid_twice", "stuck")
            if getattr(self, name)
        ]
        if self.most_paid > MOST_PAID:
            bad.append(f"paid {self.most_paid} times")
        if self.most_requests > MOST_REQUESTS:
            bad.append(f"requested {self.most_requests} times")
        if not self.fired:
            bad.append("not fired")
        if bad:
            return ", ".join(bad)
        return "excepted: " + "; ".join(self.excepted) if self.excepted else "ok"

    @property
    def good(self) -> bool:
        return self.outcome == "ok" or self.outcome.startswith("excepted")
