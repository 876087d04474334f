"""What a shape of an answer is: the bytes by which a model server sends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["answer", "cut", "filtered", "useless", "broken", "error"]
"""What a client should make of it: "answer" is the whole text, once, after one request."""


class End:
    """What happens after the last byte, in place of an orderly end."""


STAYS_OPEN, BREAKS = End(), End()


@dataclass(frozen=True)
class Said:
    """An answer to be sent: its words, each with the space before it, and counts of tokens."""

    words: list[str]
    model: str = "local-model"
    finish: str = "stop"
    counts: dict[str, int] = field(
        default_factory=lambda: {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    )

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.words)

    def chunk(self, delta: Any, finish: object = None, **more: Any) -> dict[str, Any]:
        """A piece of a streamed answer."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {**self._head("chat.completion.chunk"), "choices": [choice], **more}

    def whole(self, **more: Any) -> dict[str, Any]:
        """The answer in one piece."""
        message = {"role": "assistant", "content": self.text}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self.counts, **more}

    def usage(self, counts: object = None) -> dict[str, Any]:
        """The piece that holds only the count of tokens."""
        head = self._head("chat.completion.chunk")
        return {**head, "choices": [], "usage": self.counts if counts is None else counts}

    def first(self) -> dict[str, Any]:
        """The piece that names the role."""
        return self.chunk({"role": "assistant", "content": ""})

    def pieces(self) -> list[dict[str, Any]]:
        """A piece for each word."""
        return [self.chunk({"content": word}) for word in self.words]

    def last(self) -> dict[str, Any]:
        """The piece with the finish reason."""
        return self.chunk({}, self.finish)

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-shape", "object": kind, "created": 1, "model": self.model}


@dataclass(frozen=True)
class Shape:
    """A shape by name. `whole` is True for a JSON body, False for an event stream."""

    name: str
    outcome: Outcome
    send: Callable[[Said], Iterator[bytes | End]]
    whole: bool = False


SHAPES: dict[str, Shape] = {}
DONE = b"data: [DONE]\n\n"


def words_of(text: str) -> list[str]:
    """The words of a text, each with the white space before it, and what is behind the last."""
    words: list[str] = []
    for position, word in enumerate(text.split(" ")):
        words.append(f" {word}" if position else word)
    return [word for word in words if word]


def event(value: object, end: str = "\n") -> bytes:
    """A server-sent event with the value as JSON."""
    return f"data: {json.dumps(value)}{end}{end}".encode()


def events(pieces: list[dict[str, Any]], *ends: bytes | End) -> Iterator[bytes | End]:
    """Send the pieces as events, then the ends."""
    for piece in pieces:
        yield event(piece)
    yield from ends


def usual(said: Said) -> list[dict[str, Any]]:
    """An answer as OpenAI streams it."""
    return [said.first(), *said.pieces(), said.last(), said.usage()]


def add(
    name: str, outcome: Outcome = "answer", whole: bool = False
) -> Callable[[Callable[[Said], Iterator[bytes | End]]], None]:
    """Register the function as a shape."""

    def register(send: Callable[[Said], Iterator[bytes | End]]) -> None:
        SHAPES[name] = Shape(name, outcome, send, whole)

    return register


def stream(
    name: str, pieces: Callable[[Said], list[dict[str, Any]]], outcome: Outcome = "answer"
) -> None:
    """A shape that is other pieces, sent as usual."""
    SHAPES[name] = Shape(name, outcome, lambda said: events(pieces(said), DONE))


def without(piece: dict[str, Any], name: str) -> dict[str, Any]:
    """The piece without one of its fields."""
    return {key: value for key, value in piece.items() if key != name}
