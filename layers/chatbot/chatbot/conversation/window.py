"""Select the earlier turns of a prompt so that one prompt begins like the one before it.

Model servers keep what they computed for the beginning of a prompt, for some minutes, and charge
less for it (OpenAI guide, "Prompt caching": "cache hits are only possible for exact prefix
matches"). If the oldest turn were dropped at every message, no two prompts would begin alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatbot.core.key import TurnKey
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Turn

Cost = Callable[[Turn], int]
"""The estimated tokens of a turn."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the earlier turns: `oldest` in milliseconds since the epoch, `tokens` estimated."""

    turns: int
    oldest: int
    tokens: float


def window(timeline: Timeline, before: TurnKey, limits: Limits, cost: Cost) -> list[Turn]:
    """The earlier turns for the prompt of the message at `before`, newest first.

    They begin where those of the prompt before began, until a limit is reached: then the older half
    of them is dropped. Where the prompt before is not known, they are as many as the limits allow.
    """
    within = list(timeline.remembered(before, limits.oldest, limits.turns))
    start = timeline.prompt_start(before)
    if not start:
        return _newest(within, limits.tokens, cost)
    everything = timeline.remembered(before, 0, len(timeline.turns))
    whole = [turn for turn in everything if turn.key.sort >= start]
    # With commands in between, the turns that were read may end before the limit is reached.
    known = timeline.reaches(TurnKey(before.conversation, start))
    if known and len(whole) <= len(within) and sum(map(cost, whole)) <= limits.tokens:
        return whole
    half = (min(len(whole), limits.turns) + 1) // 2
    kept = _newest(within[:half], limits.tokens / 2, cost)
    return kept or _newest(within[:1], limits.tokens, cost)


def _newest(turns: Sequence[Turn], tokens: float, cost: Cost) -> list[Turn]:
    """The newest of `turns` that have at most `tokens` together."""
    for count, turn in enumerate(turns):
        tokens -= cost(turn)
        if tokens < 0:
            return list(turns[:count])
    return list(turns)
