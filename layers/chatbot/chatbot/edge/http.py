"""Requests and responses of the HTTP API (API Gateway guide, payload format version 2.0)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from chatbot.core.errors import Unreadable
from chatbot.core.limits import DEEPEST_JSON
from chatbot.core.message import Envelope, Stop
from chatbot.core.numbers import strict_float, strict_integer
from chatbot.core.settings import Settings

Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]
"""A Lambda handler: takes event and context, returns the response."""

STRICT_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
}
"""Headers of every response, also of errors; a response may override single ones."""
_WEIGHT = re.compile(r"\s*(?:q\s*=\s*(0(?:\.\d*)?|1(?:\.0*)?)\s*)?")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request; header names are lower case, `body` is the bytes as they were sent.

    `address` is the client's, as the HTTP API has seen it: not what a header claims.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    address: str = ""

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Request:
        """Read an event of the HTTP API. Raises Unreadable for a body that is not valid base64."""
        text = event.get("body") or ""
        # No client can send a lone surrogate; it must fail the signature check, not raise here.
        body = text.encode("utf-8", "surrogatepass")
        if event.get("isBase64Encoded"):
            try:
                body = base64.b64decode(body)
            except binascii.Error:
                raise Unreadable("base64") from None
        cookies: dict[str, str] = {}
        for cookie in event.get("cookies") or ():
            name, _, value = cookie.partition("=")
            # Only these are no part of a name for browsers, too (RFC 6265bis, section 5.6): with
            # others before it, anybody may set what would be a cookie with the prefix here.
            cookies.setdefault(name.strip(" \t"), value.strip(" \t"))
        return cls(
            method=event["requestContext"]["http"]["method"],
            path=event["rawPath"],
            headers={name.lower(): text for name, text in (event.get("headers") or {}).items()},
            query=dict(event.get("queryStringParameters") or {}),
            cookies=cookies,
            body=body,
            address=event["requestContext"]["http"].get("sourceIp", ""),
        )

    def accepts(self, coding: str) -> bool:
        """Whether the client wants the content coding, such as "gzip" (RFC 9110, 12.5.3).

        A client that names no codings, such as curl, gets none, although it would have to accept
        all of them.
        """
        weights = {}
        for item in self.headers.get("accept-encoding", "").lower().split(","):
            name, _, parameters = item.partition(";")
            match = _WEIGHT.fullmatch(parameters)
            weights[name.strip().removeprefix("x-")] = float(match[1] or 1) if match else 0.0
        any_other = weights.get("*", 0.0)
        return weights.get(coding, any_other) > 0.0 and (
            weights.get(coding, any_other) >= weights.get("identity", 0.0)
        )

    @property
    def scheme(self) -> str:
        """Scheme of the client's URL; http without the header, which the HTTP API always sends."""
        return self.headers.get("x-forwarded-proto", "http").lower()

    @property
    def secure(self) -> bool:
        """Whether the client's URL is one of https."""
        return self.scheme == "https"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; header names are lower case, a `base64` body is sent as decoded bytes."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    base64: bool = False

    @classmethod
    def of_json(
        cls, data: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return a response whose body is `data` as JSON in UTF-8, not escaped to ASCII."""
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        body = text.encode("utf-8", "replace").decode()
        return cls(status, body, {"content-type": "application/json", **(headers or {})})

    def to_event(self) -> dict[str, Any]:
        """Return what the function returns to the HTTP API."""
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
class Guess:
    """An access code that was given: by whom, as a hash of the address, and whether it is right."""

    address: str
    right: bool


@dataclass(frozen=True, slots=True)
class Received:
    """The events that a channel found in a request.

    `envelopes` are to be queued. `ignored` has a reason for each event that is not answered, such
    as "bot": fixed words for the log, never a person's. `response` is sent once the envelopes are
    queued; None stands for an empty 200. `stops` are requests to stop an answer. They bypass the
    queue, where they would wait behind the very message whose answer they are to stop. With a
    `guess`, `response` is only for a right one that need not wait.
    """

    envelopes: tuple[Envelope, ...] = ()
    ignored: tuple[str, ...] = ()
    response: Response | None = None
    stops: tuple[Stop, ...] = ()
    guess: Guess | None = None


class Inbound(Protocol):
    """A channel in the webhook function: authenticates requests and finds the events in them."""

    @property
    def name(self) -> str:
        """The channel's name, as in its description."""

    def receive(self, request: Request) -> Received:
        """Authenticate the request, then split it into events. Raises Forged, Unreadable."""


MakeInbound = Callable[[Settings], Inbound]
"""The type of a channel's `inbound` entry point; called again whenever the settings change."""


def parse_json(body: bytes) -> dict[str, Any]:
    """Parse the JSON object in `body`, which can be written as JSON in UTF-8 again.

    A lone surrogate becomes U+FFFD: it can be neither stored nor posted, and a message must not be
    lost because of an emoji that was cut in half. Raises Unreadable for anything but a JSON object
    in UTF-8, for nesting deeper than DEEPEST_JSON, and for numbers that are none: NaN, Infinity,
    `1e999`, integers longer than LONGEST_INTEGER.
    """
    try:
        data = json.loads(
            body.decode(),
            parse_constant=_no_constant,
            parse_int=strict_integer,
            parse_float=strict_float,
        )
        if b"\\ud" in body or b"\\uD" in body:
            text = json.dumps(data, ensure_ascii=False)
            data = json.loads(_LONE_SURROGATE.sub("\ufffd", text))
    except (ValueError, RecursionError):
        raise Unreadable("json") from None
    if not isinstance(data, dict):
        raise Unreadable("json shape")
    if body.count(b"{") + body.count(b"[") > DEEPEST_JSON and _deeper_than(data, DEEPEST_JSON):
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
