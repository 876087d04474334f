"""What is known of a conversation, and which of its past turns count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

from chatbot.core.key import TurnKey
from chatbot.core.turn import Origin, Turn

EXCHANGES = (Origin.MODEL, Origin.FALLBACK, Origin.FILTERED, Origin.STAFF)
"""Turns in which something was said to the bot, or by the page's staff. The others are commands and
fixed sentences."""


@dataclass(frozen=True, slots=True)
class ConversationProfile:
    """Profile of a conversation: what its people chose. In a group it is the group's, not a
    person's.

    `mode` is "image" when every message is a prompt for a picture; `persona` names the system
    prompt that was picked; `asked_to_start` that the request to press /start was posted;
    `forgotten_before` is a sort key: older events are acknowledged without an answer.
    """

    registered: bool = False
    name: str = ""
    language: str = ""
    mode: str = ""
    persona: str = ""
    asked_to_start: bool = False
    forgotten_before: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What one query tells of a conversation: its profile, and its newest turns, newest first.

    `complete` is True when the table holds nothing older than the last of `turns`.
    """

    profile: ConversationProfile
    turns: tuple[Turn, ...]
    complete: bool

    def find(self, key: TurnKey) -> Turn | None:
        """The turn at `key`, when it is among `turns`."""
        return next((turn for turn in self.turns if turn.key == key), None)

    def reaches(self, key: TurnKey) -> bool:
        """Whether a turn at `key`, if there were one, would be among `turns`."""
        return self.complete or bool(self.turns and self.turns[-1].key.sort <= key.sort)

    def posted_ids(self) -> frozenset[str]:
        """The platform's ids of all posts that the turns have recorded."""
        return frozenset(platform_id for turn in self.turns for platform_id in turn.posted)

    def remembered(self, before: TurnKey, oldest: int, most: int) -> Iterator[Turn]:
        """The exchanges that the model is shown for a message at `before`, newest first.

        At most `most`, none that was filtered (it would be filtered again), forgotten, cut off by a
        fresh start, or older than `oldest` (epoch milliseconds), unless the conversation was
        resumed after it.
        """
        shown = exchanges(until_break(self._in_reach(before, oldest)))
        return islice((turn for turn in shown if turn.origin is not Origin.FILTERED), most)

    def _in_reach(self, before: TurnKey, oldest: int) -> Iterator[Turn]:
        resumed = False
        for turn in self.turns:
            if turn.key.sort >= before.sort:
                continue
            if turn.key.sort <= self.profile.forgotten_before:
                return
            if turn.key.occurred_at < oldest and not resumed:
                return
            resumed = resumed or turn.links.resumed
            yield turn


def is_exchange(turn: Turn) -> bool:
    """Whether the turn is a message and its answer, and not a pointer to the turn that has it."""
    return turn.origin in EXCHANGES and not turn.links.merged_into


def exchanges(turns: Iterable[Turn]) -> Iterator[Turn]:
    """The exchanges among `turns`, without those whose message was answered anew.

    In and out newest first: whatever answers a message anew comes after it.
    """
    replaced = set()
    for turn in turns:
        replaced.add(turn.links.replaces)
        if is_exchange(turn) and turn.key.sort not in replaced:
            yield turn


def until_break(turns: Iterable[Turn]) -> Iterator[Turn]:
    """`turns`, newest first, up to the newest fresh start that nothing has lifted."""
    return takewhile(lambda turn: not turn.breaks, turns)
