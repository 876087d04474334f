"""Ask a model server through the adapter, on a clock that pauses move forward."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from chatbot.adapters.openai.chat import ChatModel
from chatbot.core.completion import MOST_REQUESTS, Completion, PromptLine, Spending
from chatbot.core.errors import ChatbotError
from chatbot.core.settings import Settings

SECONDS = 20.0


@dataclass
class Asked:
    """What became of one message: a completion or an error, what was shown, what it cost."""

    spending: Spending
    shown: list[str] = field(default_factory=list)
    completion: Completion | None = None
    error: ChatbotError | None = None

    @property
    def text(self) -> str:
        """The answer. Raises AssertionError with the error when there is none."""
        assert self.completion, repr(self.error)
        return self.completion.text

    @property
    def outcome(self) -> tuple[str, str]:
        """The answer, or the error's class and reason, for comparisons."""
        if self.error:
            return type(self.error).__name__, self.error.reason
        return "answer", self.text


def ask(base_url: str, text: str, seconds: float = SECONDS, **settings: Any) -> Asked:
    """Ask once, as the worker does in one delivery; no outcome may cost more than the bounds."""
    pauses: list[float] = []
    model = ChatModel(
        Settings(openai_base_url=base_url, **settings),
        sleep=pauses.append,
        clock=lambda: time.monotonic() + sum(pauses),
    )
    asked = Asked(Spending())

    def show(shown: str) -> bool:
        asked.shown.append(shown)
        return True

    prompt = [PromptLine("system", "Be kind."), PromptLine("user", text)]
    try:
        asked.completion = model.answer(prompt, seconds, show, asked.spending)
    except ChatbotError as error:
        asked.error = error
    assert asked.spending.paid <= asked.spending.paid_left
    assert asked.spending.requests <= MOST_REQUESTS
    return asked
