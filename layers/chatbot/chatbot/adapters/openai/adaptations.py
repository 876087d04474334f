"""What this process has learned about models: what they refuse, and how they think."""

from __future__ import annotations

import threading

from chatbot.core.ports import Journal

SETTINGS = {
    "stream": "STREAMING=off",
    "max_completion_tokens": "MAX_TOKENS_PARAMETER=max_tokens",
    "max_tokens": "MAX_TOKENS_PARAMETER=max_completion_tokens",
    "temperature": "TEMPERATURE",
    "top_p": "TOP_P",
    "reasoning_effort": "REASONING_EFFORT",
    "image": "MODEL_INPUTS=text,audio",
    "images": "vLLM's --limit-mm-per-prompt",
    "audio": "TRANSCRIBE_MODEL=off",
    "drawing": "IMAGE_MODEL=off",
}
"""The setting that says for good what a server refuses; for others it is OMITTED_PARAMETERS."""

UNOPENED = "thinks without an opening tag"


class Adaptations:
    """Remembers facts about models by name for the life of the process; safe between threads.

    A fact is the name of a parameter or of a kind of input that the model refuses ("temperature",
    "system", "stream", "image", "images" for more than one, "audio"), "drawing" for a model that
    draws no pictures, or UNOPENED: how the model thinks, which its answers show.
    """

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._facts: dict[str, frozenset[str]] = {}
        self._limits: dict[str, int] = {}

    def of(self, model: str) -> frozenset[str]:
        """What is known about the model."""
        return self._facts.get(model, frozenset())

    def refuses(self, model: str, name: str) -> None:
        """Remember that the model refuses a parameter or a kind of input; logs it once."""
        if self._add(model, name) and self._journal:
            setting = SETTINGS.get(name, f"OMITTED_PARAMETERS={name}")
            self._journal.warning("parameter_refused", model=model, parameter=name, setting=setting)

    def limit_of(self, model: str, most: int) -> int:
        """The most tokens of an answer to ask for: `most`, or what the model can write."""
        return min(most, self._limits.get(model, most))

    def limits(self, model: str, most: int) -> None:
        """Remember the most tokens that the model can write; logs it."""
        with self._lock:
            self._limits[model] = most
        if self._journal:
            setting = f"MAX_TOKENS={most}"
            self._journal.warning(
                "parameter_refused", model=model, parameter="max_tokens", setting=setting
            )

    def thinks_unopened(self, model: str) -> None:
        """Remember that the model's text begins with thinking that no tag opens."""
        self._add(model, UNOPENED)

    def _add(self, model: str, fact: str) -> bool:
        with self._lock:
            known = self.of(model)
            self._facts[model] = known | {fact}
            return fact not in known
