"""Input and output of a language model: prompt lines and completions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptLine:
    """One message of a prompt.

    `role` is "system", "user" or "assistant"; `pictures` are `data:` URLs.
    """

    role: str
    content: str
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer of a model.

    `cut` is True when it ended at the token limit, `stopped` when the person asked to stop it.
    """

    text: str
    model: str
    tokens_in: int = 0
    tokens_out: int = 0
    cut: bool = False
    stopped: bool = False
