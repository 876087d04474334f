"""A conversation's profile and past turns, and the rule which of these turns count.

The prompt and the commands use `exchanges` and `until_break`; /export lists every turn. The web
page has the same rule in JavaScript (`functions/web/assets/timeline.js`), and
`tests/timeline_cases.json` holds both to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

from chatbot.core.key import TurnKey
from chatbot.core.turn import Origin, Turn

EXCHANGES = (Origin.MODEL, Origin.FALLBACK, Origin.FILTERED, Origin.STAFF)
"""Origins of turns that are part of the conversation proper.

The others are commands and notices (fixed sentences).
"""
UNANSWERED = (Origin.FALLBACK, Origin.FILTERED)
"""Origins of the exchanges that later prompts do not show: the model gave no answer.

Whatever the reason was, the model or its server would stumble over such a message again, in the
prompt of each message after it. /retry asks again.
"""


@dataclass(frozen=True, slots=True)
class ConversationProfile:
    """Profile of a conversation. In a group it is the group's, not a person's.

    `registered` is True after /start. `mode` is "image" when every message is a prompt for a
    picture, else "". `persona` is the name of the chosen system prompt, "" the default.
    `asked_to_start` is True once the request to press /start was posted. `forgotten_before` is the
    sort key of the last /forget: older events are acknowledged without an answer. `moved_from` is
    the conversation that this one continues under a new id ("" = none): its turns are shown, too.
    """

    registered: bool = False
    name: str = ""
    language: str = ""
    mode: str = ""
    persona: str = ""
    asked_to_start: bool = False
    forgotten_before: str = ""
    moved_from: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Result of one query: the profile and the newest turns of a conversation, newest first.

    `complete` is True when the table has nothing older than the last of `turns`.
    """

    profile: ConversationProfile
    turns: tuple[Turn, ...]
    complete: bool

    def find(self, key: TurnKey) -> Turn | None:
        """The turn with that key among `turns`, else None."""
        return next((turn for turn in self.turns if turn.key == key), None)

    def reaches(self, key: TurnKey) -> bool:
        """Whether `turns` goes back to `key`: if there is a turn at it, `turns` contains it."""
        return self.complete or bool(self.turns and self.turns[-1].key.sort <= key.sort)

    def posted_ids(self) -> frozenset[str]:
        """The platform's ids of all posts that the turns recorded."""
        return frozenset(platform_id for turn in self.turns for platform_id in turn.posted)

    def remembered(self, before: TurnKey, oldest: int, most: int) -> Iterator[Turn]:
        """The earlier exchanges for the prompt of a message at `before`, newest first.

        At most `most`; only those since the last fresh start and /forget, and none that are
        `UNANSWERED`: a /retry without an answer replaces nothing here. Exchanges older than
        `oldest` (milliseconds since the epoch) are left out unless the conversation was resumed
        after them.
        """
        candidates = until_break(self._candidates(before, oldest))
        answered = (turn for turn in candidates if turn.origin not in UNANSWERED)
        return islice(exchanges(answered), most)

    def prompt_start(self, before: TurnKey) -> str:
        """Sort key of the oldest turn in the prompt of the newest answer below `before`.

        "" where that is not known, and when the conversation was resumed since: then the prompt
        must look back further.
        """
        for turn in until_break(self._candidates(before, 0)):
            if turn.since or turn.links.resumed:
                return turn.since
        return ""

    def _candidates(self, before: TurnKey, oldest: int) -> Iterator[Turn]:
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


@dataclass(frozen=True, slots=True)
class TurnPage:
    """Turns that follow each other, oldest first.

    `more` is True when the table has further ones in the direction of reading.
    """

    turns: tuple[Turn, ...] = ()
    more: bool = False


def is_exchange(turn: Turn) -> bool:
    """Whether the turn is a message with its answer, not a command, notice or pointer."""
    return turn.origin in EXCHANGES and not turn.links.merged_into


def exchanges(turns: Iterable[Turn]) -> Iterator[Turn]:
    """Filter the exchanges of `turns`, newest first, without those that /retry has replaced.

    The order matters: a turn that replaces another is newer, so it is met before it.
    """
    replaced = set()
    for turn in turns:
        replaced.add(turn.links.replaces)
        if is_exchange(turn) and turn.key.sort not in replaced:
            yield turn


def until_break(turns: Iterable[Turn]) -> Iterator[Turn]:
    """Take `turns`, newest first, until the newest fresh start that is in force."""
    return takewhile(lambda turn: not turn.breaks, turns)
