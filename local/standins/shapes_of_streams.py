"""Shapes of the stream around an answer: pieces that add nothing, counts, ends, lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from local.standins.shape import (
    BREAKS,
    DONE,
    STAYS_OPEN,
    End,
    Said,
    add,
    event,
    events,
    stream,
    usual,
    without,
)

# Pieces that add nothing

stream("usual", usual)
stream(
    "delta_null_after", lambda s: [*s.pieces(), s.chunk(None, s.finish), s.chunk(None), s.usage()]
)
stream("delta_missing", lambda s: [*s.pieces(), _without_delta(s), s.last()])  # Azure
stream(
    "choices_missing", lambda s: [s.first(), without(s.usage(), "choices"), *s.pieces(), s.last()]
)
stream(
    "choices_null",
    lambda s: [{**s.usage(), "choices": None}, *s.pieces(), s.last(), {**s.usage(), "choices": {}}],
)
stream("first_choices_empty", lambda s: [s.usage({}), *usual(s)])  # Azure's prompt filter
stream("role_only", lambda s: [*([s.chunk({"role": "assistant"})] * 3), *s.pieces(), s.last()])
stream("finish_missing", lambda s: [*(_without_finish(piece) for piece in s.pieces()), s.last()])
stream("content_null", lambda s: [s.chunk({"content": None}), *s.pieces(), s.last()])
stream(
    "error_of_nulls",
    lambda s: [{**p, "error": {"message": None, "code": None}} for p in [*s.pieces(), s.last()]],
)
stream(
    "error_of_zero",
    lambda s: [{**p, "error": {"code": 0, "message": ""}} for p in [*s.pieces(), s.last()]],
)
stream(
    "base_resp_success",  # MiniMax
    lambda s: [*s.pieces(), {**s.last(), "base_resp": {"status_code": 0, "status_msg": ""}}],
)


def _without_finish(piece: dict[str, Any]) -> dict[str, Any]:  # LiteLLM's proxy
    return {**piece, "choices": [without(piece["choices"][0], "finish_reason")]}


def _without_delta(said: Said) -> dict[str, Any]:
    choice = {"index": 0, "content_filter_offsets": {}, "finish_reason": None}
    return {**said.usage(), "choices": [choice]}


# Usage

_ODD_COUNTS: tuple[object, ...] = ([], "many", 7, {"total_tokens": 12}, {"prompt_tokens": None})
_ODD_NUMBERS: tuple[object, ...] = ("9", -1, 1e300, 2.5, [1], {}, True)
stream("usage_first", lambda s: [s.usage(), *s.pieces(), s.last()])
stream(
    "usage_everywhere",
    lambda s: [{**piece, "usage": s.counts} for piece in [*s.pieces(), s.last()]],
)
stream(
    "usage_between",
    lambda s: [p for piece in s.pieces() for p in (piece, s.usage())] + [s.last()],
)
stream(
    "usage_odd",
    lambda s: [
        *s.pieces(),
        s.last(),
        *(s.usage(odd) for odd in _ODD_COUNTS),
        *(s.usage({"prompt_tokens": odd}) for odd in _ODD_NUMBERS),
    ],
)
stream("usage_with_finish", lambda s: [*s.pieces(), {**s.last(), "usage": s.counts}])

# Ends


@add("done_only")
def _done_only(said: Said) -> Iterator[bytes | End]:
    yield from events(said.pieces(), DONE)


@add("finish_only")
def _finish_only(said: Said) -> Iterator[bytes | End]:
    yield from events([*said.pieces(), said.last()])


@add("usage_only_end")
def _usage_only_end(said: Said) -> Iterator[bytes | End]:
    yield from events([*said.pieces(), said.usage()])


@add("usage_end_stays_open")
def _usage_end_stays_open(said: Said) -> Iterator[bytes | End]:
    yield from events([*said.pieces(), said.usage()], STAYS_OPEN)


@add("usage_then_breaks", "broken")
def _usage_then_breaks(said: Said) -> Iterator[bytes | End]:
    yield from events([*said.pieces(), said.usage()], BREAKS)


@add("usage_between_then_breaks", "broken")
def _usage_between_then_breaks(said: Said) -> Iterator[bytes | End]:
    yield from events([p for piece in said.pieces() for p in (piece, said.usage())], BREAKS)


@add("usage_without_numbers", "broken")
def _usage_without_numbers(said: Said) -> Iterator[bytes | End]:
    ping = {"type": "ping", "usage": {}}
    yield from events([*said.pieces(), said.usage({}), said.usage({"total_tokens": 0}), ping])


@add("finish_empty")
def _finish_empty(said: Said) -> Iterator[bytes | End]:
    yield from events([*(said.chunk({"content": word}, "") for word in said.words)])


@add("finish_word_null")  # Alibaba
def _finish_word_null(said: Said) -> Iterator[bytes | End]:
    yield from events([*(said.chunk({"content": w}, "null") for w in said.words), said.last()])


@add("stays_open_after_finish")
def _stays_open(said: Said) -> Iterator[bytes | End]:
    yield from events([*said.pieces(), said.last()], STAYS_OPEN)


@add("breaks_after_finish")
def _breaks(said: Said) -> Iterator[bytes | End]:
    yield from events([*said.pieces(), said.last()], b'data: {"cho', BREAKS)


@add("error_after_finish")
def _error_after(said: Said) -> Iterator[bytes | End]:
    yield from events([*said.pieces(), said.last(), {"error": {"code": 502, "message": "late"}}])


@add("junk_after_finish")
def _junk_after(said: Said) -> Iterator[bytes | End]:
    yield from events([*said.pieces(), said.last()], b"data: {\n\n", b"\xff\xfe\n\n", DONE)


_FILTERS = (
    *("content_filter", "content_filter: PROHIBITED_CONTENT", "content-filter", "SAFETY"),
    *("FINISH_REASON_SAFETY", "FinishReason.SAFETY", "sensitive", "blocked", "guardrail"),
)


def _camel_case(said: Said) -> dict[str, Any]:
    return {**said.usage(), "choices": [{"index": 0, "delta": {}, "finishReason": "STOP"}]}


for _word in ("eos", "end_turn", "STOP", "stop_sequence", "a new word"):
    stream(f"finish {_word}", lambda s, w=_word: [*s.pieces(), s.chunk({}, w)])  # type: ignore[misc]
stream("finish_number", lambda s: [*s.pieces(), s.chunk({}, 1)])
stream("finish_in_camel_case", lambda s: [*s.pieces(), _camel_case(s)])
for _word in ("length", "max_tokens", "model_length", "MAX_TOKENS"):
    stream(f"finish {_word}", lambda s, w=_word: [*s.pieces(), s.chunk({}, w)], "cut")  # type: ignore[misc]
for _word in _FILTERS:
    stream(f"finish {_word}", lambda s, w=_word: [s.first(), s.chunk({}, w)], "filtered")  # type: ignore[misc]
for _word in ("error", "insufficient_system_resource", "network_error"):
    stream(f"finish {_word}", lambda s, w=_word: [*s.pieces(), s.chunk({}, w)], "broken")  # type: ignore[misc]


@add("filtered_without_message", "filtered", whole=True)
def _filtered_without_message(said: Said) -> Iterator[bytes | End]:
    choice = {"index": 0, "finish_reason": "content_filter: PROHIBITED_CONTENT"}
    yield json.dumps({**said.whole(), "choices": [choice]}).encode()


@add("breaks_before_finish", "broken")
def _breaks_before(said: Said) -> Iterator[bytes | End]:
    yield from events(said.pieces(), BREAKS)


@add("ends_before_finish", "broken")
def _ends_before(said: Said) -> Iterator[bytes | End]:
    yield from events(said.pieces())


@add("error_before_finish", "error")  # OpenRouter
def _error_before(said: Said) -> Iterator[bytes | End]:
    error = {"error": {"code": 502, "message": "Provider returned error"}}
    yield from events([*said.pieces(), {**said.chunk({"content": ""}, "error"), **error}], DONE)


@add("error_event", "error")  # LM Studio
def _error_event(said: Said) -> Iterator[bytes | End]:
    yield from events(said.pieces())
    yield b"event: error\n" + event({"error": "The model has crashed"})


@add("base_resp_limit", "error")  # MiniMax
def _base_resp(said: Said) -> Iterator[bytes | End]:
    error = {"status_code": 1002, "status_msg": "rate limit exceeded"}
    yield from events([{**said.usage({}), "choices": None, "base_resp": error}], DONE)


# The lines of the event stream


@add("no_blank_line_at_end")
def _no_blank_line(said: Said) -> Iterator[bytes | End]:
    yield from events(said.pieces())
    yield event(said.last()).rstrip()


@add("crlf")
def _crlf(said: Said) -> Iterator[bytes | End]:
    for piece in usual(said):
        yield event(piece, "\r\n")


@add("cr")
def _cr(said: Said) -> Iterator[bytes | End]:
    for piece in usual(said):
        yield event(piece, "\r")


@add("no_space")
def _no_space(said: Said) -> Iterator[bytes | End]:
    for piece in usual(said):
        yield event(piece).replace(b"data: ", b"data:", 1)


@add("many_data_lines")
def _many_data_lines(said: Said) -> Iterator[bytes | End]:
    for piece in usual(said):
        lines = json.dumps(piece, indent=1).splitlines()
        yield "".join(f"data: {line}\n" for line in lines).encode() + b"\n"


@add("bom")
def _bom(said: Said) -> Iterator[bytes | End]:
    yield b"\xef\xbb\xbf"
    yield from events(usual(said), DONE)


@add("comments")  # OpenRouter
def _comments(said: Said) -> Iterator[bytes | End]:
    for number, piece in enumerate(usual(said)):
        yield b": OPENROUTER PROCESSING\n\n:\n" + f"id: {number}\n".encode() + event(piece)


@add("empty_events")
def _empty_events(said: Said) -> Iterator[bytes | End]:
    for piece in usual(said):
        yield b"data:\n\nid: 1\n\nretry: 3000\n\ndata: \n\n\n\n" + event(piece)


@add("unknown_events")
def _unknown_events(said: Said) -> Iterator[bytes | End]:
    for piece in usual(said):
        yield b'event: ping\ndata: {"type": "ping"}\n\nevent: x\nfield: 1\ndata: [1, "a"]\n\n'
        yield event(piece)
    yield b"data: 5\n\ndata: null\n\ndata: not JSON\n\n"


@add("one_byte_at_a_time")
def _one_byte(said: Said) -> Iterator[bytes | End]:
    for part in events(usual(said), DONE):
        if isinstance(part, bytes):
            yield from (part[n : n + 1] for n in range(len(part)))


@add("line_separators")
def _line_separators(said: Said) -> Iterator[bytes | End]:
    for piece in usual(said):
        marked = {**piece, "system_fingerprint": "a\u2028b\x85c"}
        yield f"data: {json.dumps(marked, ensure_ascii=False)}\n\n".encode()
