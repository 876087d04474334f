"""The web page's worker side: the stored turn is the message, so there is nothing to post."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chatbot.channels.web.inbound import NAME, read
from chatbot.messages import Envelope, Message, Part, Reply, Turn
from chatbot.ports import Settling


class WebChannel:
    """ports.Channel. The page reads turns by `GET /web/messages`."""

    name = NAME
    settling = Settling.NOTHING_TO_POST

    def read(self, envelope: Envelope) -> Message:
        return read(envelope)

    def greet(self, message: Message) -> None:
        """The page shows for itself that a message is on its way."""

    def working(self, message: Message) -> None:
        """The page shows for itself that an answer is awaited."""

    def split(self, reply: Reply) -> Sequence[Part]:
        return ()

    def post(self, turn: Turn, part: Part) -> str:
        return ""

    def find_posted(self, turn: Turn, part: Part, known: Iterable[str]) -> str | None:
        return None
