"""Authenticate webhook requests of Messenger and read their events (Messenger Platform, Webhooks).

Signature and handshake are the same for all of Meta's platforms.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any

from chatbot.channels.command_syntax import is_stop, parse_command
from chatbot.channels.messenger.content import media_of, placeholders_of
from chatbot.channels.messenger.description import MESSENGER
from chatbot.channels.payload import have, identifier, want
from chatbot.core.errors import Forged, Malformed, Unreadable
from chatbot.core.message import Author, Command, Envelope, Kind, Media, Message, ReplyTo, Stop
from chatbot.core.ports import Clock, now_ms
from chatbot.core.settings import Settings
from chatbot.edge.http import Received, Request, Response, parse_json

NAME = MESSENGER.name
OWN_METADATA = "chatbot:"
"""Prefix of the metadata of our own posts; their echo events contain it too."""

_ECHO, _EDIT, _REACTION = "echo", "edit", "reaction"
_A_DAY = 86_400_000  # milliseconds
_EARLIEST = 1_293_840_000_000
"""A time before 2011, the year of the first Messenger, is none: it may be in seconds, say."""
_TIME_DIGITS = 13
"""Digits of a time in a turn's key (core.key)."""
_THUMBS = {"like": 1, "dislike": -1}
_NEEDED_FORM = ("message", "postback", "message_edit")
_IGNORED = (
    "delivery read optin referral account_linking policy_enforcement"
    " pass_thread_control take_thread_control request_thread_control app_roles"
).split()


class MessengerInbound:
    """edge.http.Inbound for Messenger."""

    name = NAME

    def __init__(self, settings: Settings, clock: Clock = now_ms) -> None:
        self._settings = settings
        self._clock = clock

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
            ours = _needed(entry, "id") == self._settings.messenger_page_id
            unwanted = {name: have(entry, name, list) or [] for name in ("standby", "changes")}
            events = want(entry, "messaging", list) or []
        except Malformed:
            yield "unreadable"
            return
        for name, others in unwanted.items():
            yield from [name] * len(others)
        for event in events:
            try:
                found = self._classify(event, entry) if ours else "foreign_page"
                yield "too_old" if self._is_too_old(found) else found
            except Malformed:
                yield "unreadable"

    def _classify(self, event: Any, entry: Any) -> Envelope | Stop | str:
        message, postback = have(event, "message", dict), have(event, "postback", dict)
        edit = have(event, "message_edit", dict)
        if message is None and postback is None and edit is None and "reaction" not in _keys(event):
            if any(event.get(name) is not None for name in _NEEDED_FORM):
                raise Malformed("an event without any part of a known form")
            return next((name for name in _IGNORED if name in event), "unknown_kind")
        person = _needed(want(event, "sender", dict), "id")
        occurred_at = self._time_of(event, entry)
        if message is not None:
            if message.get("is_deleted"):  # in Meta's apps, by its writer
                return "deleted"
            kind, mid = "message", identifier(message, "mid") or _digest(event)
            if message.get("is_echo") or person == self._settings.messenger_page_id:
                if self._is_own(message):
                    return "own_echo"
                if not have(message, "text", str):
                    return "echo_without_text"
                kind, person = _ECHO, _needed(want(event, "recipient", dict), "id")
                if person == self._settings.messenger_page_id:
                    raise Malformed("an echo of a message to the page itself")
        elif postback is not None:
            kind, mid = "postback", identifier(postback, "mid") or str(occurred_at)
        elif edit is not None:
            return self._classify_edit(edit, person, occurred_at, event)
        else:
            return self._classify_reaction(event, person, occurred_at)
        if kind != _ECHO and is_stop(_text_of(event)):
            return Stop(f"{NAME}:{person}", "", occurred_at)
        return Envelope(NAME, f"{NAME}:{person}", f"{mid}:{kind}", occurred_at, event)

    def _is_too_old(self, found: Envelope | Stop | str) -> bool:
        """Whether the turn that would recognise the event, if it was sent again, may be gone."""
        if isinstance(found, str):
            return False
        at = found.at if isinstance(found, Stop) else found.occurred_at
        return at < self._clock() - self._settings.retention_days * _A_DAY

    def _time_of(self, event: Any, entry: Any) -> int:
        """When the event occurred: by itself, else by its entry, else now (milliseconds).

        Only with the first two does an event that is sent again after minutes find its turn.
        """
        times = (_milliseconds(each) for each in (event.get("timestamp"), entry.get("time")))
        return next((time for time in times if time is not None), self._clock())

    def _classify_edit(
        self, edit: dict[str, Any], person: str, at: int, event: dict[str, Any]
    ) -> Envelope | Stop | str:
        if person == self._settings.messenger_page_id:
            return "message_edit"
        if is_stop(have(edit, "text", str) or ""):
            return Stop(f"{NAME}:{person}", "", at)
        # People edit a message up to five times (Webhooks, message_edits).
        number = identifier(edit, "num_edit") or str(at)
        edit_id = f"{_needed(edit, 'mid')}:{number}:{_EDIT}"
        return Envelope(NAME, f"{NAME}:{person}", edit_id, at, event)

    def _classify_reaction(self, event: dict[str, Any], person: str, at: int) -> Envelope | str:
        reaction = want(event, "reaction", dict)
        mid = _needed(reaction, "mid")
        if person == self._settings.messenger_page_id or _rating(reaction) is None:
            return "reaction"
        return Envelope(NAME, f"{NAME}:{person}", f"{mid}:{at}:{_REACTION}", at, event)

    def _is_own(self, message: dict[str, Any]) -> bool:
        app_id = str(message.get("app_id", ""))
        ours = bool(app_id) and app_id == self._settings.messenger_app_id
        return ours or (have(message, "metadata", str) or "").startswith(OWN_METADATA)


def read(envelope: Envelope) -> Message:
    """Read the event of an envelope as a message, whatever parts of it are missing or odd.

    Raises Malformed only when the envelope names no person of Messenger.
    """
    message = _read(envelope)
    return message.as_dropped() if envelope.is_dropped else message


def _read(envelope: Envelope) -> Message:
    event, person = envelope.payload, person_of(envelope.conversation)
    author = Author(identifier(have(event, "sender", dict), "id") or person)
    reaction = have(event, "reaction", dict)
    if envelope.kind == _REACTION:
        rated, rating = identifier(reaction, "mid"), _rating(reaction) or 0
        reply_to = ReplyTo(rated)
        return Message(
            envelope.key, NAME, Kind.RATING, "", author, reply_to=reply_to, rating=rating
        )
    if envelope.kind == _EDIT:
        return _read_edit(envelope, author)
    text = _text_of(event)
    if envelope.kind == _ECHO:
        return Message(envelope.key, NAME, Kind.STAFF, text, author)
    command = parse_command(text)
    media: tuple[Media, ...] = ()
    described, message = "", have(event, "message", dict)
    if message is not None and command is None:
        media = tuple(media_of(message))
        described = " ".join([*(each.mark for each in media), *placeholders_of(message)])
        text = f"{described} {text}".strip()
    kind = Kind.COMMAND if command else Kind.TEXT if text.strip() else Kind.UNSUPPORTED
    return Message(
        envelope.key,
        NAME,
        kind,
        text,
        author,
        command=command or Command(),
        media=media,
        reply_to=ReplyTo(identifier(have(message, "reply_to", dict), "mid")),
        id=identifier(message, "mid"),
        described=described,
    )


def _read_edit(envelope: Envelope, author: Author) -> Message:
    """The new words of a message (Webhooks, message_edits); its attachments stay."""
    text = have(have(envelope.payload, "message_edit", dict), "text", str) or ""
    command = parse_command(text)
    kind = Kind.COMMAND if command else Kind.TEXT if text.strip() else Kind.UNSUPPORTED
    return Message(
        envelope.key,
        NAME,
        kind,
        text,
        author,
        command=command or Command(),
        edits=envelope.event_id.rsplit(":", 2)[0],
        edits_words=True,
    )


def _text_of(event: Mapping[str, Any]) -> str:
    """Text of the event; a button's payload if that is a command."""
    message = have(event, "message", dict)
    if message is not None:
        text = have(message, "text", str)
        pressed = have(message, "quick_reply", dict)
    else:
        pressed = have(event, "postback", dict)
        text = have(pressed, "title", str)
    payload = have(pressed, "payload", str) or ""
    payload = "/start" if payload == "GET_STARTED" else payload
    return payload if parse_command(payload) else text or payload


def _rating(reaction: dict[str, Any] | None) -> int | None:
    """1 or -1, 0 for a thumb taken back, None for another emoji (Webhooks, message_reactions)."""
    if have(reaction, "action", str) == "unreact":
        return 0
    return _THUMBS.get(have(reaction, "reaction", str) or "")


def _keys(event: Any) -> Mapping[str, Any]:
    if not isinstance(event, dict):
        raise Malformed("an event is an object")
    return event


def _needed(data: Any, name: str) -> str:
    """An id without which an event has no key. Raises Malformed."""
    value = identifier(data, name)
    if not value:
        raise Malformed(f"{name}: missing")
    return value


def _digest(event: dict[str, Any]) -> str:
    """An id for a message that came without: the same when it is sent again."""
    return hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()[:32]


def _milliseconds(value: Any) -> int | None:
    """A time of the platform in milliseconds; None for what cannot be one, such as 0."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[: _TIME_DIGITS + 1])
    return value if type(value) is int and _EARLIEST <= value < 10**_TIME_DIGITS else None


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
