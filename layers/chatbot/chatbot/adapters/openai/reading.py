"""Collect an answer from the pieces that servers really send.

The form is that of Chat Completions (https://platform.openai.com/docs/api-reference/chat); what
servers do otherwise is tolerated, since an odd piece must never cost an answer that came. Numbers
of tokens in particular never decide anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from chatbot.adapters.openai.classify import classify
from chatbot.adapters.openai.events import Event
from chatbot.adapters.openai.failures import Failure, Kind
from chatbot.adapters.openai.pieces import (
    count_of,
    error_in,
    text_of,
    thought_in,
    whole_characters,
)
from chatbot.adapters.openai.thinking import Separator
from chatbot.core.completion import Completion
from chatbot.core.ports import Show
from chatbot.core.text import shows_nothing

MOST_TEXT = 400_000
"""Most characters of an answer; it counts as cut there."""

# Why an answer ended, in the words of OpenAI, Anthropic and Bedrock (max_tokens), Mistral
# (model_length), Gemini (MAX_TOKENS; https://ai.google.dev/api/generate-content#FinishReason),
# Z.ai (model_context_window_exceeded, sensitive, network_error; https://docs.z.ai/api-reference),
# DeepSeek (insufficient_system_resource; https://api-docs.deepseek.com/api/create-chat-completion),
# OpenRouter (error; https://openrouter.ai/docs/api/reference/overview), vLLM (abort).
# Any other word ends an answer.
_CUT = frozenset(
    ("length", "max_tokens", "model_length", "max_output_tokens", "model_context_window_exceeded")
)
_FILTERED = frozenset(
    (
        *("content_filter", "content_filtered", "safety", "sensitive", "prohibited_content"),
        *("blocklist", "spii", "recitation", "image_safety", "guardrail_intervened", "refusal"),
    )
)
_BROKEN = frozenset(("error", "insufficient_system_resource", "network_error", "abort", "aborted"))
_NOT_YET = ("null", "none")  # Alibaba's word while it goes on (DashScope)


class Answer:
    """The answer so far, and why it ended.

    `finished` is True once nothing that follows can cost the answer.
    """

    def __init__(self, model: str, holds_back: bool = False) -> None:
        self.model = model
        self.finished = False
        self.separator = Separator(holds_back)
        self._finish = ""
        self._said_to_end = False  # the last piece had an empty word for why it ended
        self._counted_last = False  # a piece with nothing but the usage came last
        self._counted_between = False
        self._index: int | None = None
        self._streamed = False
        self._raw = ""
        self._half = ""
        self._refused = False
        self._called_tools = False
        self._whole = False
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
            self.finished = True
            return
        try:
            piece = json.loads(data)
        except (ValueError, RecursionError):
            # Where others follow and complete the answer, only this one is lost.
            return
        if isinstance(piece, list) and event.whole and len(piece) == 1:
            piece = piece[0]  # Gemini puts an error into a list
        if not isinstance(piece, dict):
            return
        if not self.finished and (error := error_in(event.name, piece)) is not None:
            raise classify(None, error, paid=True)
        self._whole = self._whole or event.whole
        model = piece.get("model")
        if isinstance(model, str) and model and model != self.model:
            self.model = model[:200].encode("utf-8", "replace").decode()
        self._count(piece)
        self._add_choices(piece)

    def completion(self, broken: str) -> Completion:
        """The whole answer, after its last piece.

        `broken` is why the connection broke, "" if it ended well. Raises Failure: FILTERED,
        USELESS, or AWAY for an answer that broke off.
        """
        finish = self._finish
        cut = finish in _CUT
        self.separator.finish(cut)
        text = "" if shows_nothing(self.text) else self.text.strip()
        if finish in _FILTERED or self._refused:
            raise Failure(Kind.FILTERED, "content_filter", paid=True)
        if finish in _BROKEN or not self._complete(not broken):
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

    def _complete(self, ended_well: bool) -> bool:
        if self.finished or self._whole:
            return True
        if self._counted_last:
            return ended_well or not self._counted_between
        return ended_well and self._said_to_end

    def _count(self, piece: dict[str, Any]) -> None:
        usage = piece.get("usage")
        if not isinstance(usage, dict):
            return
        read = usage.get("prompt_tokens", usage.get("input_tokens"))
        written = usage.get("completion_tokens", usage.get("output_tokens"))
        self._tokens_in = count_of(read) or self._tokens_in
        self._tokens_out = count_of(written) or self._tokens_out
        if (self._raw or self.separator.thinking) and not piece.get("choices"):
            self._counted_last = True

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

    def _add_choice(self, choice: dict[str, Any], whole: bool) -> None:
        delta, message = choice.get("delta"), choice.get("message")
        by_delta = isinstance(delta, dict) and bool(delta)
        said = delta if by_delta else message
        if isinstance(said, dict):
            self._add_message(said, by_delta, whole)
        elif isinstance(choice.get("text"), str):  # as in the API before Chat Completions
            self._add_text(choice["text"])
        finish = choice.get("finish_reason")
        if not isinstance(finish, str) or finish.strip().lower() in _NOT_YET:
            return
        self._said_to_end = not finish.strip()
        if finish.strip():
            word = finish.strip().lower().partition(":")[0].strip()
            self._finish = word.rpartition(".")[2]  # also as "FinishReason.SAFETY"
            self.finished = True

    def _add_message(self, said: dict[str, Any], by_delta: bool, whole: bool) -> None:
        self._refused = self._refused or bool(text_of(said.get("refusal"), None))
        self._called_tools |= bool(said.get("tool_calls") or said.get("function_call"))
        self.separator.think(thought_in(said))
        content = said.get("content")
        text = content if isinstance(content, str) else text_of(content, self._notice_part)
        if not text:
            return
        if not by_delta and self._repeats(text, whole):
            self._say_again(text)
            return
        self._streamed = self._streamed or by_delta
        self._add_text(text)

    def _notice_part(self, kind: str, text: str) -> None:
        if kind == "refusal":
            self._refused = True
        else:
            self.separator.think(text)

    def _repeats(self, text: str, whole: bool) -> bool:
        """Whether a message is the whole answer once more, after its pieces (MiniMax)."""
        if not self._raw or self._streamed:
            return bool(self._raw)
        return whole and "".join(text.split()).startswith("".join(self._raw.split()))

    def _say_again(self, text: str) -> None:
        thinking = self.separator.thinking
        self.separator = Separator()
        self._raw = self._half = ""
        self._add_text(text)
        if not self.separator.thinking:
            self.separator.think(thinking)

    def _add_text(self, text: str) -> None:
        if self.size > MOST_TEXT:
            return
        text, self._half = whole_characters(self._half + text)
        if self._counted_last:
            self._counted_last, self._counted_between = False, True
        self._raw += text
        self.separator.feed(text)
        if self.size > MOST_TEXT:
            self._finish, self.finished = "length", True


def read_answer(
    events: Iterable[Event], answer: Answer, show: Show, on_end: Callable[[], None]
) -> Completion | None:
    """Add the events to the answer until they end; returns a Completion if `show` stops it.

    `on_end` is called when the answer may be complete: at its end, and again if text follows.
    """
    ended = False
    for event in events:
        before, size = answer.text, answer.size
        answer.add(event)
        goes_on = show(answer.text)
        if answer.finished:
            if not ended or answer.size > size:
                on_end()
            ended = True
        elif not goes_on:
            return answer.stopped(before.strip())  # without the piece that came too late
    return None
