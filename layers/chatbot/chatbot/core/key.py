"""Keys of the conversation table, made of the platforms' own data alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

TURN_PREFIX = "turn#"


@dataclass(frozen=True, slots=True, order=True)
class TurnKey:
    """Where a turn lies: partition `conversation`, sort key `sort` (`turn#<13-digit ms>#<event>`).

    Made of the platform's own data alone, so that an event sent again after any delay meets its
    own turn.
    """

    conversation: str
    sort: str

    @classmethod
    def of(cls, conversation: str, occurred_at: int, event_id: str) -> TurnKey:
        return cls(conversation, f"{TURN_PREFIX}{occurred_at:013d}#{event_id}")

    @property
    def occurred_at(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.sort[len(TURN_PREFIX) : len(TURN_PREFIX) + 13])

    @property
    def event_id(self) -> str:
        return self.sort[len(TURN_PREFIX) + 14 :]

    def file_name(self, ending: str) -> str:
        """Where in the bucket lies what is made for this turn, which an attempt after it finds."""
        return f"{folder_of(self.conversation)}/{_digest(self.sort)}.{ending}"


def folder_of(conversation: str) -> str:
    """The folder in the bucket of what is made in a conversation; it tells nobody whose it is."""
    return _digest(conversation)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
