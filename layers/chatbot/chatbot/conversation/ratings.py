"""A thumb for an answer is kept with it: no turn of its own, and nothing is said to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from chatbot.conversation.coalesce import answering
from chatbot.core.key import TURN_PREFIX
from chatbot.core.message import Message
from chatbot.core.ports import Journal, Ratings
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Turn

LOOKED_BACK = 200
"""Turns among which an answer is looked for; people rate what they see."""


def keep_rating(message: Message, timeline: Timeline, history: Ratings, journal: Journal) -> None:
    """Write the rating down where it is new. Raises HistoryUnavailable."""
    turn = answering(_rated(message, timeline, history), history.find)
    if turn is None or turn.rating == message.rating:
        return
    history.rate(turn.key, message.rating)
    if message.rating > 0:
        journal.count("RatedUp", channel=message.channel)
    elif message.rating < 0:
        journal.count("RatedDown", channel=message.channel)


def _rated(message: Message, timeline: Timeline, history: Ratings) -> Turn | None:
    """The page names the turn itself, the others one of its posts."""
    if message.reply_to.id.startswith(TURN_PREFIX):
        return history.find(replace(message.key, sort=message.reply_to.id))
    older = islice(history.older(message.key), LOOKED_BACK)
    places: tuple[Iterable[Turn], ...] = (timeline.turns, older)
    return next(
        (turn for turns in places for turn in turns if message.reply_to.id in turn.posted), None
    )
