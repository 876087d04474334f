"""Let a conversation go on when the platform gives it a new id (a group becomes a supergroup).

The new conversation's profile names the old one. From then on the table shows the old turns behind
the new ones: nothing is copied, so answers that are still being posted under the old id are shown
too, and /forget in the new conversation erases both.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Protocol

from chatbot.core.message import Message
from chatbot.core.ports import Journal, Profiles, Turns
from chatbot.core.timeline import Timeline


class MovedHistory(Profiles, Turns, Protocol):
    """Ports of the conversation table that this module needs."""


def go_on(message: Message, timeline: Timeline, history: MovedHistory, journal: Journal) -> None:
    """Take over the profile of `message.moved_from`; what was chosen here meanwhile stays.

    Idempotent: the platform tells of the move in both conversations. Raises HistoryUnavailable.
    """
    here, conversation = timeline.profile, message.key.conversation
    if here.moved_from or message.moved_from == conversation:
        return
    before = history.read(message.moved_from, 0).profile
    chosen = {
        each.name: getattr(here, each.name) or getattr(before, each.name) for each in fields(here)
    }
    profile = replace(here, **{**chosen, "moved_from": message.moved_from})
    history.save_profile(conversation, profile)
    journal.info("moved", channel=message.channel, conversation=conversation)
