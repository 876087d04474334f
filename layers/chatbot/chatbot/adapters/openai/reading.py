"""Collect an answer from the pieces that servers really send.

The form is that of Chat Completions (https://platform.openai.com/docs/api-reference/chat); what
servers do otherwise is tolerated, since an odd piece must never cost an answer that came. Numbers
of tokens in particular never decide anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chatbot.adapters.openai.classify import classify
from chatbot.adapters.openai.ends import Ending
from chatbot.adapters.openai.events import Event
from chatbot.adapters.openai.failures import Failure, Kind
from chatbot.adapters.openai.pieces import (
    count_of,
    error_in,
    read_json,
    text_of,
    thought_in,
    whole_characters,
)
from chatbot.adapters.openai.repeats import Repeats
from chatbot.adapters.openai.thinking import Separator
from chatbot.core.completion import Completion
from chatbot.core.limits import LONGEST_MODEL_NAME
from chatbot.core.ports import Show
from chatbot.core.text import shows_nothing, storable

MOST_TEXT = 400_000
"""Most characters of an answer; it counts as cut there."""


class Answer:
    """The answer so far, and what was said about its end."""

    def __init__(self, model: str, holds_back: bool = False) -> None:
        self.model = model
        self.ending = Ending()
        self.separator = Separator(holds_back)
        self._index: int | None = None
        self._streamed = False
        self._repeats = Repeats()
        self._raw = ""
        self._half = ""
        self._refused = False
        self._called_tools = False
        self._in_one_body = False
        self._tokens_in = 0
        self._tokens_out = 0

    @property
    def text(self) -> str:
        """The answer so far, without thinking."""
        return self.separator.answer

    @property
    def size(self) -> int:
        """The number of characters that have come, thinking in the text included."""
        return len(self._raw)

    def add(self, event: Event) -> None:
        """Add what an event says. Raises Failure for an error before the end of the answer."""
        data = event.data.strip()
        if not data:
            return
        if data.startswith("[DONE]"):
            self.ending.done()
            return
        try:
            piece = read_json(data)
        except (ValueError, RecursionError):
            # Where others follow and complete the answer, only this one is lost.
            return
        if isinstance(piece, list) and event.whole and len(piece) == 1:
            piece = piece[0]  # Gemini puts an error into a list
        if not isinstance(piece, dict):
            return
        if not self.ending.finished and (error := error_in(event.name, piece)) is not None:
            raise classify(None, error, paid=True)
        self._in_one_body |= event.whole
        model = piece.get("model")
        if isinstance(model, str) and model and model != self.model:
            self.model = storable(model[:LONGEST_MODEL_NAME])
        self._count(piece)
        self._add_choices(piece)

    def completion(self, broken: str) -> Completion:
        """The whole answer, after its last piece.

        `broken` is why the connection broke, "" if it ended well. Raises Failure: FILTERED,
        USELESS, or AWAY for an answer that broke off.
        """
        cut = self.ending.cut
        self.separator.finish(cut)
        text = "" if shows_nothing(self.text) else self.text.strip()
        if self.ending.filtered or self._refused:
            raise Failure(Kind.FILTERED, "content_filter", paid=True)
        if not self.ending.complete(whole=self._in_one_body, broken=bool(broken)):
            raise Failure(Kind.AWAY, broken or "broken off", paid=True)
        if not text:
            reason = "token_limit" if cut else "tool_calls" if self._called_tools else "empty"
            raise Failure(Kind.USELESS, reason, paid=True)
        return self.stopped(text, cut=cut, stopped=False)

    def stopped(self, text: str, *, cut: bool = False, stopped: bool = True) -> Completion:
        """The completion with the text that came until it was stopped."""
        return Completion(
            text,
            self.model,
            self._tokens_in,
            self._tokens_out,
            cut=cut,
            stopped=stopped,
            thinking=self.separator.thinking,
        )

    def _count(self, piece: dict[str, Any]) -> None:
        usage = piece.get("usage")
        if not isinstance(usage, dict):
            return
        read = usage.get("prompt_tokens", usage.get("input_tokens"))
        written = usage.get("completion_tokens", usage.get("output_tokens"))
        self._tokens_in = count_of(read) or self._tokens_in
        self._tokens_out = count_of(written) or self._tokens_out
        begun, says_more = self._raw or self.separator.thinking, bool(piece.get("choices"))
        if begun and not says_more and any(map(count_of, usage.values())):
            self.ending.counted()

    def _add_choices(self, piece: dict[str, Any]) -> None:
        choices = piece.get("choices")
        if not isinstance(choices, list):
            return
        for position, choice in enumerate(choices):
            if not isinstance(choice, dict):
                continue
            index = choice.get("index")
            index = index if type(index) is int else position
            if self._index is None:
                self._index = index
            if index == self._index:
                self._add_choice(choice, piece.get("object") == "chat.completion")
                return

    def _add_choice(self, choice: dict[str, Any], is_completion: bool) -> None:
        delta, message = choice.get("delta"), choice.get("message")
        finish = choice.get("finish_reason", choice.get("finishReason"))
        said = self._add_delta(delta) if isinstance(delta, dict) else False
        if isinstance(message, dict) and not said:
            self._add_message(message, is_completion, bool(finish))
        elif not said and isinstance(choice.get("text"), str):  # before Chat Completions
            self._add_text(choice["text"])
        self.ending.says(finish)

    def _add_delta(self, delta: dict[str, Any]) -> bool:
        """Add what a delta says. Returns whether it has text."""
        text = self._text_in(delta)
        self._streamed |= bool(text)
        self._add_text(text)
        return bool(text)

    def _add_message(self, message: dict[str, Any], is_completion: bool, last: bool) -> None:
        """Add a message: a piece of the answer, all of it so far, or the whole once more."""
        text = self._text_in(message)
        if not text:
            return
        again = self._repeats.found(text, self._raw, is_completion=is_completion, last=last)
        if self._streamed or again:
            self._say_again(text)
        else:
            self._add_text(text)

    def _text_in(self, said: dict[str, Any]) -> str:
        """The text in a delta or message; what else it says is noted."""
        self._refused |= bool(text_of(said.get("refusal"), None))
        self._called_tools |= bool(said.get("tool_calls") or said.get("function_call"))
        self.separator.think(thought_in(said))
        return text_of(said.get("content"), self._notice_part)

    def _notice_part(self, kind: str, text: str) -> None:
        if kind == "refusal":
            self._refused = True
        else:
            self.separator.think(text)

    def _say_again(self, text: str) -> None:
        thinking = self.separator.thinking
        self.separator = Separator()
        self._raw = self._half = ""
        self._add_text(text)
        if not self.separator.thinking:
            self.separator.think(thinking)

    def _add_text(self, text: str) -> None:
        if not text or self.size > MOST_TEXT:
            return
        text, self._half = whole_characters(self._half + text)
        self.ending.goes_on()
        self._raw += text
        self.separator.feed(text)
        if self.size > MOST_TEXT:
            self.ending.too_much()


def read_answer(
    events: Iterable[Event],
    answer: Answer,
    show: Show,
    allow: Callable[[float | None], None],
) -> Completion | None:
    """Add the events to the answer until they end; returns a Completion if `show` stops it.

    `allow` is told how many seconds there are for the rest once the answer may be complete, and
    None when it goes on after all.
    """
    allowed: float | None = None
    for event in events:
        before, size = answer.text, answer.size
        answer.add(event)
        goes_on = show(answer.text)
        left = answer.ending.seconds_left()
        if left != allowed or (left is not None and answer.size > size):
            allow(left)
            allowed = left
        if not (goes_on or answer.ending.finished):
            return answer.stopped(before.strip())  # without the piece that came too late
    return None
