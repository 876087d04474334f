"""Post `{"text"}` to the address that the message names."""

from __future__ import annotations

from collections.abc import Sequence

from chatbot.channels.base import BaseChannel, Services
from chatbot.channels.text.split import split_text
from chatbot.core.errors import Undeliverable
from chatbot.core.message import Envelope, Message
from chatbot.core.turn import Part, Reply, Turn
from chatbot.net.post import Session, send
from tests.e2e.toy_channel.inbound import NAME, read

TEXT_LIMIT = 100
"""Most characters of a post."""


class ToyChannel(BaseChannel):
    """The worker's side, with the four methods that every channel must have."""

    name = NAME

    def __init__(self, services: Services) -> None:
        """Take the time that a post may last from the settings."""
        self._timeout = services.settings.post_timeout
        self._session = Session()

    def read(self, envelope: Envelope) -> Message:
        """Parse a stored message (ports.Channel). Raises Malformed."""
        return read(envelope)

    def split(self, reply: Reply) -> Sequence[Part]:
        """Split a reply into parts of at most TEXT_LIMIT characters (ports.Channel)."""
        return [Part(text) for text in split_text(reply.text, TEXT_LIMIT)]

    def post(self, turn: Turn, part: Part) -> str:
        """Post a part; the id of the toy's message is returned (ports.Channel)."""
        fields = {"text": part.text}
        answer = send(self._session, "POST", turn.quote, timeout=self._timeout, fields=fields)
        if not answer.good:
            raise answer.refusal() or Undeliverable("bad_request")
        return str((answer.body or {}).get("id", ""))
