"""The web page's worker side: the stored turn is the message, so there is nothing to post."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from chatbot.channels.web.inbound import NAME, read
from chatbot.core.errors import Unfetchable
from chatbot.core.files import File
from chatbot.core.key import TurnKey
from chatbot.core.message import Envelope, Media, Message
from chatbot.core.ports import Settling
from chatbot.core.turn import Part, Reply, Turn


class WebChannel:
    """ports.Channel. The page reads turns by `GET /web/messages`."""

    name = NAME
    settling = Settling.NOTHING_TO_POST

    def __init__(self, save_draft: Callable[[TurnKey, str], None]) -> None:
        """`save_draft` keeps what is written so far where the page reads it."""
        self._save_draft = save_draft

    def read(self, envelope: Envelope) -> Message:
        return read(envelope)

    def acknowledge(self, message: Message) -> None:
        """The page shows for itself that a message is on its way."""

    def show_typing(self, message: Message, drawing: bool = False) -> None:
        """The page shows for itself that an answer is awaited."""

    def preview(self, message: Message, text: str) -> bool:
        self._save_draft(message.key, text)
        return True

    def preview_id(self, key: TurnKey) -> str:
        """The page names messages, not previews."""
        return ""

    @property
    def mention(self) -> str:
        """There are no groups."""
        return ""

    def load(self, media: Media) -> File:
        """The page sends nothing but text."""
        raise Unfetchable("unsupported")

    def earlier(self, message: Message, most: int) -> Sequence[Turn]:
        """Nobody tells."""
        return ()

    def is_administrator(self, message: Message) -> bool:
        """There are no groups."""
        return False

    def split(self, reply: Reply) -> Sequence[Part]:
        return ()

    def post(self, turn: Turn, part: Part) -> str:
        return ""

    def find_posted(self, turn: Turn, part: Part, known: Iterable[str]) -> str | None:
        return None
