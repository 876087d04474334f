"""Who may talk, and how much: asked before a command takes effect or a model is paid for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from chatbot.core.message import Message
from chatbot.core.ports import Clock, Counted, Counters, Journal, Profiles
from chatbot.core.settings import Settings
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Origin

EVERYBODY = "~total"
"""The partition in which DAILY_TOTAL is counted."""
_ALWAYS = ("start", "help")
_MINUTE = 60_000


class AccessHistory(Counters, Profiles, Protocol):
    """The ports of the table that are used here."""


class Refusal(NamedTuple):
    """The sentence to say: its name in translations.py ("" says nothing), and what fills it."""

    name: str
    facts: dict[str, str | int]


class Access:
    """Shared by the threads of a batch."""

    def __init__(
        self, history: AccessHistory, settings: Settings, journal: Journal, clock: Clock
    ) -> None:
        self._history = history
        self._settings = settings
        self._journal = journal
        self._clock = clock

    def refuses(self, message: Message, timeline: Timeline) -> Refusal | None:
        """Refuse who may not talk, and what is too long. Raises HistoryUnavailable."""
        settings, person = self._settings, _person(message)
        known = {person, message.key.conversation} & {*settings.allowlist}
        if settings.access == "allowlist" and not known:
            self._journal.warning("not_on_allowlist", channel=message.channel, person=person)
            return Refusal("not_allowed", {"id": person})
        passes = timeline.profile.registered or message.command.name in _ALWAYS
        if settings.access == "start" and not passes:
            return Refusal(self._ask_to_start(message, timeline), {})
        if len(message.words) > settings.max_input:
            return Refusal("too_long", {"most": settings.max_input})
        return None

    def over(self, message: Message, kind: str) -> Refusal | None:
        """Count one use (`kind`: "messages" or "images") of the author.

        Returns a refusal when a daily limit is reached, else None. Raises HistoryUnavailable.
        """
        total = self._settings.daily_total
        most: int = getattr(self._settings, f"daily_{kind}")
        if not most and not total:
            return None
        now = self._clock()
        day = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
        counted = self._history.count_today(_person(message), day, kind, message.key.sort, most)
        if counted is Counted.NOW and total:
            kind, most = "total", total
            counted = self._history.count_today(EVERYBODY, day, kind, "", most)
        if counted is not Counted.TOO_MANY:
            return None
        self._journal.info("limit_reached", channel=message.channel, limit=kind)
        hours, minutes = divmod(1440 - now // _MINUTE % 1440, 60)
        return Refusal(f"daily_{kind}", {"most": most, "hours": hours, "minutes": minutes})

    def _ask_to_start(self, message: Message, timeline: Timeline) -> str:
        # The profile is written first: where the turn's write failed, no turn shows the request.
        asked = any(turn.origin is Origin.NOTICE for turn in timeline.turns)
        if timeline.profile.asked_to_start and asked:
            return ""
        profile = replace(timeline.profile, asked_to_start=True)
        self._history.save_profile(message.key.conversation, profile)
        return "press_start"


def _person(message: Message) -> str:
    return f"{message.channel}:{message.author.id}"
