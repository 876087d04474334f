"""Find out what kind of failure an error of a model server is, by status, code and words."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from chatbot.adapters.openai.failures import Failure, Kind
from chatbot.adapters.openai.limits import limit_in

LONGEST_WAIT = 300.0
"""Longest pause in seconds that a server can ask for."""

OPTIONAL = (
    "stream_options",
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "reasoning_effort",
    "prompt_cache_key",
    "safety_identifier",
)
"""Parameters of a request that a server may refuse, and without which an answer is possible."""

_REMOVABLE = (*OPTIONAL, "system", "stream")

_Found = tuple[Kind, str, str]
"""A failure's kind, reason and name."""

_MOST_WORDS = 20_000
_DEEPEST = 6
# Where servers put words of their own; elsewhere in a body they may repeat what people wrote.
_WORDED = (
    *("message", "msg", "detail", "details", "error", "description", "title", "reason", "raw"),
    *("code", "type", "status", "innererror", "metadata", "loc", "errors", "error_code"),
    *("provider_specific_fields", "reasons", "hint"),
)
_REFUSING = re.compile(
    r"unsupported|not supported|does not support|unrecognized|unknown|not permitted|forbidden"
    r"|not allowed|unexpected|invalid|extra|only the default|additional propert"
)
# The same where the status says that the server itself failed, or nothing: such words occur in the
# texts of failures that pass, too, so they must say it of the parameter. LiteLLM: "openai does not
# support parameters: ['reasoning_effort']"; Python: "got an unexpected keyword argument 'top_p'".
_REFUSING_IT = re.compile(
    r"(?:not support|unsupported|unrecognized|unknown|unexpected) (?:\w+ )?"
    r"(?:parameter|argument|field)s?(?: supplied)?\W{1,12}(\w+)"
)


def classify(
    status: int | None,
    body: object,
    headers: Mapping[str, str] | None = None,
    *,
    host: str = "",
    paid: bool = False,
) -> Failure:
    """Return the failure that an error means.

    `body` is its JSON value or text; `status` is None for an error within an answer, which may name
    one in its body. `paid` is passed on.
    """
    said = " ".join(_words(body))[:_MOST_WORDS].lower()
    status = status or _status_of(body)
    limit = limit_in(said)
    kind, reason, name = (
        _by_limit(limit)
        or _by_words(said)
        or _by_parameter(status, _param_of(body), said)
        or _by_status(status, empty=not body, host=host)
    )
    wait = _retry_after(headers or {})
    return Failure(kind, reason, name=name, limit=limit, retry_after=wait, paid=paid)


def _by_limit(limit: int | None) -> _Found | None:
    return None if limit is None else (Kind.PARAMETER, "parameter", "max_tokens")


def _by_words(said: str) -> _Found | None:
    # Rare, so the table is loaded when the first error comes.
    from chatbot.adapters.openai.wordings import WORDINGS

    for kind, detail, words, _ in WORDINGS:
        if _occur(words, said):
            if kind in (Kind.INPUT, Kind.PARAMETER):
                return kind, kind.value, detail
            return kind, detail, ""
    return None


def _by_status(status: int | None, empty: bool, host: str) -> _Found:
    """What a status alone means; it is the failure's name then."""
    name = "" if status is None else str(status)
    match status:
        case None:
            return Kind.AWAY, "error within the answer", name
        case 401 | 403:
            return Kind.KEY_REFUSED, "authentication", name
        case 402:
            return Kind.NOT_AVAILABLE, "insufficient_quota", name
        case 404 | 410:
            return Kind.NOT_AVAILABLE, "unknown_model", name
        case 413:
            return Kind.TOO_LONG, "context_length", name
        case 400 if empty and "cerebras" in host:
            # It says so without a word (badlogic/pi-mono, packages/ai/src/utils/overflow.ts).
            return Kind.TOO_LONG, "context_length", name
        # 424: TGI could not generate (https://huggingface.github.io/text-generation-inference);
        # 498: Groq has no capacity left (https://console.groq.com/docs/flex-processing).
        case 408 | 409 | 424 | 425 | 429 | 498:
            return Kind.AWAY, f"status {status}", name
        case _ if status >= 500 and status != 501:
            return Kind.AWAY, f"status {status}", name
        case _:
            return Kind.BAD_REQUEST, "bad_request", name


def _occur(words: str, said: str) -> bool:
    """Whether the parts of `words` occur in this order."""
    position = 0
    for part in words.split(" … "):
        found = said.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _words(value: object, depth: int = 0) -> Iterator[str]:
    """The codes and messages in a body; a message may itself be JSON (Gemini, LiteLLM)."""
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        if value.lstrip()[:1] in ("{", "[") and len(value) <= _MOST_WORDS:
            try:
                yield from _words(json.loads(value), depth + 1)
            except (ValueError, RecursionError):
                yield value
        else:
            yield value[:_MOST_WORDS]
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if name in _WORDED:
                yield from _words(part, depth + 1)
    elif isinstance(value, (list, tuple)):
        for part in value[:20]:
            yield from _words(part, depth + 1)


def _errors_of(body: object) -> Iterator[Mapping[str, Any]]:
    """The objects that may hold an error's fields, outermost first."""
    if isinstance(body, list):
        body = body[0] if body else None
    for _ in range(_DEEPEST):
        if not isinstance(body, Mapping):
            return
        yield body
        body = body.get("error")


def _param_of(body: object) -> str:
    for error in _errors_of(body):
        if isinstance(error.get("param"), str):
            return str(error["param"]).lower()
    return ""


def _status_of(body: object) -> int | None:
    """The HTTP status that an error within an answer names as its code (OpenRouter, llama.cpp)."""
    for error in _errors_of(body):
        for name in ("code", "status", "status_code"):
            value = error.get(name)
            if isinstance(value, str) and value.isdecimal() and len(value) == 3:
                value = int(value)
            if isinstance(value, int) and 400 <= value < 600:
                return value
    return None


def _by_parameter(status: int | None, param: str, said: str) -> _Found | None:
    """The optional parameter that the server refuses, if it is that."""
    if status not in (None, 400, 422, 500):
        return None
    name = param.split(".")[0]
    if re.fullmatch(r"messages\[\d+\]\.role", param):
        name = "system"
    elif name not in _REMOVABLE:
        name = _named(status, said)
    if name not in _REMOVABLE:
        return None
    return Kind.PARAMETER, "parameter", name


def _named(status: int | None, said: str) -> str:
    """The optional parameter that the words refuse, or ""."""
    if status not in (400, 422):
        found = _REFUSING_IT.search(said)
        return found[1] if found and found[1] in OPTIONAL else ""
    if not _REFUSING.search(said):
        return ""
    # The first that is named: the second may be what to use instead.
    named = [(said.find(name), name) for name in OPTIONAL if re.search(rf"\b{name}\b", said)]
    return min(named)[1] if named else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of the Retry-After header, given as such or as a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
        seconds = max(0.0, seconds)
    return min(seconds, LONGEST_WAIT) if seconds >= 0 else None
