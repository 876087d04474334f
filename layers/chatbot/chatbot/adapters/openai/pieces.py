"""Read single values of an answer's pieces, whatever form a server gives them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

# What a model thought, in the fields of DeepSeek and vLLM (reasoning_content), OpenRouter, Ollama
# and Groq (reasoning, reasoning_details), and others (thinking).
_THINKING = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
_DEEPEST = 5


def error_in(name: str, piece: dict[str, Any]) -> object | None:
    """The error that a piece of an answer is, or None."""
    if piece.get("error"):
        return piece
    if name == "error" or piece.get("object") == "error" or piece.get("type") == "error":
        return piece
    return None


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
    kind = value.get("type", "text")
    if kind in ("text", "output_text") or other is None:
        for field in ("text", "summary", "thinking", "content", "refusal"):
            if text := text_of(value.get(field), other, depth + 1):
                return text
        return ""
    if kind in ("thinking", "reasoning", "refusal"):
        other(kind, text_of({**value, "type": "text"}, None, depth + 1))
    return ""


def count_of(value: object) -> int:
    """A count of tokens, whatever a server sends as such."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return max(0, min(int(value), 1_000_000_000))


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
