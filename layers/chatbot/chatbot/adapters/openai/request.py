"""Build the body of a request for an answer (OpenAI API, Chat Completions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from chatbot.adapters.openai.body import DataUrl
from chatbot.core.completion import PromptLine
from chatbot.core.prompt import Prompt
from chatbot.core.settings import Settings

_LIMITS = ("max_completion_tokens", "max_tokens")


def build(
    settings: Settings, model: str, prompt: Sequence[PromptLine], refused: Set[str], most: int
) -> dict[str, Any]:
    """The body of the request, without what is `refused` (names as in adaptations.Adaptations).

    `most` is the most tokens of the answer.
    """
    refused = refused | set(settings.omitted_parameters)
    lines = prompt if "system" not in refused else _without_system(prompt)
    if "images" in refused:
        lines = _with_one_picture(lines)
    pictures = "image" not in refused and "image" in settings.model_inputs
    body = {
        "model": model,
        "messages": [
            {"role": line.role, "content": _content(line) if pictures else line.content}
            for line in lines
        ],
        **_optional(settings, prompt, most),
    }
    if settings.streaming == "on" and "stream" not in refused:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    limit = settings.max_tokens_parameter
    if limit in refused:
        [other] = [name for name in _LIMITS if name != limit]
        body[other] = body[limit]
    return {name: value for name, value in body.items() if name not in refused}


def instead_of(name: str, body: Mapping[str, Any]) -> str:
    """The body's name for what a server calls `name`: the limit of the answer has two."""
    if name in _LIMITS and name not in body:
        return next((limit for limit in _LIMITS if limit in body), name)
    return name


def limit_in(body: Mapping[str, Any]) -> int:
    """The most tokens of the answer that the body asks for; 0 when it does not say."""
    return next((int(body[limit]) for limit in _LIMITS if limit in body), 0)


def _optional(settings: Settings, prompt: Sequence[PromptLine], most: int) -> dict[str, Any]:
    """Parameters without which an answer is possible (classify.OPTIONAL lists them all)."""
    optional: dict[str, Any] = {settings.max_tokens_parameter: most}
    if settings.temperature is not None:
        optional["temperature"] = settings.temperature
    if settings.top_p is not None:
        optional["top_p"] = settings.top_p
    if settings.reasoning_effort:
        optional["reasoning_effort"] = settings.reasoning_effort
    if isinstance(prompt, Prompt) and settings.sends_hashes:
        hashes = {"prompt_cache_key": prompt.cache_key, "safety_identifier": prompt.author}
        optional |= {name: each for name, each in hashes.items() if each}
    return optional


def _without_system(prompt: Sequence[PromptLine]) -> Sequence[PromptLine]:
    """The prompt with its system lines put in front of the first line of the user."""
    system = [line.content for line in prompt if line.role == "system"]
    others = [line for line in prompt if line.role != "system"]
    for position, line in enumerate(others):
        if line.role == "user":
            content = "\n\n".join([*system, line.content])
            others[position] = replace(line, content=content)
            return others
    return [PromptLine("user", "\n\n".join(system)), *others]


def _with_one_picture(prompt: Sequence[PromptLine]) -> Sequence[PromptLine]:
    """The prompt with its last picture only."""
    last = max((n for n, line in enumerate(prompt) if line.pictures), default=-1)
    return [
        replace(line, pictures=line.pictures[-1:] if number == last else ())
        for number, line in enumerate(prompt)
    ]


def _content(line: PromptLine) -> str | list[dict[str, Any]]:
    """The text alone, or a list of parts with pictures (OpenAI API, image inputs)."""
    if not line.pictures:
        return line.content
    pictures = [
        {"type": "image_url", "image_url": {"url": DataUrl(picture)}} for picture in line.pictures
    ]
    return [{"type": "text", "text": line.content}, *pictures]
