"""Helpers for channels that register the stack's webhook with their platform."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from chatbot.core.errors import AmbiguousPost, PostRefused
from chatbot.core.settings import Settings, secrets_of
from chatbot.net.post import Answer, Session

_CALL = 5.0  # seconds for one call
_PAUSE = 1.0


class Registration(Protocol):
    """Registers the stack's webhook and the bot's commands with one platform.

    Every method may be repeated. Each raises PostRefused, AmbiguousPost, and LookupError or
    TypeError when the platform's answer has an unexpected form.
    """

    @property
    def needs(self) -> tuple[str, ...]:
        """Fields of `Settings` that must be set to register, besides the token."""

    def register(self) -> str:
        """Register the stack's webhook and the bot's commands; return the bot's name (`@name`)."""

    def unregister(self) -> None:
        """Remove what `register` has set."""

    def points_here(self) -> bool:
        """Whether the platform calls this stack, and not another that registered later."""


class Tries:
    """Makes idempotent calls with a retry, all of them within `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def once(self, call: Callable[[float], Answer]) -> Answer:
        """Make a call, which takes the seconds that it may last, without a retry.

        Raises PostRefused, also when no time is left, and AmbiguousPost.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise PostRefused("no time left")
        return call(min(_CALL, left))

    def twice(
        self, call: Callable[[float], Answer], description_of: Callable[[Answer], str]
    ) -> Mapping[str, Any]:
        """Make a call, with one retry after an error of network or server; return its JSON object.

        `description_of` reads the platform's error message. Raises PostRefused with the status and
        this message, and AmbiguousPost.
        """
        try:
            answer = self.once(call)
            again = answer.status == 429 or answer.status >= 500
        except (PostRefused, AmbiguousPost):
            again = True
        if again:
            time.sleep(_PAUSE)
            answer = self.once(call)
        if not answer.good or answer.body is None:
            raise PostRefused(f"{answer.status} {description_of(answer)}".strip())
        return answer.body

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Poll every second until it holds; False when the time left is needed for later calls."""
        while not condition():
            if self._ends - time.monotonic() < 2 * _CALL:
                return False
            time.sleep(_PAUSE)
        return True


MakeRegistration = Callable[[Settings, str, Session, Tries], Registration]
"""The type of a `registration` entry point; the text is the stack's URL, without a final slash."""


def without_secrets(settings: Settings, text: str) -> str:
    """Return `text` without secrets, cut to 200 characters: Meta quotes tokens it cannot parse."""
    for name in secrets_of("setup"):
        text = text.replace(getattr(settings, name.lower()) or "\0", "…")
    return text[:200]
