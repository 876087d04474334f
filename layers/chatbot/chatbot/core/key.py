"""Keys of turns in the conversation table, and of their files in the bucket."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

TURN_PREFIX = "turn#"


@dataclass(frozen=True, slots=True, order=True)
class TurnKey:
    """Primary key of a turn: partition key `conversation`, sort key `sort`.

    Example: `TurnKey("telegram:42", "turn#1795262400000#000000000007:message")`. Made only of the
    platform's own data, so that an event that is sent again, after any delay, finds its turn.
    """

    conversation: str
    sort: str

    @classmethod
    def of(cls, conversation: str, occurred_at: int, event_id: str) -> TurnKey:
        """The key of an event; `occurred_at` is milliseconds since the epoch."""
        return cls(conversation, f"{TURN_PREFIX}{occurred_at:013d}#{event_id}")

    @property
    def occurred_at(self) -> int:
        """When the event occurred, in milliseconds since the epoch."""
        return int(self.sort[len(TURN_PREFIX) : len(TURN_PREFIX) + 13])

    @property
    def event_id(self) -> str:
        """The platform's event id with its kind, such as "000000000007:message"."""
        return self.sort[len(TURN_PREFIX) + 14 :]

    def file_name(self, extension: str) -> str:
        """Object key of the file that is generated for this turn, the same in every attempt."""
        return f"{folder_of(self.conversation)}/{_digest(self.sort)}.{extension}"


def folder_of(conversation: str) -> str:
    """Bucket prefix of a conversation's files: a hash, which does not reveal the person."""
    return _digest(conversation)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
