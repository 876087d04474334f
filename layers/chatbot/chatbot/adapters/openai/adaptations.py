"""What this process has learned about models: what they refuse, and how they think."""

from __future__ import annotations

import re
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
# Models whose chat templates open the tag themselves, by their names (DeepSeek R1, QwQ, Qwen3 …
# Thinking). Of any other model this is learned from its first answer.
_THINKS_BY_NAME = re.compile(r"\b(?:r1|qwq|think(?:ing|er)?|reason(?:er|ing)?)\b")


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
        self._thinks_openly: set[str] = set()
        self._limits: dict[str, int] = {}

    def of(self, model: str) -> frozenset[str]:
        """What is known about the model."""
        by_name = {UNOPENED} if _THINKS_BY_NAME.search(model.lower()) else ()
        return self._facts.get(model, frozenset(by_name))

    def refuses(self, model: str, name: str) -> None:
        """Remember that the model refuses a parameter or a kind of input; logs it once."""
        if self._add(model, name) and self._journal:
            setting = SETTINGS.get(name, f"OMITTED_PARAMETERS={name}")
            self._journal.warning("parameter_refused", model=model, parameter=name, setting=setting)

    def notice_thinking(self, model: str, *, unopened: bool) -> None:
        """Remember whether the text of a whole answer began with thinking that no tag opened.

        A single answer that does not is enough to know that no template opens the tag: otherwise
        one person's answer about such tags would hold back those of all others.
        """
        with self._lock:
            if not unopened:
                self._thinks_openly.add(model)
                self._facts[model] = self.of(model) - {UNOPENED}
            elif model not in self._thinks_openly:
                self._facts[model] = self.of(model) | {UNOPENED}

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

    def _add(self, model: str, fact: str) -> bool:
        with self._lock:
            known = self.of(model)
            self._facts[model] = known | {fact}
            return fact not in known
