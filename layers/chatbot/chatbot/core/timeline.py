"""What is known of a conversation: its profile and its turns, newest first."""

from __future__ import annotations

from dataclasses import dataclass

from chatbot.core.key import TurnKey
from chatbot.core.turn import Turn


@dataclass(frozen=True, slots=True)
class Person:
    """`~state` of a conversation: who it is with, and what they chose."""

    registered: bool = False
    name: str = ""
    language: str = ""
    mode: str = ""  # "image": every message is a prompt for a picture
    persona: str = ""  # name of the system prompt that was picked
    asked: bool = False  # to press /start, which is asked once
    forgotten_before: str = ""  # sort key; older events are acknowledged silently


@dataclass(frozen=True, slots=True)
class Window:
    """What one query tells of a conversation: turns newest first.

    `complete` is True when the table holds nothing older than the last of `turns`.
    """

    person: Person
    turns: tuple[Turn, ...]
    complete: bool

    def find(self, key: TurnKey) -> Turn | None:
        return next((turn for turn in self.turns if turn.key == key), None)

    def reaches(self, key: TurnKey) -> bool:
        """Whether a turn at `key`, if there were one, would be among `turns`."""
        return self.complete or bool(self.turns and self.turns[-1].key.sort <= key.sort)
