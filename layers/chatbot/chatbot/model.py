"""The model behind any server that speaks Chat Completions: ports.Model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, OpenAI, Timeout
from openai.types.chat import ChatCompletion

from chatbot.errors import ContentFiltered, ContextTooLong, ModelRefused, ModelUnavailable
from chatbot.messages import Completion, PromptLine
from chatbot.settings import Settings

_CONNECT = 5.0  # most seconds for opening a connection
_LEAST = 1.0  # seconds below which asking is pointless
_FIRST_PAUSE = 0.5  # seconds; doubles

_FILTERED = ("content_filter", "content_policy_violation")


class _UnknownModel(Exception):
    """The server does not have the model, but may have the next one."""


def connect(settings: Settings) -> OpenAI:
    """A client that may be shared by threads and outlive an invocation."""
    return OpenAI(
        # Compatible servers may want no key; the SDK insists on one.
        api_key=settings.openai_api_key or "none",
        base_url=settings.openai_base_url,
        max_retries=0,  # its own pauses know nothing of the time that is left
    )


class ChatModel:
    """Asks OPENAI_MODEL, then OPENAI_FALLBACK_MODELS, then all of them again while time allows.

    The errors it raises hide those of the SDK, whose texts and bodies may hold the prompt.
    """

    def __init__(
        self,
        settings: Settings,
        client: OpenAI | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._client = client or connect(settings)
        self._sleep = sleep
        self._clock = clock

    def answer(self, prompt: Sequence[PromptLine], seconds: float) -> Completion:
        end = self._clock() + seconds
        models = [self._settings.openai_model, *self._settings.openai_fallback_models]
        pause = _FIRST_PAUSE
        problem = ModelUnavailable("no time left to ask")
        while True:
            asking = tuple(models)
            for position, model in enumerate(asking):
                # A server that never answers must leave time for the models after it.
                share = (end - self._clock()) / (len(asking) - position)
                if share < _LEAST:
                    raise problem
                try:
                    return self._ask(model, prompt, share)
                except ModelUnavailable as unavailable:
                    problem = unavailable
                except _UnknownModel:
                    models.remove(model)
            if not models:
                raise ModelRefused("unknown_model")
            wait = max(pause, problem.retry_after or 0)
            if self._clock() + wait + _LEAST > end:
                raise problem
            self._sleep(wait)
            pause *= 2

    def _ask(self, model: str, prompt: Sequence[PromptLine], seconds: float) -> Completion:
        opening = min(_CONNECT, seconds / 4)
        try:
            # `chat.completions.create` looks through every line of the prompt for something to
            # convert, which takes longer than all else that it does.
            answer = self._client.post(
                "/chat/completions",
                cast_to=ChatCompletion,
                body=self._request(model, prompt),
                options={"timeout": Timeout(seconds - opening, connect=opening)},
            )
        except APITimeoutError:
            raise ModelUnavailable("timeout") from None
        except APIConnectionError:
            raise ModelUnavailable("connection") from None
        except APIStatusError as error:
            raise _meaning(error) from None
        except (APIError, ValueError):
            raise ModelUnavailable("not a chat completion") from None
        try:
            return _completion(answer, model)
        except (AttributeError, IndexError, TypeError):
            # The SDK builds its objects from whatever JSON came, without a check.
            raise ModelUnavailable("not a chat completion") from None

    def _request(self, model: str, prompt: Sequence[PromptLine]) -> dict[str, Any]:
        settings = self._settings
        request: dict[str, Any] = {
            "model": model,
            "messages": [{"role": line.role, "content": line.content} for line in prompt],
            settings.max_tokens_parameter: settings.max_tokens,
        }
        if settings.temperature is not None:
            request["temperature"] = settings.temperature
        if settings.top_p is not None:
            request["top_p"] = settings.top_p
        return request


def _completion(answer: ChatCompletion, asked: str) -> Completion:
    """Raises AttributeError, IndexError or TypeError where a part of the answer is not there."""
    choice, usage = answer.choices[0], answer.usage
    if choice.finish_reason == "content_filter" or getattr(choice.message, "refusal", None):
        raise ContentFiltered("content_filter")
    text = (choice.message.content or "").strip()
    cut = choice.finish_reason == "length"
    if not text and cut:
        raise ModelRefused("token_limit")  # a reasoning model thought it all away
    if not text:
        raise ModelUnavailable("empty answer")
    return Completion(
        text=text,
        model=answer.model or asked,
        tokens_in=int(usage.prompt_tokens or 0) if usage else 0,
        tokens_out=int(usage.completion_tokens or 0) if usage else 0,
        cut=cut,
    )


def _meaning(error: APIStatusError) -> Exception:
    """What a status means for us (OpenAI API, error codes)."""
    status, code = error.status_code, error.code or ""
    if status in (401, 403):
        return ModelRefused("authentication")
    if status == 404:
        return _UnknownModel()
    if code == "insufficient_quota":  # a 429 that no waiting heals
        return ModelRefused("insufficient_quota")
    if status in (408, 409, 429) or status >= 500:
        return ModelUnavailable(f"status {status}", _retry_after(error))
    if code in _FILTERED:
        return ContentFiltered("content_filter")
    # Compatible servers have no common code for it, but all say it in these words.
    if code == "context_length_exceeded" or "context length" in error.message.lower():
        return ContextTooLong("context_length")
    return ModelRefused("bad_request")


def _retry_after(error: APIStatusError) -> float | None:
    """Seconds that the server asked us to wait; dates, which none sends, count as nothing."""
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None
