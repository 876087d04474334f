"""Answers from any server with the Chat Completions API (part of ports.Model)."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from weakref import finalize

from httpx2 import HTTPError
from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    DefaultHttpxClient,
    OpenAI,
    Stream,
    Timeout,
)

from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.errors import ContentFiltered, ContextTooLong, ModelRefused, ModelUnavailable
from chatbot.core.ports import Show
from chatbot.core.prompt import Prompt
from chatbot.core.settings import Settings
from chatbot.net.tls import trust

_PATH = "/chat/completions"
_CONNECT = 5.0  # longest time in seconds for opening a connection
_DRAIN_SECONDS = 0.1  # longest time for reading what follows an answer
_MIN_SECONDS = 1.0  # with less time left, the model is not asked
_FIRST_PAUSE = 0.5  # seconds before the models are asked again; doubles

_FILTERED = ("content_filter", "content_policy_violation", "moderation_blocked")


class _UnknownModel(ModelRefused):
    """The server does not have this model, but may have the next one of the list."""


def connect(settings: Settings) -> OpenAI:
    """Create a client, to be shared by threads and reused in later invocations."""
    connections = DefaultHttpxClient(verify=trust())
    client = OpenAI(
        # Compatible servers may need no key, but the SDK does.
        api_key=settings.openai_api_key or "none",
        base_url=settings.openai_base_url,
        max_retries=0,  # the SDK's retries would not respect the deadline
        http_client=connections,
    )
    finalize(client, connections.close)  # as the SDK does with a client of its own
    return client


class ChatModel:
    """Asks OPENAI_MODEL, then OPENAI_FALLBACK_MODELS, then all of them again while time is left.

    Its errors are not chained to those of the SDK, whose texts and bodies may contain the prompt.
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

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        """See ports.Model. `show` is called in this thread, for every chunk of the answer."""
        end = self._clock() + seconds
        models = [self._settings.openai_model, *self._settings.openai_fallback_models]
        pause = _FIRST_PAUSE
        problem = ModelUnavailable("no time left to ask")
        while True:
            if not show(""):
                return Completion("", models[0], stopped=True)
            candidates = tuple(models)
            for position, model in enumerate(candidates):
                # A model that never answers must leave time for those after it.
                share = (end - self._clock()) / (len(candidates) - position)
                if share < _MIN_SECONDS:
                    raise problem
                try:
                    return self._ask(model, prompt, share, show, spending)
                except ModelUnavailable as unavailable:
                    problem = unavailable
                except _UnknownModel:
                    models.remove(model)
            if not models:
                raise ModelRefused("unknown_model")
            wait = max(pause, problem.retry_after or 0)
            if self._clock() + wait + _MIN_SECONDS > end:
                raise problem
            self._sleep(wait)
            pause *= 2

    def _ask(
        self,
        model: str,
        prompt: Sequence[PromptLine],
        seconds: float,
        show: Show,
        spending: Spending,
    ) -> Completion:
        request = self._request(model, prompt)
        spending.begin_request()
        with sdk_errors(), closing(self._chunks(request, seconds, spending)) as chunks:
            return _AnswerSoFar(model).read(chunks, show)

    def _chunks(
        self, request: dict[str, Any], seconds: float, spending: Spending
    ) -> Generator[Any]:
        """Request an answer; yields its chunks as plain JSON objects within `seconds`.

        Bypasses `chat.completions.create`, which spends most of its time on searching the prompt
        for values to convert, and the SDK's response classes, which cost more than plain JSON.
        """
        ends = time.monotonic() + seconds
        opening = min(_CONNECT, seconds / 4)
        timeout = Timeout(seconds - opening, connect=opening)
        if self._settings.streaming == "off":
            whole = self._client.post(
                _PATH, cast_to=object, body=request, options={"timeout": timeout}
            )
            spending.count_paid()
            yield whole
            return
        stream = self._client.post(
            _PATH,
            cast_to=object,
            body={**request, "stream": True, "stream_options": {"include_usage": True}},
            options={"timeout": timeout},
            stream=True,
            stream_cls=Stream[Any],
        )
        spending.count_paid()
        with stream, _shut_down(stream, ends - time.monotonic()):
            for chunk in stream:
                yield chunk
                if chunk.get("usage") and not chunk["choices"]:
                    _drain(stream)
                    return

    def _request(self, model: str, prompt: Sequence[PromptLine]) -> dict[str, Any]:
        settings = self._settings
        request: dict[str, Any] = {
            "model": model,
            "messages": [{"role": line.role, "content": _content(line)} for line in prompt],
            settings.max_tokens_parameter: settings.max_tokens,
        }
        if settings.temperature is not None:
            request["temperature"] = settings.temperature
        if settings.top_p is not None:
            request["top_p"] = settings.top_p
        if settings.reasoning_effort:
            request["reasoning_effort"] = settings.reasoning_effort
        if isinstance(prompt, Prompt) and settings.sends_hashes:
            hashes = {"prompt_cache_key": prompt.cache_key, "safety_identifier": prompt.author}
            request |= {name: each for name, each in hashes.items() if each}
        return request


@contextmanager
def _shut_down(stream: Stream[Any], seconds: float) -> Iterator[None]:
    """Shut the connection down after `seconds`: its read timeout restarts with every chunk."""
    connection = stream.response.extensions["network_stream"].get_extra_info("socket")

    def shut_down() -> None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut_down)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _drain(stream: Stream[Any]) -> None:
    """Read the stream to its end, so that the SDK keeps the connection open for reuse."""
    with suppress(HTTPError), _shut_down(stream, _DRAIN_SECONDS):
        for _ in stream.response.stream:  # type: ignore[union-attr]
            continue


@dataclass(slots=True)
class _AnswerSoFar:
    """Collects the chunks of an answer."""

    model: str
    text: str = ""
    finish: str = ""
    refused: bool = False
    tokens_in: int = 0
    tokens_out: int = 0

    def read(self, chunks: Iterable[Any], show: Show) -> Completion:
        """Read all chunks, unless `show` stops the answer.

        Raises ContentFiltered, ModelRefused, ModelUnavailable; also AttributeError, LookupError,
        TypeError for JSON of an unexpected form.
        """
        for chunk in chunks:
            before = self.text.strip()
            self._add(chunk)
            if not show(self.text) and not self.finish:  # without the chunk that came too late
                return Completion(before, self.model, self.tokens_in, self.tokens_out, stopped=True)
        if self.finish == "content_filter" or self.refused:
            raise ContentFiltered("content_filter")
        text, cut = self.text.strip(), self.finish == "length"
        if not text and cut:
            raise ModelRefused("token_limit")  # a reasoning model used all tokens for reasoning
        if not text:
            raise ModelUnavailable("empty answer")
        if not self.finish:
            raise ModelUnavailable("broken off")
        return Completion(text, self.model, self.tokens_in, self.tokens_out, cut)

    def _add(self, chunk: Any) -> None:
        """Add a chunk of a streamed answer, or a whole answer (OpenAI API, Chat Completions)."""
        self.model = chunk.get("model") or self.model
        for choice in chunk["choices"]:
            message = choice["delta"] if "delta" in choice else choice["message"]
            self.text += message.get("content") or ""
            self.refused = self.refused or bool(message.get("refusal"))
            self.finish = choice.get("finish_reason") or self.finish
        usage = chunk.get("usage")
        if usage:
            self.tokens_in = int(usage["prompt_tokens"] or 0)
            self.tokens_out = int(usage["completion_tokens"] or 0)


def _content(line: PromptLine) -> str | list[dict[str, Any]]:
    """The text alone, or a list of parts with pictures (OpenAI API, image inputs)."""
    if not line.pictures:
        return line.content
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in line.pictures]
    return [{"type": "text", "text": line.content}, *pictures]


@contextmanager
def sdk_errors() -> Iterator[None]:
    """Convert the SDK's errors to ours, not chained: their texts may contain the prompt.

    A LookupError, TypeError or the like from an unexpected answer becomes ModelUnavailable.
    """
    try:
        yield
    except APITimeoutError:
        raise ModelUnavailable("timeout") from None
    except APIConnectionError:
        raise ModelUnavailable("connection") from None
    except APIError as error:
        raise _domain_error(error) from None
    except (AttributeError, LookupError, TypeError, ValueError):
        # The SDK returns whatever JSON it receives, unchecked.
        raise ModelUnavailable("not what was asked for") from None


def _domain_error(error: APIError) -> Exception:
    """Our error for an API error (OpenAI API, error codes); one within a stream has no status."""
    code = error.code or ""
    if code in _FILTERED:
        return ContentFiltered("content_filter")
    if not isinstance(error, APIStatusError):
        return ModelUnavailable("error within the answer")
    status = error.status_code
    if status in (401, 403):
        return ModelRefused("authentication")
    if status == 404:
        return _UnknownModel("unknown_model")
    if code == "insufficient_quota":  # a 429 that does not end by waiting
        return ModelRefused("insufficient_quota")
    if status in (408, 409, 429) or status >= 500:
        return ModelUnavailable(f"status {status}", _retry_after(error))
    # Compatible servers have no common code for it, but all use these words.
    if code == "context_length_exceeded" or "context length" in error.message.lower():
        return ContextTooLong("context_length")
    return ModelRefused("bad_request")


def _retry_after(error: APIStatusError) -> float | None:
    """Seconds of the retry-after header; None for the form with a date, which no server sends."""
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None
