"""The web page's messages: `POST /web/messages` → envelope → message."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from chatbot.channels.slash import parse_command
from chatbot.channels.web.session import session_of
from chatbot.errors import Forged, Malformed, Unreadable
from chatbot.http import Received, Request, Response, parse_json
from chatbot.messages import Author, Envelope, Kind, Message
from chatbot.ports import Clock
from chatbot.settings import Settings

NAME = "web"
MAX_TEXT = 8_000
MAX_BODY = 128 * 1024
MAX_AHEAD = 60_000
MAX_OLD = 24 * 3_600_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _now() -> int:
    return time.time_ns() // 1_000_000


def conversation_of(session: str) -> str:
    return f"{NAME}:{session}"


def event_id_of(message_id: str) -> str:
    return f"{message_id}:message"


class WebInbound:
    """Takes `{"text", "id", "sent_at"}`; `sent_at` in epoch milliseconds by the page's clock.

    The page keeps `id` and `sent_at` over its retries, which is how a repetition is recognised.
    """

    name = NAME

    def __init__(self, settings: Settings, clock: Clock = _now) -> None:
        self._settings = settings
        self._clock = clock

    def receive(self, request: Request) -> Received:
        """202 `{"id"}`, or 4xx `{"error", "now"}` with the server's time in milliseconds.

        Raises Forged: 403 when the Origin is missing or foreign, 401 without a valid cookie.
        """
        self._check_origin(request)
        session = session_of(request.cookies, self._settings.web_session_key)
        if session is None:
            raise Forged("session")
        try:
            envelope = self._read(request, session)
        except Unreadable as refusal:
            # The page, unlike a platform, can show what was wrong and does not send it again.
            answer = Response.of_json(
                {"error": refusal.reason, "now": self._clock()}, refusal.status
            )
            return Received(ignored=(refusal.reason,), response=answer)
        accepted = Response.of_json({"id": envelope.payload["id"]}, 202)
        return Received(envelopes=(envelope,), response=accepted)

    def _check_origin(self, request: Request) -> None:
        own = self._settings.web_origin or f"{request.scheme}://{request.headers.get('host', '')}"
        if request.headers.get("origin", "").lower() != own.lower().rstrip("/"):
            raise Forged("origin", 403)

    def _read(self, request: Request, session: str) -> Envelope:
        media_type = request.headers.get("content-type", "").partition(";")[0]
        if media_type.strip().lower() != "application/json":
            raise Unreadable("content-type must be application/json", 415)
        if len(request.body) > MAX_BODY:
            raise Unreadable("body too large", 413)
        data = parse_json(request.body)
        text, message_id, sent_at = data.get("text"), data.get("id"), data.get("sent_at")
        if not isinstance(message_id, str) or not _ID.fullmatch(message_id):
            raise Unreadable("id must be 1 to 64 letters, digits, _ or -")
        if not isinstance(text, str) or not text.strip():
            raise Unreadable("text must not be empty")
        if len(text) > MAX_TEXT:
            raise Unreadable(f"text must not be longer than {MAX_TEXT} characters")
        # bool is an int to isinstance.
        if type(sent_at) is not int:
            raise Unreadable("sent_at must be milliseconds since 1970")
        if not -MAX_OLD <= sent_at - self._clock() <= MAX_AHEAD:
            raise Unreadable("sent_at is too far from the time here")
        return Envelope(
            channel=NAME,
            conversation=conversation_of(session),
            event_id=event_id_of(message_id),
            occurred_at=sent_at,
            payload={"text": text, "id": message_id, "sent_at": sent_at},
        )


def read(envelope: Envelope) -> Message:
    """The envelope as the conversation sees it. Raises Malformed."""
    text = _text(envelope.payload)
    name, arguments = parse_command(text) or ("", "")
    return Message(
        key=envelope.key,
        channel=NAME,
        kind=Kind.COMMAND if name else Kind.TEXT,
        text=text,
        author=Author(envelope.conversation.partition(":")[2]),
        command=name,
        arguments=arguments,
    )


def _text(payload: Mapping[str, Any]) -> str:
    text = payload.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Malformed("web message without text")
    return text
