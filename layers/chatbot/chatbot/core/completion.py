"""What a model is shown, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptLine:
    """One line of what the model is shown; `role` is system, user or assistant.

    `pictures` are `data:` addresses.
    """

    role: str
    content: str
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. `cut` when it stopped at the token limit, `stopped` when told to."""

    text: str
    model: str
    tokens_in: int = 0
    tokens_out: int = 0
    cut: bool = False
    stopped: bool = False
