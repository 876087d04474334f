"""A clock that tests move."""

from __future__ import annotations

NOON = 1_795_262_400_000  # 2026-11-21 12:00 UTC


class FakeClock:
    """A clock in epoch milliseconds, moved only by `advance`, also known as `sleep`."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    sleep = advance
