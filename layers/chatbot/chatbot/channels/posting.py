"""HTTP calls to a platform, sorted by what is known of their effect.

`requests` puts the address into its errors' text, and Telegram's holds the token: nothing of it
leaves this module, neither as text nor as a cause.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, ProxyError

from chatbot.errors import AmbiguousPost, ChatbotError, FilesUnavailable, PostRefused
from chatbot.messages import File, Made, Part, Reply
from chatbot.ports import Files, Journal

COURTESY_TIMEOUT = 3.0
"""Seconds for calls that the answer does not depend on (typing, seen marks)."""

_CONNECTING = 0.3
_IDLE = 20.0
_CONNECTIONS = 32


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


def new_session() -> requests.Session:
    """A session that threads may share. It repeats nothing by itself: that would post twice."""
    # At DEBUG urllib3 writes the path of every request.
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(max_retries=0, pool_maxsize=_CONNECTIONS))
    return session


def send(
    session: requests.Session, method: str, url: str, *, timeout: float, **request: Any
) -> Answer:
    """One request, over within `timeout` seconds; `request` is what `requests` takes.

    Raises PostRefused when it surely never left, AmbiguousPost when nobody knows.
    """
    limits = (timeout * _CONNECTING, timeout * (1 - _CONNECTING))
    try:
        response = session.request(method, url, timeout=limits, allow_redirects=False, **request)
    except (requests.RequestException, HTTPError) as error:
        name = type(error).__name__
        if _never_left(error):
            raise PostRefused(name) from None
        raise AmbiguousPost(name) from None
    header = response.headers.get("Retry-After", "")
    seconds = float(header) if re.fullmatch(r"\d{1,6}", header, re.ASCII) else None
    return Answer(response.status_code, _json_object(response.content), seconds)


def with_buttons(parts: Sequence[Part], reply: Reply) -> Sequence[Part]:
    """The reply's buttons stand below its last part."""
    if not reply.buttons:
        return parts
    return [*parts[:-1], *(replace(part, buttons=reply.buttons) for part in parts[-1:])]


def courtesy(channel: str, name: str, call: Callable[[float], Answer], journal: Journal) -> None:
    """A call that the answer does not depend on; its failure is a line in the log.

    `call` is given the seconds that it may take.
    """
    try:
        answer = call(COURTESY_TIMEOUT)
    except (PostRefused, AmbiguousPost) as error:
        journal.hop("courtesy_lost", channel=channel, call=name, reason=str(error))
        return
    if not answer.good:
        journal.hop("courtesy_lost", channel=channel, call=name, reason=f"status {answer.status}")


def kept(files: Files | None, made: Made | None) -> File | None:
    """What is to be posted, or None when it is gone. Raises PostRefused: nothing has left yet."""
    if files is None or made is None:
        return None
    try:
        return files.load(made.name)
    except FilesUnavailable as error:
        raise PostRefused(f"files: {error}") from None


def upload_of(made: Made, file: File) -> tuple[str, bytes, str]:
    """The file as `requests` takes it, under the name that the person sees."""
    name = made.name.rpartition("/")[2] if made.is_picture else made.title
    return name, file.content, file.type


def as_form(fields: Mapping[str, Any], files: Mapping[str, Any]) -> dict[str, Any]:
    """A multipart request: what is not text goes as JSON."""
    texts = {
        name: field if isinstance(field, str) else json.dumps(field)
        for name, field in fields.items()
    }
    return {"data": texts, "files": files}


def _never_left(error: Exception) -> bool:
    """Whether no connection was made (urllib3 wraps the reason), or no request could be formed.

    A connection that the other side closed while it was idle looks like one closed after the
    request was read, so it does not count.
    """
    if isinstance(error, ValueError):  # InvalidURL, InvalidHeader, …
        return True
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", cause), (ConnectTimeoutError, ProxyError))


def _json_object(content: bytes) -> Mapping[str, Any] | None:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


class _Adapter(HTTPAdapter):
    """Forgets connections that idled: those of a frozen function are dead when it wakes.

    Found out by posting, that would be one more post whose fate nobody knows.
    """

    _used = 0.0

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        now = time.time()
        if now - self._used > _IDLE:
            self.poolmanager.clear()
        self._used = now
        return super().send(*args, **kwargs)
