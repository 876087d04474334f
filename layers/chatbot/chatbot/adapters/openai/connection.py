"""Talk to the model server over HTTP, by the SDK's client, within a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import finalize

from httpx2 import (
    ByteStream,
    HTTPError,
    Response,
    StreamError,
    SyncByteStream,
    TimeoutException,
)
from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    DefaultHttpxClient,
    OpenAI,
    Stream,
    Timeout,
)

from chatbot.adapters.openai.body import Body
from chatbot.adapters.openai.classify import classify
from chatbot.adapters.openai.failures import Failure, Kind
from chatbot.adapters.openai.pieces import read_json
from chatbot.core.limits import MOST_ANSWER_BODY, MOST_ERROR
from chatbot.core.settings import Settings
from chatbot.net.bodies import beginning, unpacked
from chatbot.net.deadline import Deadline, ending
from chatbot.net.tls import trust

CONNECT_SECONDS = 5.0
"""Longest time for opening a connection."""
ERROR_SECONDS = 5.0
"""Longest time for the body of an error."""


def connect(settings: Settings) -> OpenAI:
    """Create a client, to be shared by threads and reused in later invocations.

    The base URL's query (`?api-version=…`) goes along with each request. Azure, which wants it,
    takes its key in a header of its own (Azure OpenAI REST API reference, Authentication).
    """
    # What it imports is loaded with a client only.
    from chatbot.adapters.openai.timed import keep_deadlines

    key = settings.openai_api_key or "none"  # compatible servers may need none, but the SDK does
    address, _, query = settings.openai_base_url.partition("?")
    connections = DefaultHttpxClient(verify=trust(), event_hooks={"response": [_read_error]})
    keep_deadlines(connections)
    client = OpenAI(
        api_key=key,
        base_url=address,
        default_query=dict(parse_qsl(query)),
        default_headers={"api-key": key} if "api-version" in query else None,
        max_retries=0,  # the SDK's retries would not respect the deadline
        http_client=connections,
    )
    finalize(client, connections.close)  # as the SDK does with a client of its own
    return client


class Reply:
    """A response with status 200, whose body is still being received.

    `broken` is why the body ended before its end: "timeout", "connection", or "" if it did not, or
    if it was ended by `end_soon`.
    """

    def __init__(self, response: Response, deadline: Deadline) -> None:
        self.broken = ""
        self._response = response
        self._deadline = deadline
        self._ends = deadline.at
        self._ends_soon = False

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives; ends silently, with `broken` set, if it breaks."""
        try:
            yield from self._response.iter_bytes()
        except TimeoutException:
            self.broken = "" if self._ends_soon else "timeout"
        except (HTTPError, StreamError):
            self.broken = "connection"

    def body(self, most: int) -> bytearray:
        """The body. Raises Failure when it breaks off or has more than `most` bytes."""
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > most:
                raise Failure(Kind.AWAY, "too large", paid=True)
        if self.broken:
            raise Failure(Kind.AWAY, self.broken, paid=True)
        return body

    def json(self) -> Any:
        """The body as JSON. Raises Failure when it is none, breaks off, or is an error."""
        return self.value_of(self.body(MOST_ANSWER_BODY))

    def value_of(self, body: bytearray) -> Any:
        """The body as JSON, likewise."""
        try:
            value = read_json(body)
        except (ValueError, RecursionError):
            raise Failure(Kind.AWAY, "not what was asked for", paid=True) from None
        if isinstance(value, dict) and value.get("error"):
            raise classify(None, value, paid=True)
        return value

    def end_soon(self, seconds: float | None) -> None:
        """Allow only so many seconds for the rest of the body; None: all the time that is left."""
        left = self._ends - time.monotonic()
        self._ends_soon = seconds is not None
        self._deadline.end_in(left if seconds is None else min(seconds, left))

    def extend(self, seconds: float) -> None:
        """Allow `seconds` from now for the rest of the body."""
        self._deadline.end_in(seconds)
        self._ends = self._deadline.at


@contextmanager
def post(
    client: OpenAI,
    path: str,
    body: dict[str, Any],
    seconds: float,
    *,
    streamed: bool = False,
    **options: Any,
) -> Iterator[Reply]:
    """Send a request; the reply's body must be received within the block. Raises Failure.

    `streamed` is for a body with pictures, which is sent in pieces.

    Uses the client's own `post`: `chat.completions.create` spends most of its time on searching the
    prompt for values to convert, and its stream fails at much of what servers send. Everything
    ends within `seconds`: a timeout alone would begin anew with every byte.
    """
    opening = min(CONNECT_SECONDS, seconds / 4)
    options.setdefault("options", {})["timeout"] = Timeout(seconds - opening, connect=opening)
    content: dict[str, Any] = {"body": body}
    if streamed:
        pieces = Body(body)
        content = {"content": pieces.chunks()}
        headers = {"Content-Type": "application/json", "Content-Length": str(len(pieces))}
        options["options"]["headers"] = headers
    with ending(seconds) as deadline:
        with sdk_errors():
            response: Response = client.post(
                path, cast_to=Response, stream=True, stream_cls=Stream[Any], **content, **options
            )
        try:
            yield Reply(response, deadline)
        finally:
            response.close()


@contextmanager
def sdk_errors() -> Iterator[None]:
    """Convert the SDK's errors to Failure, not chained: their texts may contain the prompt."""
    try:
        yield
    except APITimeoutError:
        raise Failure(Kind.AWAY, "timeout") from None
    except APIConnectionError:
        raise Failure(Kind.AWAY, "connection") from None
    except APIStatusError as error:
        response = error.response
        host = urlsplit(str(response.request.url)).hostname or ""
        raise classify(
            error.status_code, _value(response.text), response.headers, host=host
        ) from None


def _value(text: str) -> object:
    try:
        return read_json(text)
    except (ValueError, RecursionError):
        return text.strip()


def _read_error(response: Response) -> None:
    """Receive the beginning of an error's body within ERROR_SECONDS.

    The SDK would wait for it as long as it comes, and keep all of it. A hook of the HTTP client.
    """
    body = response.stream
    if not response.is_error or not isinstance(body, SyncByteStream):
        return
    with ending(ERROR_SECONDS):
        content = beginning(body, MOST_ERROR)
    body.close()
    encoding = response.headers.pop("content-encoding", "")
    response.stream = ByteStream(unpacked(content, encoding, MOST_ERROR))
    response.read()
