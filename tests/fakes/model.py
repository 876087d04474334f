"""A model that answers by a script."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from chatbot.core.budget import Share
from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.files import File
from chatbot.core.ports import Show


class FakeModel:
    """A model that answers with the items of `script`, then by repeating the prompt's last line."""

    def __init__(self, *script: str | Completion | Exception) -> None:
        self.script = deque(script)
        self.prompts: list[tuple[PromptLine, ...]] = []
        self.drawn: list[str] = []
        self.seconds: list[float] = []

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        self.prompts.append(tuple(prompt))
        self.seconds.append(seconds)
        spending.begin_request()
        answer = self.script.popleft() if self.script else f"You said: {prompt[-1].content}"
        if isinstance(answer, Exception):
            raise answer
        spending.count_paid()
        if isinstance(answer, str):
            answer = Completion(answer, "fake-model", tokens_in=7, tokens_out=3)
        return answer

    def draw(self, prompt: str, seconds: float, spending: Spending, room: Share) -> File:
        """Return the prompt as a picture, or raise the script's next item if it is an exception."""
        self.drawn.append(prompt)
        self._fail()
        return File(b"\x89PNG\r\n\x1a\n" + prompt.encode(), "image/png")

    def transcribe(self, audio: File, seconds: float, spending: Spending) -> str:
        """Return the file's content, or raise the script's next item if it is an exception."""
        spending.begin_request()
        self._fail()
        spending.count_paid()
        return audio.content.decode("utf-8", "replace")

    def _fail(self) -> None:
        if self.script and isinstance(self.script[0], Exception):
            error = self.script.popleft()
            assert isinstance(error, Exception)
            raise error
