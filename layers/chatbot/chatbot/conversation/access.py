"""Access control and daily limits, checked before a command takes effect or a model is paid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple, Protocol

from chatbot.core.message import Message
from chatbot.core.ports import Clock, Counted, Counters, Journal, Profiles
from chatbot.core.settings import Settings
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Origin

TOTAL_PARTITION = "~total"
"""Partition key under which DAILY_TOTAL is counted."""
_ALWAYS_ALLOWED = ("start", "help")
_MINUTE = 60_000  # milliseconds


class AccessHistory(Counters, Profiles, Protocol):
    """Ports of the conversation table that this module needs."""


class Refusal(NamedTuple):
    """Why a message is not answered: the name of a sentence in `translations`, and its fields.

    With the name "" nothing is posted.
    """

    name: str
    facts: dict[str, str | int]


@dataclass(eq=False)
class Access:
    """Checks ACCESS, MAX_INPUT and the daily limits; shared by the threads of a batch."""

    history: AccessHistory
    settings: Settings
    journal: Journal
    clock: Clock

    def check(self, message: Message, timeline: Timeline) -> Refusal | None:
        """Return a refusal if the author has no access or the message is too long, else None.

        Raises HistoryUnavailable.
        """
        settings, person = self.settings, _person(message)
        names = {person, message.key.conversation, timeline.profile.moved_from}
        listed = names & {*settings.allowlist}
        if settings.access == "allowlist" and not listed:
            self.journal.warning("not_on_allowlist", channel=message.channel, person=person)
            return Refusal("not_allowed", {"id": person})
        may_talk = timeline.profile.registered or message.command.name in _ALWAYS_ALLOWED
        if settings.access == "start" and not may_talk:
            return Refusal(self._ask_to_start(message, timeline), {})
        if len(message.full_text) > settings.max_input:
            return Refusal("too_long", {"most": settings.max_input})
        return None

    def count_use(self, message: Message, kind: str) -> Refusal | None:
        """Count one use of `kind` ("messages" or "images") for the author, once for each message.

        Returns a refusal when a daily limit is reached, else None. Raises HistoryUnavailable.
        """
        total = self.settings.daily_total
        most: int = getattr(self.settings, f"daily_{kind}")
        if not most and not total:
            return None
        day, now = self._day(), self.clock()
        counted = self.history.count_today(_counted(message), day, kind, message.key.sort, most)
        if counted is Counted.NOW and total:
            kind, most = "total", total
            counted = self.history.count_today(TOTAL_PARTITION, day, kind, "", most)
        if counted is not Counted.TOO_MANY:
            return None
        self.journal.info("limit_reached", channel=message.channel, limit=kind)
        hours, minutes = divmod(1440 - now // _MINUTE % 1440, 60)
        return Refusal(f"daily_{kind}", {"most": most, "hours": hours, "minutes": minutes})

    def count_recording(self, message: Message, source: str, minutes: int) -> bool:
        """Count a recording that the author has transcribed, once for each message.

        Returns False when that exceeds DAILY_RECORDINGS. Raises HistoryUnavailable.
        """
        most, kind = self.settings.daily_recordings, "recordings"
        if not most:
            return True
        event = f"{message.key.sort}#{sha256(source.encode('utf-8', 'replace')).hexdigest()[:16]}"
        counted = Counted.TOO_MANY
        if minutes <= most:
            who, day = _counted(message), self._day()
            counted = self.history.count_today(who, day, kind, event, most, minutes)
        if counted is Counted.TOO_MANY:
            self.journal.info("limit_reached", channel=message.channel, limit=kind)
        return counted is not Counted.TOO_MANY

    def _day(self) -> str:
        """Today's date (UTC)."""
        return datetime.fromtimestamp(self.clock() / 1000, UTC).date().isoformat()

    def _ask_to_start(self, message: Message, timeline: Timeline) -> str:
        """The name of the request to press /start, or "" if it was posted before."""
        # The profile is written before the turn, whose write may fail: both must show the request.
        asked = any(turn.origin is Origin.NOTICE for turn in timeline.turns)
        if timeline.profile.asked_to_start and asked:
            return ""
        profile = replace(timeline.profile, asked_to_start=True)
        self.history.save_profile(message.key.conversation, profile)
        return "press_start"


def _counted(message: Message) -> str:
    """Whose uses are counted."""
    return f"{message.channel}:{message.counted_as or message.author.id}"


def _person(message: Message) -> str:
    return f"{message.channel}:{message.author.id}"
