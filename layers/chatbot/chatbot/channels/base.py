"""The services that outbound channels are given, and a base class with safe defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chatbot.core.errors import Unfetchable
from chatbot.core.files import File
from chatbot.core.key import TurnKey
from chatbot.core.message import Media, Message
from chatbot.core.ports import Channel, Files, Journal, Settling
from chatbot.core.settings import Settings
from chatbot.core.turn import Part, Reply, Turn


@dataclass(frozen=True, slots=True)
class Services:
    """What the worker gives to an outbound channel, which takes from it what it needs.

    `save_draft` stores an unfinished answer in the table, for clients that read it there.
    """

    settings: Settings
    journal: Journal
    files: Files
    save_draft: Callable[[TurnKey, str], None]


MakeOutbound = Callable[[Services], Channel]
"""The type of a channel's `outbound` entry point; called again whenever the settings change."""


class BaseChannel:
    """Implements ports.Channel except for `name`, `read`, `split` and `post`.

    Its defaults suit a platform without seen marks, typing indicators and previews, without files
    and groups, and without a way to find out what was posted.
    """

    settling = Settling.OPERATOR

    def acknowledge(self, message: Message) -> None:
        """Do nothing: the platform has no seen marks."""

    def show_typing(self, message: Message, drawing: bool = False) -> None:
        """Do nothing: the platform has no typing indicator."""

    def preview(self, message: Message, text: str) -> bool:
        """Return False: the platform cannot show an unfinished answer."""
        return False

    def preview_id(self, key: TurnKey) -> str:
        """Return "": previews have no id."""
        return ""

    @property
    def mention(self) -> str:
        """Empty: there are no groups in which people would mention the bot."""
        return ""

    def load(self, media: Media) -> File:
        """Raise Unfetchable: people can send only text."""
        raise Unfetchable("unsupported")

    def earlier(self, message: Message, most: int) -> Sequence[Turn]:
        """Return nothing: earlier messages cannot be read."""
        return ()

    def is_administrator(self, message: Message) -> bool:
        """Return False: there are no groups."""
        return False

    def html_of(self, reply: Reply) -> str:
        """Return "": the channel has no page of its own."""
        return ""

    def may_change_form(self, turn: Turn, known: Iterable[str]) -> bool:
        """Return True: what may have been posted is posted again."""
        return True

    def find_posted(self, turn: Turn, part: Part, known: Iterable[str]) -> str | None:
        """Return None: posted messages cannot be read."""
        return None
