"""HTTP calls of a platform's API, whose errors say whether the call may have had an effect.

urllib3's errors contain the URL, and Telegram's URLs contain the token. Therefore they never leave
this module, neither as text nor as the cause of another error.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError
from urllib3.fields import RequestField

from chatbot.core.errors import AmbiguousPost, ChatbotError, FilesUnavailable, PostRefused
from chatbot.core.files import FileStream
from chatbot.core.limits import MOST_REPLY
from chatbot.core.numbers import lenient_integer
from chatbot.net.bodies import beginning, unpacked
from chatbot.net.connections import POOLS
from chatbot.net.deadline import ending
from chatbot.net.tls import trust

_CONNECT_SHARE = 0.3  # of the timeout
_IDLE_SECONDS = 20.0
_CONNECTIONS = 32
_CHUNK = 65_536


class Upload(NamedTuple):
    """A file to upload, and the name under which it is."""

    name: str
    file: FileStream


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: `body` is its JSON object, None without one; `retry_after` is in seconds."""

    status: int
    body: Mapping[str, Any] | None
    retry_after: float | None

    @property
    def good(self) -> bool:
        """Whether the call succeeded: status 2xx and a JSON object."""
        return 200 <= self.status < 300 and self.body is not None

    def refusal(self) -> ChatbotError | None:
        """Return the error for this status where it means the same on every platform, else None.

        PostRefused: the call had no effect. AmbiguousPost: it may have had one.
        """
        if self.status == 429 or 300 <= self.status < 400:
            return PostRefused(f"status {self.status}", self.retry_after)
        if self.status >= 500 or (self.status < 300 and self.body is None):
            return AmbiguousPost(f"status {self.status}")
        return None


class Session(PoolManager):
    """A pool of connections that threads may share; it never retries, which could post twice.

    It closes connections that were idle for 20 s: while Lambda freezes the function, servers close
    theirs, and a post on a closed connection may or may not have been made.
    """

    def __init__(self) -> None:
        super().__init__(maxsize=_CONNECTIONS, retries=False, ssl_context=trust())
        self.pool_classes_by_scheme = POOLS
        self._used = 0.0
        self._lock = threading.Lock()  # no thread takes a connection that another is about to close
        # At DEBUG urllib3 logs the path of every request.
        logging.getLogger("urllib3").setLevel(logging.WARNING)

    def urlopen(self, *args: Any, **kwargs: Any) -> BaseHTTPResponse:
        """Send a request as PoolManager does, on a connection that was not idle for long."""
        with self._lock:
            now = time.time()
            if now - self._used > _IDLE_SECONDS:
                self.clear()
            self._used = now
        return super().urlopen(*args, **kwargs)


def send(
    session: Session,
    method: str,
    url: str,
    *,
    timeout: float,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, Any] | None = None,
    body: bytes | None = None,
    fields: Mapping[str, Any] | None = None,
    files: Mapping[str, Upload] | None = None,
) -> Answer:
    """Make one request within `timeout` seconds and return the answer, whatever its status.

    The time is for the whole of it, however slowly the server takes the request or answers. What is
    longer than MOST_REPLY is no JSON.

    `params` go into the query, `fields` into a JSON body, or with `files` into a multipart form.
    Redirects are not followed.

    Raises PostRefused when it surely had no effect, AmbiguousPost when it may have had one.
    """
    if not url.startswith(("http://", "https://")):
        raise PostRefused("no address")  # urllib3 would default to http
    request: dict[str, Any] = {"headers": {**(headers or {})}, "body": body}
    if files:
        form = _Form(fields or {}, files)
        request = {"headers": {**(headers or {}), **form.headers}, "body": form}
    elif fields is not None:
        request["headers"]["Content-Type"] = "application/json"
        request["body"] = json.dumps(fields).encode()
    limits = Timeout(connect=timeout * _CONNECT_SHARE, read=timeout * (1 - _CONNECT_SHARE))
    target = f"{url}?{urlencode(params)}" if params else url
    options: dict[str, Any] = {"timeout": limits, "redirect": False, "preload_content": False}
    try:
        with ending(timeout), session.request(method, target, **options, **request) as response:
            content = beginning(response.stream(_CHUNK, decode_content=False), MOST_REPLY)
    except FilesUnavailable as error:  # the form broke off: no server takes it for the whole
        raise PostRefused(f"files: {error}") from None
    except (ConnectTimeoutError, ValueError) as error:  # or no request could be formed
        raise PostRefused(type(error).__name__) from None
    except HTTPError as error:
        # This includes an idle connection that the server had closed: it cannot be told from one
        # that was closed after the server had read the request.
        raise AmbiguousPost(type(error).__name__) from None
    header = response.headers.get("Retry-After", "")
    seconds = float(header) if re.fullmatch(r"\d{1,6}", header, re.ASCII) else None
    content = unpacked(content, response.headers.get("Content-Encoding", ""), MOST_REPLY)
    return Answer(response.status, _json_object(content), seconds)


class _Form:
    """A multipart form, whose files are read in pieces (RFC 7578).

    A value of `fields` that is not text is written as JSON.
    """

    def __init__(self, fields: Mapping[str, Any], files: Mapping[str, Upload]) -> None:
        self._boundary = os.urandom(16).hex()
        self._parts: list[tuple[bytes, FileStream]] = []
        for name, value in fields.items():
            content = (value if isinstance(value, str) else json.dumps(value)).encode()
            text = FileStream("", len(content), partial(iter, [content]))
            self._parts.append((self._header(name, None, None), text))
        for name, upload in files.items():
            header = self._header(name, upload.name, upload.file.type)
            self._parts.append((header, upload.file))
        self._end = f"--{self._boundary}--\r\n".encode()

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the request."""
        size = sum(len(header) + file.size + len(b"\r\n") for header, file in self._parts)
        return {
            "Content-Type": f"multipart/form-data; boundary={self._boundary}",
            "Content-Length": str(size + len(self._end)),
        }

    def __iter__(self) -> Iterator[bytes]:
        """Yield the form in pieces."""
        for header, file in self._parts:
            yield header
            yield from file.chunks()
            yield b"\r\n"
        yield self._end

    def _header(self, name: str, filename: str | None, kind: str | None) -> bytes:
        field = RequestField(name, b"", filename)
        field.make_multipart(content_type=kind)
        return f"--{self._boundary}\r\n{field.render_headers()}".encode()


def _json_object(content: bytes) -> Mapping[str, Any] | None:
    try:
        # A number that is none must not turn a post that arrived into one that may have.
        body = json.loads(content, parse_int=lenient_integer)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
