"""HTTP calls to a platform, sorted by what is known of their effect.

urllib3 puts the address into its errors' text, and Telegram's holds the token: nothing of it
leaves this module, neither as text nor as a cause.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError

from chatbot.core.errors import AmbiguousPost, ChatbotError, PostRefused
from chatbot.net.tls import trust

_CONNECTING = 0.3
_IDLE = 20.0
_CONNECTIONS = 32

Upload = tuple[str, bytes, str]
"""Name, content and media type of a file."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the JSON object that came back, None when none did; `retry_after` in seconds."""

    status: int
    body: Mapping[str, Any] | None
    retry_after: float | None

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300 and self.body is not None

    def refusal(self) -> ChatbotError | None:
        """What the status means on every platform; None where its own codes must tell."""
        if self.status == 429 or 300 <= self.status < 400:
            return PostRefused(f"status {self.status}", self.retry_after)
        if self.status >= 500 or (self.status < 300 and self.body is None):
            return AmbiguousPost(f"status {self.status}")
        return None


class Session(PoolManager):
    """Connections that threads may share. It repeats nothing by itself: that would post twice.

    Forgets connections that idled: those of a frozen function are dead when it wakes. Found out
    by posting, that would be one more post whose fate nobody knows.
    """

    def __init__(self) -> None:
        super().__init__(maxsize=_CONNECTIONS, retries=False, ssl_context=trust())
        self._used = 0.0
        self._looking = threading.Lock()  # nobody takes a connection that is about to be closed
        # At DEBUG urllib3 writes the path of every request.
        logging.getLogger("urllib3").setLevel(logging.WARNING)

    def urlopen(self, *args: Any, **kwargs: Any) -> BaseHTTPResponse:
        with self._looking:
            now = time.time()
            if now - self._used > _IDLE:
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
    """One request, over within `timeout` seconds; `fields` go as JSON, beside `files` as a form.

    Raises PostRefused when it surely never left, AmbiguousPost when nobody knows.
    """
    if not url.startswith(("http://", "https://")):
        raise PostRefused("no address")  # urllib3 would take it for http
    request: dict[str, Any] = {"headers": {**(headers or {})}, "body": body}
    if files:
        request = {"headers": headers, "fields": {**_as_form(fields or {}), **files}}
    elif fields is not None:
        request["headers"]["Content-Type"] = "application/json"
        request["body"] = json.dumps(fields).encode()
    limits = Timeout(connect=timeout * _CONNECTING, read=timeout * (1 - _CONNECTING))
    target = f"{url}?{urlencode(params)}" if params else url
    try:
        response = session.request(method, target, timeout=limits, redirect=False, **request)
    except (ConnectTimeoutError, ValueError) as error:  # or no request could be formed
        raise PostRefused(type(error).__name__) from None
    except HTTPError as error:
        # Also a connection that was closed while it was idle: that looks like one that was closed
        # after the request had been read.
        raise AmbiguousPost(type(error).__name__) from None
    header = response.headers.get("Retry-After", "")
    seconds = float(header) if re.fullmatch(r"\d{1,6}", header, re.ASCII) else None
    return Answer(response.status, _json_object(response.data), seconds)


def _as_form(fields: Mapping[str, Any]) -> dict[str, str]:
    """What is not text goes as JSON."""
    return {
        name: field if isinstance(field, str) else json.dumps(field)
        for name, field in fields.items()
    }


def _json_object(content: bytes) -> Mapping[str, Any] | None:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
