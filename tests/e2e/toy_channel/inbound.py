"""`POST /toy {"id", "at", "from", "text", "reply_to"}`: `at` in epoch milliseconds."""

from __future__ import annotations

import hmac

from chatbot.channels.command_syntax import parse_command
from chatbot.channels.payload import need
from chatbot.core.errors import Forged, Malformed, Unreadable
from chatbot.core.message import Author, Command, Envelope, Handles, Kind, Message
from chatbot.core.settings import Settings
from chatbot.edge.http import Received, Request, parse_json

NAME = "toy"
SECRET = "a toy's secret"


class ToyInbound:
    """The webhook's side. Requests are authenticated by a secret in the header `x-toy-secret`."""

    name = NAME

    def __init__(self, settings: Settings) -> None:
        """Take no settings; a real channel's secret would come from there."""

    def receive(self, request: Request) -> Received:
        """Make an envelope of the request's message. Raises Forged, Unreadable."""
        given = request.headers.get("x-toy-secret", "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(given, SECRET.encode()):
            raise Forged("secret")
        event = parse_json(request.body)
        try:
            person, number, at = need(event, "from", str), need(event, "id", str), event["at"]
            if type(at) is not int:
                raise Malformed("at: not a time")
        except (Malformed, KeyError):
            raise Unreadable("shape") from None
        return Received((Envelope(NAME, f"{NAME}:{person}", f"{number}:message", at, event),))


def read(envelope: Envelope) -> Message:
    """Parse a stored message. Raises Malformed."""
    text = need(envelope.payload, "text", str)
    command = parse_command(text)
    return Message(
        key=envelope.key,
        channel=NAME,
        kind=Kind.COMMAND if command else Kind.TEXT,
        text=text,
        author=Author(need(envelope.payload, "from", str)),
        command=command or Command(),
        handles=Handles(quote=need(envelope.payload, "reply_to", str)),
    )
