"""Shapes of what is said: in parts, in one piece, twice, with thinking, or nothing at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from local.standins.shape import (
    DONE,
    End,
    Said,
    add,
    event,
    stream,
    usual,
)

# Forms of the content

_TYPES = (None, "Text", "text_delta", "input_text", "output_text")

stream("parts", lambda s: [*(s.chunk({"content": [_part(w)]}) for w in s.words), s.last()])
stream(
    "thinking_parts",  # Mistral's reasoning models
    lambda s: [
        s.chunk({"content": [{"type": "thinking", "thinking": [_part("hm")]}]}),
        *(s.chunk({"content": [{"type": "reference", "text": "no"}, _part(w)]}) for w in s.words),
        s.last(),
    ],
)
stream(
    "strings_in_list", lambda s: [*(s.chunk({"content": [w, None, 5]}) for w in s.words), s.last()]
)
stream(
    "parts_of_other_types",
    lambda s: [
        *(
            s.chunk({"content": [{"type": kind, "text": w}]})
            for kind, w in zip(_TYPES, s.words, strict=False)
        ),
        *(s.chunk({"content": w}) for w in s.words[len(_TYPES) :]),
        s.last(),
    ],
)
stream(
    "thinking_part_without_type",
    lambda s: [s.chunk({"content": [{"thinking": "hm"}]}), *s.pieces(), s.last()],
)
stream("message_instead_of_delta", lambda s: [*(_message(s, word) for word in s.words), s.last()])
stream("whole_again", lambda s: [*s.pieces(), s.whole(usage={"total_tokens": 0})])  # MiniMax
stream("whole_again_after_finish", lambda s: [*s.pieces(), s.last(), s.whole()])
stream(
    "whole_again_beside_role",  # MiniMax
    lambda s: [*s.pieces(), _whole_beside(s, {"role": "assistant"})],
)
stream("message_beside_role", lambda s: [_whole_beside(s, {"role": "assistant"})])
stream(
    "messages_and_whole_again",
    lambda s: [*(_message(s, word) for word in s.words), _message(s, s.text, s.finish)],
)
stream("messages_so_far", lambda s: [*_so_far(s), _message(s, s.text, s.finish)])  # DashScope
stream(
    "deltas_and_messages_so_far",  # Perplexity
    lambda s: [
        *(_with_delta(m, word) for m, word in zip(_so_far(s), s.words, strict=True)),
        _with_delta(_message(s, s.text, s.finish), ""),
    ],
)
stream(
    "two_choices",
    lambda s: (
        [p for piece in s.pieces() for p in (piece, _other(piece))] + [s.last(), _other(s.last())]
    ),
)
stream("legacy_text", lambda s: [*(_legacy(s, word) for word in s.words), s.last()])
stream("halves_of_emoji", lambda s: [*_halves(s), s.last()])
stream("content_and_finish", lambda s: [s.chunk({"content": s.text}, s.finish)])
stream("finish_everywhere", lambda s: [s.chunk({"content": word}, s.finish) for word in s.words])


def _part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _message(said: Said, text: str, finish: str | None = None) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        **said.usage(),
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }


def _so_far(said: Said) -> list[dict[str, Any]]:
    return [_message(said, "".join(said.words[: n + 1])) for n in range(len(said.words))]


def _whole_beside(said: Said, delta: dict[str, Any]) -> dict[str, Any]:
    piece = _message(said, said.text, said.finish)
    return {**piece, "choices": [{**piece["choices"][0], "delta": delta}]}


def _with_delta(piece: dict[str, Any], text: str) -> dict[str, Any]:
    delta = {"role": "assistant", "content": text}
    return {**piece, "choices": [{**piece["choices"][0], "delta": delta}]}


def _legacy(said: Said, word: str) -> dict[str, Any]:
    return {**said.usage(), "choices": [{"index": 0, "text": word, "finish_reason": None}]}


def _other(piece: dict[str, Any]) -> dict[str, Any]:
    choice = {**piece["choices"][0], "index": 1}
    if choice["delta"].get("content"):
        choice["delta"] = {"content": " OTHER"}
    return {**piece, "choices": [choice]}


def _halves(said: Said) -> list[dict[str, Any]]:
    units = said.text.encode("utf-16-le")
    pieces = [
        units[n : n + 2].decode("utf-16-le", "surrogatepass") for n in range(0, len(units), 2)
    ]
    return [said.chunk({"content": piece}) for piece in pieces]


@add("whole_json_for_stream", whole=True)
def _whole_json(said: Said) -> Iterator[bytes | End]:
    yield json.dumps(said.whole()).encode()


@add("whole_json_pretty", whole=True)
def _whole_pretty(said: Said) -> Iterator[bytes | End]:
    yield b"\n " + json.dumps(said.whole(), indent=2).encode() + b"\n"


@add("whole_parts", whole=True)
def _whole_parts(said: Said) -> Iterator[bytes | End]:
    thinking = {"type": "thinking", "thinking": [_part("hm")]}
    message = {"role": "assistant", "content": [thinking, *map(_part, said.words)]}
    choice = {"index": 0, "message": message, "finish_reason": said.finish}
    yield json.dumps({**said.whole(), "choices": [choice]}).encode()


@add("whole_bare", whole=True)
def _whole_bare(said: Said) -> Iterator[bytes | End]:
    yield json.dumps({"choices": [{"message": {"content": said.text}}]}).encode()


@add("stream_for_whole")  # sent where no stream was asked for, too
def _stream_for_whole(said: Said) -> Iterator[bytes | End]:
    yield b"".join(event(piece) for piece in usual(said)) + DONE


# Thinking

THOUGHT = "She is in a hurry; keep it short."


def _tagged(before: str, after: str) -> Callable[[Said], list[dict[str, Any]]]:
    """Thinking in the text, cut into pieces of three characters."""

    def pieces(said: Said) -> list[dict[str, Any]]:
        text = before + after + said.text
        cut = [text[n : n + 3] for n in range(0, len(text), 3)]
        return [*(said.chunk({"content": piece}) for piece in cut), said.last(), said.usage()]

    return pieces


stream("thinking_in_text", _tagged(f"<think>{THOUGHT}", "</think>\n\n"))
stream("thinking_upper_case", _tagged(f"\n<THINK>\n{THOUGHT}", "</Think>"))
stream("reasoning_in_text", _tagged(f"<reasoning>{THOUGHT}", "</reasoning>\n"))
stream("thinking_long_tag", _tagged(f"<thinking>{THOUGHT} <p>", "</thinking>\n"))
stream("lone_think_close", _tagged(THOUGHT, "\n</think>\n\n"))
stream("lone_think_close_inline", _tagged(THOUGHT, "</think>"))
stream("thinking_empty", _tagged("<think>\n\n", "</think>\n\n"))
for _field in ("reasoning_content", "reasoning", "thinking"):
    stream(f"field {_field}", lambda s, f=_field: [s.chunk({f: THOUGHT}), *usual(s)])  # type: ignore[misc]
stream(
    "field reasoning_details",
    lambda s: [
        s.chunk({"reasoning_details": [{"type": "reasoning.text", "text": THOUGHT}]}),
        *usual(s),
    ],
)
stream("thinking_only", lambda s: [s.chunk({"reasoning_content": THOUGHT}), s.last()], "useless")
stream(
    "thinking_cut",
    lambda s: [s.chunk({"content": f"<think>{THOUGHT}"}), s.chunk({}, "length")],
    "useless",
)

# Nothing to show

stream("empty", lambda s: [s.first(), s.last(), s.usage()], "useless")
stream("invisible", lambda s: [s.chunk({"content": "\u200b\ufeff\u3164 \n"}), s.last()], "useless")
stream(
    "tool_call",
    lambda s: [
        s.chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f"}}]}),
        s.chunk({}, "tool_calls"),
    ],
    "useless",
)
stream(
    "tool_call_and_text",  # aimock's ordered blocks
    lambda s: [
        s.chunk({"role": "assistant", "content": None}),
        s.chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f"}}]}),
        *s.pieces(),
        s.chunk({}, "tool_calls"),
    ],
)
stream("done_at_once", lambda s: [], "useless")


@add("whole_empty", "useless", whole=True)
def _whole_empty(said: Said) -> Iterator[bytes | End]:
    message = {"role": "assistant", "content": ""}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    yield json.dumps({**said.whole(), "choices": [choice]}).encode()


@add("whole_without_choices", "useless", whole=True)
def _whole_without_choices(said: Said) -> Iterator[bytes | End]:
    yield b"{}"
