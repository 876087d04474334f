"""Authenticate and read the requests that the web page posts: messages, stops, ratings, access."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chatbot.channels.command_syntax import is_stop, parse_command
from chatbot.channels.payload import have, need
from chatbot.channels.web.description import WEB
from chatbot.channels.web.session import access_cookie, address_hash, is_open, session_of
from chatbot.core.errors import Forged, Malformed, Unreadable
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Command, Envelope, Kind, Message, ReplyTo, Stop
from chatbot.core.ports import Clock, now_ms
from chatbot.core.settings import Settings
from chatbot.edge.http import Guess, Received, Request, Response, parse_json

NAME = WEB.name
MAX_TEXT = 8_000
"""Characters of a message."""
MAX_BODY = 128 * 1024
"""Bytes of a request's body."""
MAX_AHEAD = 60_000
"""Milliseconds that the page's clock may be ahead."""
MAX_OLD = 24 * 3_600_000
"""Milliseconds after which a message that could not be sent is refused."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")
_RATING = "rating"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def conversation_of(session: str) -> str:
    """Return the id of the conversation that belongs to the cookie's session."""
    return f"{NAME}:{session}"


def event_id_of(message_id: str) -> str:
    """Return the event id of the message to which the page gave `message_id`."""
    return f"{message_id}:message"


class WebInbound:
    """edge.http.Inbound for the web page.

    A message is `{"text", "id", "sent_at"}`, with `sent_at` in epoch milliseconds of the page's
    clock. The page repeats a request with the same `id` and `sent_at`, so that it is recognised as
    a duplicate.
    """

    name = NAME

    def __init__(self, settings: Settings, clock: Clock = now_ms) -> None:
        self._settings = settings
        self._clock = clock

    def receive(self, request: Request) -> Received:
        """Read a request of any of the channel's routes; a message is answered by 202 `{"id"}`.

        Raises Forged: 403 when the Origin is missing or foreign, or the browser has no access to
        the page, 401 without a valid cookie. Raises Unreadable with a reason for the page to show.
        """
        self._check_origin(request)
        if request.path == "/web/access":
            return self._let_in(request)
        if not is_open(request.cookies, self._settings):
            raise Forged("access", 403)
        now, secure = self._clock(), request.secure
        session = session_of(request.cookies, self._settings, now, secure=secure)
        if session is None:
            raise Forged("session")
        if request.path == "/web/stop":
            return self._stop(request, session)
        if request.path == "/web/rating":
            return self._rating(request, session)
        envelope = self._read(request, session)
        accepted = Response.of_json({"id": envelope.payload["id"]}, 202)
        stop = Stop(envelope.conversation, "", envelope.occurred_at)
        stops = (stop,) if is_stop(envelope.payload["text"]) else ()
        return Received((envelope,), response=accepted, stops=stops)

    def _let_in(self, request: Request) -> Received:
        """`POST /web/access {"code"}`: 204 with a cookie, else 403 `{"error": "code"}`.

        During a pause after wrong codes (`Guess`): 429 with Retry-After.
        """
        if self._settings.web_access != "code" or not self._settings.web_access_code:
            raise Forged("code", 403)
        try:
            code = need(self._body(request), "code", str)
        except (Malformed, Unreadable):
            code = ""
        cookie = access_cookie(code, self._settings, secure=request.secure)
        address = address_hash(request.address, self._settings.web_session_key)
        response = Response(204, "", {"set-cookie": cookie}) if cookie else None
        return Received(response=response, guess=Guess(address, cookie is not None))

    def _stop(self, request: Request, session: str) -> Received:
        """`POST /web/stop {"id"}`: stop the answer to this message."""
        event_id = event_id_of(_id(self._body(request)))
        stop = Stop(conversation_of(session), event_id, self._clock())
        return Received(stops=(stop,), response=Response.of_json({}, 202))

    def _rating(self, request: Request, session: str) -> Received:
        """`POST /web/rating {"id", "sent_at", "rating"}`: 1, 0 or -1 for the answer to `id`.

        Each rating has its own event id: the queue would drop a repeated one as a duplicate.
        """
        data = self._body(request)
        message_id, sent_at, rating = _id(data), data.get("sent_at"), data.get("rating")
        if type(sent_at) is not int or not 0 <= sent_at <= self._clock() + MAX_AHEAD:
            raise Unreadable("sent_at must be the message's")
        if type(rating) is not int or rating not in (1, 0, -1):
            raise Unreadable("rating must be 1, 0 or -1")
        payload = {"id": message_id, "sent_at": sent_at, "rating": rating}
        event_id = f"{message_id}:{self._clock()}:{_RATING}"
        envelope = Envelope(NAME, conversation_of(session), event_id, sent_at, payload)
        return Received((envelope,), response=Response.of_json({"id": message_id}, 202))

    def _check_origin(self, request: Request) -> None:
        own = self._settings.web_origin or f"{request.scheme}://{request.headers.get('host', '')}"
        if request.headers.get("origin", "").lower() != own.lower().rstrip("/"):
            raise Forged("origin", 403)

    def _body(self, request: Request) -> dict[str, Any]:
        media_type = request.headers.get("content-type", "").partition(";")[0]
        if media_type.strip().lower() != "application/json":
            raise Unreadable("content-type must be application/json", 415)
        if len(request.body) > MAX_BODY:
            raise Unreadable("body too large", 413)
        return parse_json(request.body)

    def _read(self, request: Request, session: str) -> Envelope:
        data = self._body(request)
        text, message_id, sent_at = data.get("text"), _id(data), data.get("sent_at")
        if not isinstance(text, str) or not text.strip():
            raise Unreadable("text must not be empty")
        if len(text) > MAX_TEXT:
            raise Unreadable(f"text must not be longer than {MAX_TEXT} characters")
        # isinstance takes a bool for an int.
        if type(sent_at) is not int:
            raise Unreadable("sent_at must be milliseconds since 1970")
        if not -MAX_OLD <= sent_at - self._clock() <= MAX_AHEAD:
            raise Unreadable("sent_at is too far from the time here")
        return Envelope(
            channel=NAME,
            conversation=conversation_of(session),
            event_id=event_id_of(message_id),
            occurred_at=sent_at,
            payload={"text": text, "id": message_id, "sent_at": sent_at, **_language(data)},
        )


def _id(data: Mapping[str, Any]) -> str:
    message_id = data.get("id")
    if not isinstance(message_id, str) or not _ID.fullmatch(message_id):
        raise Unreadable("id must be 1 to 64 letters, digits, _ or -")
    return message_id


def _language(data: Mapping[str, Any]) -> dict[str, str]:
    """The page's language (BCP 47) as a field of the payload, if it is valid."""
    given = data.get("language")
    if not isinstance(given, str) or not _LANGUAGE.fullmatch(given):
        return {}
    return {"language": given}


def read(envelope: Envelope) -> Message:
    """Read an envelope as a message, whatever parts of it are missing or odd.

    The webhook has put nothing into the queue that lacks them.
    """
    payload = envelope.payload
    author = envelope.conversation.partition(":")[2]
    if envelope.event_id.endswith(f":{_RATING}"):
        rated = have(payload, "id", str) or ""
        sort = TurnKey.of("", envelope.occurred_at, event_id_of(rated)).sort
        rating = have(payload, "rating", int) or 0
        return Message(
            envelope.key,
            NAME,
            Kind.RATING,
            "",
            Author(author),
            reply_to=ReplyTo(sort),
            rating=rating,
        )
    text = have(payload, "text", str) or ""
    command = parse_command(text)
    return Message(
        key=envelope.key,
        channel=NAME,
        kind=Kind.COMMAND if command else Kind.TEXT if text.strip() else Kind.UNSUPPORTED,
        text=text,
        author=Author(author, language=have(payload, "language", str) or ""),
        command=command or Command(),
    )
