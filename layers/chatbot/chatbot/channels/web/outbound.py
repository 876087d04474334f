"""The web page in the worker: the page reads stored turns, so there is nothing to post."""

from __future__ import annotations

from collections.abc import Sequence

from chatbot.channels.base import BaseChannel, Services
from chatbot.channels.web.inbound import NAME, read
from chatbot.core.message import Envelope, Message
from chatbot.core.ports import Settling
from chatbot.core.turn import Part, Reply, Turn


class WebChannel(BaseChannel):
    """ports.Channel for the web page, which reads turns by `GET /web/messages`.

    The page itself shows that an answer is awaited.
    """

    name = NAME
    settling = Settling.NOTHING_TO_POST

    def __init__(self, services: Services) -> None:
        self._save_draft = services.save_draft

    def read(self, envelope: Envelope) -> Message:
        """See ports.Reader."""
        return read(envelope)

    def preview(self, message: Message, text: str) -> bool:
        """Store the unfinished answer in the table, where the page reads it."""
        self._save_draft(message.key, text)
        return True

    def html_of(self, reply: Reply) -> str:
        """See ports.Poster."""
        if reply.plain or not reply.text:
            return ""
        from chatbot.channels.text.html import safe_html  # with the first answer, not at each start

        return safe_html(reply.text)

    def split(self, reply: Reply) -> Sequence[Part]:
        """Return no parts: there is nothing to post."""
        return ()

    def post(self, turn: Turn, part: Part) -> str:
        """Never called, as there are no parts."""
        return ""
