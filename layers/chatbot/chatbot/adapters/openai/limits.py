"""Read from an error how long an answer may be at most, where MAX_TOKENS is too much."""

from __future__ import annotations

import re

# What the model can write at most: OpenAI's words
# (https://github.com/ChatGPTNextWeb/NextChat/issues/3195).
_MOST = re.compile(r"supports at most (\d{1,9}) completion tokens")
# Prompt and answer together are more than the context. OpenAI (the same issue) and vLLM
# (https://github.com/vllm-project/vllm/issues/20409) count what was asked for "in the completion",
# later versions of vLLM "output tokens", or say that MAX_TOKENS alone "is too large".
_CONTEXT = re.compile(r"maximum context length is (\d{1,9})")
_ASKED = (
    re.compile(r"(\d{1,9}) (?:in|for) the completion"),
    re.compile(r"requested (\d{1,9}) output tokens"),
    re.compile(r"is too large: (\d{1,9})"),
)
_READ = (
    re.compile(r"(\d{1,9}) in (?:the messages|your prompt)"),
    re.compile(r"(\d{1,9}) (?:of text )?input(?: tokens)?"),
)
_TOO_LARGE = re.compile(r"max(?:_completion)?_tokens.{0,60}? is too large: \d+")


def limit_in(said: str) -> int | None:
    """The most tokens that an answer may have; 0 when it has to be fewer, and nobody says how many.

    None when the error is about something else: of a context each gets half, the prompt and the
    answer, and when the prompt takes more than that, it is too long.
    """
    if most := _first((_MOST,), said):
        return most
    context, asked = _first((_CONTEXT,), said), _first(_ASKED, said)
    read = _first(_READ, said) or 0
    if context and asked and asked > context // 2 >= read:
        return max(1, context // 2)
    return 0 if _TOO_LARGE.search(said) and not context else None


def _first(patterns: tuple[re.Pattern[str], ...], said: str) -> int | None:
    for pattern in patterns:
        if found := pattern.search(said):
            return int(found[1])
    return None
