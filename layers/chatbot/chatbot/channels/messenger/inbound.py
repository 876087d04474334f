"""Authenticate webhook requests of Messenger and read their events (Messenger Platform, Webhooks).

Signature and handshake are the same for all of Meta's platforms.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from typing import Any

from chatbot.channels.command_syntax import is_stop, parse_command
from chatbot.channels.messenger.content import media_of, placeholders_of
from chatbot.channels.messenger.description import MESSENGER
from chatbot.channels.payload import have, identifier, need, want
from chatbot.core.errors import Forged, Malformed, Unreadable
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Command, Envelope, Kind, Media, Message, ReplyTo, Stop
from chatbot.core.settings import Settings
from chatbot.edge.http import Received, Request, Response, parse_json

NAME = MESSENGER.name
OWN_METADATA = "chatbot:"
"""Prefix of the metadata of our own posts; their echo events contain it too."""

_ECHO, _EDIT = "echo", "edit"
_THUMBS = {"like": 1, "dislike": -1}
_IGNORED = (
    "delivery read optin referral account_linking policy_enforcement"
    " pass_thread_control take_thread_control request_thread_control app_roles"
).split()


class MessengerInbound:
    """edge.http.Inbound for Messenger."""

    name = NAME

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def receive(self, request: Request) -> Received:
        """Answer the handshake, or return the events of a body in the order of their time.

        An event that cannot be read is ignored, as "unreadable"; the others are returned. Raises
        Forged, Unreadable.
        """
        if request.method == "GET":
            return Received(response=handshake(request, self._settings.messenger_verify_token))
        check_signature(request, self._settings.messenger_app_secret)
        body = parse_json(request.body)
        if body.get("object") != "page" or not isinstance(body.get("entry"), list):
            raise Unreadable("object")
        found = [item for entry in body["entry"] for item in self._events(entry)]
        envelopes = [item for item in found if isinstance(item, Envelope)]
        envelopes.sort(key=lambda envelope: envelope.occurred_at)
        return Received(
            tuple(envelopes),
            tuple(item for item in found if isinstance(item, str)),
            stops=tuple(item for item in found if isinstance(item, Stop)),
        )

    def _events(self, entry: Any) -> Iterator[Envelope | Stop | str]:
        """Yield for each event its envelope, a request to stop, or the reason to ignore it."""
        try:
            ours = need(entry, "id", str) == self._settings.messenger_page_id
            unwanted = {name: want(entry, name, list) or [] for name in ("standby", "changes")}
            events = want(entry, "messaging", list) or []
        except Malformed:
            yield "unreadable"
            return
        for name, others in unwanted.items():
            yield from [name] * len(others)
        for event in events:
            try:
                yield self._classify(event) if ours else "foreign_page"
            except Malformed:
                yield "unreadable"

    def _classify(self, event: Any) -> Envelope | Stop | str:
        person = need(need(event, "sender", dict), "id", str)
        occurred_at = need(event, "timestamp", int)
        edit = have(event, "message_edit", dict)
        if edit is not None:
            if person == self._settings.messenger_page_id:
                return "message_edit"
            # People edit a message up to five times (Webhooks, message_edits).
            number = identifier(edit, "num_edit") or str(occurred_at)
            edit_id = f"{need(edit, 'mid', str)}:{number}:{_EDIT}"
            return Envelope(NAME, f"{NAME}:{person}", edit_id, occurred_at, event)
        message, postback = want(event, "message", dict), want(event, "postback", dict)
        if message is not None:
            kind, mid = "message", need(message, "mid", str)
            if want(message, "is_echo", bool) or person == self._settings.messenger_page_id:
                if self._is_own(message):
                    return "own_echo"
                if not want(message, "text", str):
                    return "echo_without_text"
                kind, person = _ECHO, need(need(event, "recipient", dict), "id", str)
        elif postback is not None:
            kind, mid = "postback", want(postback, "mid", str) or str(occurred_at)
        elif "reaction" in event:
            return self._classify_reaction(event, person, occurred_at)
        else:
            return next((name for name in _IGNORED if name in event), "unknown_kind")
        if kind != _ECHO and is_stop(_text_of(event)):
            return Stop(f"{NAME}:{person}", "", occurred_at)
        return Envelope(NAME, f"{NAME}:{person}", f"{mid}:{kind}", occurred_at, event)

    def _classify_reaction(self, event: dict[str, Any], person: str, at: int) -> Envelope | str:
        reaction = need(event, "reaction", dict)
        mid = need(reaction, "mid", str)
        if person == self._settings.messenger_page_id or _rating(reaction) is None:
            return "reaction"
        return Envelope(NAME, f"{NAME}:{person}", f"{mid}:{at}:reaction", at, event)

    def _is_own(self, message: dict[str, Any]) -> bool:
        app_id = str(message.get("app_id", ""))
        ours = bool(app_id) and app_id == self._settings.messenger_app_id
        return ours or (want(message, "metadata", str) or "").startswith(OWN_METADATA)


def read(envelope: Envelope) -> Message:
    """Read the event of an envelope as a message. Raises Malformed."""
    person_of(envelope.conversation)
    event = envelope.payload
    author = Author(need(need(event, "sender", dict), "id", str))
    reaction = want(event, "reaction", dict)
    if reaction is not None:
        rated, rating = need(reaction, "mid", str), _rating(reaction) or 0
        reply_to = ReplyTo(rated)
        return Message(
            envelope.key, NAME, Kind.RATING, "", author, reply_to=reply_to, rating=rating
        )
    if envelope.event_id.endswith(f":{_EDIT}"):
        return _read_edit(envelope.key, have(event, "message_edit", dict), author)
    text = _text_of(event)
    if envelope.event_id.endswith(f":{_ECHO}"):
        return Message(envelope.key, NAME, Kind.STAFF, text, author)
    command = parse_command(text)
    media: tuple[Media, ...] = ()
    message = want(event, "message", dict)
    if message is not None and command is None:
        media = tuple(media_of(message))
        text = " ".join([*(each.mark for each in media), *placeholders_of(message), text]).strip()
    kind = Kind.COMMAND if command else Kind.TEXT if text.strip() else Kind.UNSUPPORTED
    return Message(
        envelope.key,
        NAME,
        kind,
        text,
        author,
        command=command or Command(),
        media=media,
        reply_to=ReplyTo(want(want(message, "reply_to", dict), "mid", str) or ""),
        id=identifier(message, "mid"),
    )


def _read_edit(key: TurnKey, edit: dict[str, Any] | None, author: Author) -> Message:
    """The new form of a message (Webhooks, message_edits)."""
    text = have(edit, "text", str) or ""
    command = parse_command(text)
    kind = Kind.COMMAND if command else Kind.TEXT if text.strip() else Kind.UNSUPPORTED
    return Message(
        key,
        NAME,
        kind,
        text,
        author,
        command=command or Command(),
        edits=need(edit, "mid", str),
    )


def _text_of(event: Mapping[str, Any]) -> str:
    """Text of the event; a button's payload if that is a command. Raises Malformed."""
    message = want(event, "message", dict)
    if message is not None:
        text = want(message, "text", str)
        pressed = want(message, "quick_reply", dict)
    else:
        pressed = need(event, "postback", dict)
        text = want(pressed, "title", str)
    payload = want(pressed, "payload", str) or ""
    payload = "/start" if payload == "GET_STARTED" else payload
    return payload if parse_command(payload) else text or payload


def _rating(reaction: dict[str, Any]) -> int | None:
    """1 or -1, 0 for a thumb taken back, None for another emoji (Webhooks, message_reactions)."""
    if want(reaction, "action", str) == "unreact":
        return 0
    return _THUMBS.get(want(reaction, "reaction", str) or "")


def person_of(conversation: str) -> str:
    """Return the page-scoped id (PSID) of the person. Raises Malformed."""
    channel, _, person = conversation.partition(":")
    if channel != NAME or not person:
        raise Malformed("not a Messenger conversation")
    return person


def handshake(request: Request, verify_token: str) -> Response:
    """Answer a verification request (Graph API, Webhooks, Getting Started). Raises Forged."""
    given = request.query.get("hub.verify_token", "").encode("utf-8", "surrogatepass")
    known = hmac.compare_digest(given, verify_token.encode())
    if not verify_token or not known or request.query.get("hub.mode") != "subscribe":
        raise Forged("verify_token", 403)
    headers = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
    return Response(200, request.query.get("hub.challenge", ""), headers)


def check_signature(request: Request, app_secret: str) -> None:
    """Verify the HMAC-SHA256 of the raw body. Raises Forged.

    The older header, with SHA-1, is ignored.
    """
    given = request.headers.get("x-hub-signature-256", "").encode("utf-8", "surrogatepass")
    digest = hmac.digest(app_secret.encode(), request.body, "sha256").hex()
    if not app_secret or not hmac.compare_digest(given, f"sha256={digest}".encode()):
        raise Forged("signature")
