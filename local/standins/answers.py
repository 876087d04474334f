"""Answers of the model's stand-in: a function of the prompt, so that tests can see the prompt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILTERED = "[[filter]]"
REFUSAL = "I'm sorry, I can't help with that."


@dataclass(frozen=True)
class Answer:
    """An answer as Chat Completions reports it."""

    text: str = ""
    refusal: str | None = None
    finish_reason: str = "stop"

    @property
    def tokens(self) -> list[str]:
        """The words, each with the space before it. One word counts as one token."""
        return re.findall(r"\s*\S+", self.text)

    def cut(self, limit: int | None) -> Answer:
        """The answer within a limit of tokens, with finish reason `length` where it is longer."""
        if limit is None or len(self.tokens) <= limit:
            return self
        return Answer("".join(self.tokens[:limit]), finish_reason="length")


def answer_to(messages: list[dict[str, Any]]) -> Answer:
    """The answer to the last of the user's messages of a prompt.

    It repeats what the user wrote, or knows the user's name. Marks in the message change that:
    `[[length:N]]` N words, `[[filter]]` finish reason `content_filter`, `[[refuse]]` a refusal,
    `[[markdown]]` the text of `answer.md`.
    """
    *earlier, last = [text_of(m) for m in messages if m["role"] == "user"] or [""]
    length = re.search(r"\[\[length:(\d+)\]\]", last)
    if length:
        return Answer(" ".join(f"word{n}" for n in range(1, int(length[1]) + 1)))
    if FILTERED in last:
        return Answer(finish_reason="content_filter")
    if "[[refuse]]" in last:
        return Answer(refusal=REFUSAL)
    if "[[markdown]]" in last:
        return Answer(Path(__file__).with_name("answer.md").read_text().strip())
    names = re.findall(r"\bmy name is ([\w'-]+)", "\n".join([*earlier, last]), re.IGNORECASE)
    if names and re.search(r"what(?: is|'s) my name", last, re.IGNORECASE):
        return Answer(f"Your name is {names[-1]}.")
    text = f"You said: {last}"
    return Answer(f"{text}\n\nEarlier you said: {'; '.join(earlier)}" if earlier else text)


def text_of(message: dict[str, Any]) -> str:
    """The text of a chat message. Its content is a text, or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part["type"] == "text")
