"""What a channel's worker side is given, and what it need not write itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chatbot.core.errors import Unfetchable
from chatbot.core.files import File
from chatbot.core.key import TurnKey
from chatbot.core.message import Media, Message
from chatbot.core.ports import Channel, Files, Journal, Settling
from chatbot.core.settings import Settings
from chatbot.core.turn import Part, Turn


@dataclass(frozen=True, slots=True)
class Services:
    """What the worker offers its channels: each takes of it what it needs.

    `save_draft` keeps an unfinished answer in the table, for clients that read it there.
    """

    settings: Settings
    journal: Journal
    files: Files
    save_draft: Callable[[TurnKey, str], None]


MakeOutbound = Callable[[Services], Channel]
"""An `outbound` entry point: called again whenever the settings have changed."""


class BaseChannel:
    """Safe defaults for all of ports.Channel but `name`, `read`, `split` and `post`.

    They say that the platform shows nothing of its own accord, sends no files, has no groups and
    cannot be asked what was posted.
    """

    settling = Settling.OPERATOR

    def acknowledge(self, message: Message) -> None:
        """Nothing shows that a message was seen."""

    def show_typing(self, message: Message, drawing: bool = False) -> None:
        """Nothing shows that an answer is awaited."""

    def preview(self, message: Message, text: str) -> bool:
        """There is no place for an unfinished answer."""
        return False

    def preview_id(self, key: TurnKey) -> str:
        """A preview has no id of its own."""
        return ""

    @property
    def mention(self) -> str:
        """There are no groups."""
        return ""

    def load(self, media: Media) -> File:
        """Nothing but text is sent. Raises Unfetchable."""
        raise Unfetchable("unsupported")

    def earlier(self, message: Message, most: int) -> Sequence[Turn]:
        """The platform does not tell."""
        return ()

    def is_administrator(self, message: Message) -> bool:
        """There are no groups."""
        return False

    def find_posted(self, turn: Turn, part: Part, known: Iterable[str]) -> str | None:
        """The platform cannot be asked."""
        return None
