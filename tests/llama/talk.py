"""A person on Telegram, and what the stack asks the model for that person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chatbot.core.translations import say
from local.cli.send import answers
from local.stack import Stack
from local.standins.people import Person, Post

SECONDS = 240.0
"""Longest wait for an answer: the model may have few and slow processors."""
SENTENCES = frozenset(
    say(name, "en") for name in ("fallback_text", "useless", "too_long_for_model", "filtered_text")
)
"""What a person gets where the model gives no answer."""


@dataclass(frozen=True)
class Asked:
    """A request to the model: its prompt's lines, the status of the response, and its body."""

    lines: list[dict[str, Any]]
    status: int
    response: str


@dataclass(frozen=True)
class Talk:
    """A conversation on Telegram, through the webhook, the queue and the worker."""

    stack: Stack
    person: Person

    def say(self, text: str) -> str:
        """Write a text. Returns the answer to it, whose parts are joined."""
        return self.answer_to(self.person.telegram(text))

    def send(self, kind: str, content: bytes, name: str, caption: str = "") -> str:
        """Send a photo or a recording. Returns the answer."""
        source = self.stack.upload("telegram", content, name)
        return self.answer_to(self.person.send("telegram", kind, source, caption, name))

    def answer_to(self, post: Post) -> str:
        """Post an update as Telegram does. Returns the answer to it."""
        return "\n".join(answers("telegram", self.person, post, self.stack.url, SECONDS))

    def drafts(self) -> list[str]:
        """What was shown of answers before they were complete."""
        calls = self.stack.telegram.wait(0, "sendMessageDraft")
        mine = [call.params for call in calls if call.params["chat_id"] == self.person.telegram_id]
        return [params["text"] for params in mine]

    def asked(self, after: int) -> list[Asked]:
        """The requests for answers whose records are numbered over `after`, of all people."""
        return list(self._asked(after))

    def _asked(self, after: int) -> Iterator[Asked]:
        for record in self.stack.recorder.after(after):
            if record.server == "openai" and record.operation == "chat/completions":
                lines = json.loads(record.request)["messages"]
                yield Asked(lines, record.status, record.response)
