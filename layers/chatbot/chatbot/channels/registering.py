"""What all channels share that tell a platform where the stack is."""

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
    """What the stack has registered at one platform. Each method may be called again and again.

    All raise PostRefused, AmbiguousPost, and LookupError or TypeError for an answer of an unknown
    form.
    """

    @property
    def needs(self) -> tuple[str, ...]:
        """Settings, as fields of `Settings`, without which there is nothing to register."""

    def register(self) -> str:
        """Tell the platform the stack's address and what its bot can do; as what: `@name`."""

    def unregister(self) -> None:
        """Take that back."""

    def points_here(self) -> bool:
        """Whether the platform calls this stack: another may have taken over."""


class Tries:
    """Calls that do nothing twice when they are repeated, all of them over within `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def once(self, call: Callable[[float], Answer]) -> Answer:
        """`call` is given the seconds that it may take. Raises PostRefused, AmbiguousPost."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise PostRefused("no time left")
        return call(min(_CALL, left))

    def twice(
        self, call: Callable[[float], Answer], description_of: Callable[[Answer], str]
    ) -> Mapping[str, Any]:
        """The JSON object of a good answer; called again when the first try found no good one.

        Raises PostRefused with the status and the platform's own words.
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
        """Ask every second whether it holds, while time is left for what comes after; if it did."""
        while not condition():
            if self._ends - time.monotonic() < 2 * _CALL:
                return False
            time.sleep(_PAUSE)
        return True


MakeRegistration = Callable[[Settings, str, Session, Tries], Registration]
"""A `registration` entry point; the text is the stack's address, without a slash at its end."""


def without_secrets(settings: Settings, text: str) -> str:
    """`text` as it may be shown: Meta quotes a token that it cannot read."""
    for name in secrets_of("setup"):
        text = text.replace(getattr(settings, name.lower()) or "\0", "…")
    return text[:200]
