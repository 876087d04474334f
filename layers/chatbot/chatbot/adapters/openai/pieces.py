"""Read single values of an answer's pieces, whatever form a server gives them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from chatbot.core.limits import MOST_TOKENS
from chatbot.core.numbers import lenient_integer

# What a model thought, in the fields of DeepSeek and vLLM (reasoning_content), OpenRouter, Ollama
# and Groq (reasoning, reasoning_details), and others (thinking).
_THINKING = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
_DEEPEST = 5
# Types of the parts of a text, of what is thought, and of a refusal, in the words of Chat
# Completions, of the Responses API, and of Anthropic's and Mistral's own.
_TEXT = ("text", "output_text", "input_text", "text_delta")
_APART = ("thinking", "reasoning", "reasoning_text", "thinking_delta", "refusal")
# Errors that name a type but no code (https://docs.anthropic.com/en/api/errors).
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
# MiniMax says in a status of its own what went wrong (https://platform.minimax.io/docs/api-reference
# /errorcode); any other is an error of the server.
_MINIMAX_CODES: dict[int, int | str] = {
    1002: 429,  # rate limit
    1004: 401,  # authentication failed
    1008: 402,  # insufficient balance
    1026: "content_filter",  # sensitive input
    1027: "content_filter",  # sensitive output
    1039: 429,  # limit of tokens a minute
    2013: 400,  # invalid parameters
    2049: 401,  # invalid key
}


def read_json(text: str | bytes | bytearray) -> Any:
    """Parse JSON, in which a number of thousands of digits costs nothing else.

    Raises ValueError, RecursionError.
    """
    return json.loads(text, parse_int=lenient_integer)


def error_in(name: str, piece: dict[str, Any]) -> object | None:
    """The error that a piece of an answer is, or None. One that has no words or code is none."""
    error = piece.get("error")
    if _says_something(error):
        return {**piece, "error": _with_status(error)} if isinstance(error, dict) else piece
    base = piece.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        code = _MINIMAX_CODES.get(count_of(base["status_code"]), 500)
        return {"error": {"code": code, "message": base.get("status_msg")}}
    if name == "error" or piece.get("object") == "error" or piece.get("type") == "error":
        return piece
    return None


def _with_status(error: dict[str, Any]) -> dict[str, Any]:
    if error.get("code") or error.get("status"):
        return error
    status = _STATUS_OF_TYPE.get(str(error.get("type")))
    return {**error, "code": status} if status else error


def _says_something(error: object) -> bool:
    """Some servers send an `error` of nulls, or with the code 0, with every piece."""
    if isinstance(error, dict):
        return any(value not in (0, "0") and bool(value) for value in error.values())
    return bool(error)


def text_of(value: object, other: Callable[[str, str], None] | None, depth: int = 0) -> str:
    """The text of content that may be a list of parts; parts of other kinds go to `other`."""
    if isinstance(value, str):
        return value
    if depth > _DEEPEST:
        return ""
    if isinstance(value, list):
        return "".join(text_of(part, other, depth + 1) for part in value)
    if not isinstance(value, dict):
        return ""
    untyped = "thinking" if "thinking" in value and "text" not in value else "text"
    kind = str(value.get("type") or untyped).lower()
    if kind in _TEXT or other is None:
        for field in ("text", "summary", "thinking", "content", "refusal"):
            if text := text_of(value.get(field), other, depth + 1):
                return text
        return ""
    if kind in _APART:
        other(kind, text_of({**value, "type": "text"}, None, depth + 1))
    return ""


def count_of(value: object) -> int:
    """A count of tokens, whatever a server sends as such."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return max(0, min(int(value), MOST_TOKENS))


def thought_in(message: dict[str, Any]) -> str:
    """What the model thought, where the server has separated it.

    Servers that send two of the fields repeat themselves, so the first counts.
    """
    for field in _THINKING:
        value = message.get(field)
        if value and (thought := text_of(value, None)):
            return thought
    return ""


def whole_characters(text: str) -> tuple[str, str]:
    """The text with halves of characters joined (UTF-16 surrogates), and a half at its end.

    Servers that cut an answer by UTF-16 units send an emoji in two pieces; a lone half could be
    neither stored nor posted.
    """
    if text.isascii():
        return text, ""
    try:
        text.encode()
    except UnicodeEncodeError:
        half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        text = text.removesuffix(half) if half else text
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), half
    return text, ""
