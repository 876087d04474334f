"""A request and its answer as the functions behind the HTTP API see them (payload 2.0)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from chatbot.core.errors import Unreadable
from chatbot.core.message import Envelope, Stop
from chatbot.core.settings import Settings

Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]
"""A Lambda function behind the HTTP API: event and context in, response out."""

MAX_DEPTH = 64
STRICT_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
}
"""Of every response, errors included, that does not say otherwise."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` by lower-case name; `body` as it was on the wire."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Request:
        """Raises Unreadable when `isBase64Encoded` is set and the body is not."""
        text = event.get("body") or ""
        # A lone surrogate cannot have been on the wire: it may only fail to verify, never raise.
        body = text.encode("utf-8", "surrogatepass")
        if event.get("isBase64Encoded"):
            try:
                body = base64.b64decode(body)
            except binascii.Error:
                raise Unreadable("base64") from None
        cookies: dict[str, str] = {}
        for cookie in event.get("cookies") or ():
            name, _, value = cookie.partition("=")
            cookies.setdefault(name.strip(), value.strip())
        return cls(
            method=event["requestContext"]["http"]["method"],
            path=event["rawPath"],
            headers={name.lower(): text for name, text in (event.get("headers") or {}).items()},
            query=dict(event.get("queryStringParameters") or {}),
            cookies=cookies,
            body=body,
        )

    @property
    def scheme(self) -> str:
        """What the person's browser spoke; the HTTP API always says so, the local stack may not."""
        return self.headers.get("x-forwarded-proto", "http").lower()


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` by lower-case name; `base64` says that the body is bytes written like that."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    base64: bool = False

    @classmethod
    def of_json(
        cls, data: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        body = json.dumps(data, separators=(",", ":"))
        return cls(status, body, {"content-type": "application/json", **(headers or {})})

    def to_event(self) -> dict[str, Any]:
        own = {name: text for name, text in self.headers.items() if name != "set-cookie"}
        event: dict[str, Any] = {
            "statusCode": self.status,
            "headers": STRICT_HEADERS | own,
            "body": self.body,
            "isBase64Encoded": self.base64,
        }
        if "set-cookie" in self.headers:
            event["cookies"] = [self.headers["set-cookie"]]
        return event


@dataclass(frozen=True, slots=True)
class Received:
    """What a channel made of a request.

    `ignored` names why, once for each event that is not worth a worker's time; the words are
    metric-safe. `response` is the answer once the envelopes are queued; None is a plain 200.
    `stops` never go through the queue: what they are to stop holds up its conversation there.
    """

    envelopes: tuple[Envelope, ...] = ()
    ignored: tuple[str, ...] = ()
    response: Response | None = None
    stops: tuple[Stop, ...] = ()


class Inbound(Protocol):
    """The webhook's side of a channel."""

    @property
    def name(self) -> str: ...

    def receive(self, request: Request) -> Received:
        """Authenticate, then split. Raises Forged, Unreadable."""


MakeInbound = Callable[[Settings], Inbound]
"""An `inbound` entry point of a channel: called again whenever the settings have changed."""


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, safe to write as JSON again.

    Half a surrogate pair becomes U+FFFD: it could never be stored or posted, and one cut emoji
    must not cost the message. Raises Unreadable for anything but a JSON object in UTF-8, and for
    NaN, infinities by name, and nesting beyond MAX_DEPTH.
    """
    try:
        data = json.loads(body.decode(), parse_constant=_no_constant)
        if b"\\ud" in body or b"\\uD" in body:
            text = json.dumps(data, ensure_ascii=False)
            data = json.loads(_LONE_SURROGATE.sub("\ufffd", text))
    except (ValueError, RecursionError):
        raise Unreadable("json") from None
    if not isinstance(data, dict):
        raise Unreadable("json shape")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _deeper_than(data, MAX_DEPTH):
        raise Unreadable("json depth")
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _deeper_than(data: Any, depth: int) -> bool:
    level = [data]
    for _ in range(depth):
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return any(isinstance(node, (dict, list)) for node in level)
