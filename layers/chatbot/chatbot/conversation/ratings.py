"""Store ratings. A rating has no turn of its own and is not answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from chatbot.conversation.coalesce import resolve_pointer
from chatbot.core.key import TURN_PREFIX
from chatbot.core.message import Message
from chatbot.core.ports import Journal, Ratings
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Turn

TURNS_SEARCHED = 200
"""Earlier turns that are searched for the rated answer; people rate recent ones."""


def keep_rating(message: Message, timeline: Timeline, history: Ratings, journal: Journal) -> None:
    """Store the message's rating with the answer that it is for, and count it once.

    Raises HistoryUnavailable.
    """
    turn = resolve_pointer(_find_rated(message, timeline, history), history.find)
    if turn is None or turn.rating == message.rating:
        return
    history.rate(turn.key, message.rating)
    if message.rating > 0:
        journal.count("RatedUp", channel=message.channel)
    elif message.rating < 0:
        journal.count("RatedDown", channel=message.channel)


def _find_rated(message: Message, timeline: Timeline, history: Ratings) -> Turn | None:
    """Find the rated turn. The web page sends its sort key, platforms the id of a post.

    Ids of posts under another id of the conversation may be those of other posts here.
    """
    if message.reply_to.id.startswith(TURN_PREFIX):
        return history.find(replace(message.key, sort=message.reply_to.id))
    older = islice(history.older(message.key), TURNS_SEARCHED)
    sources: tuple[Iterable[Turn], ...] = (timeline.turns, older)
    return next(
        (
            turn
            for turns in sources
            for turn in turns
            if message.reply_to.id in turn.posted
            and turn.key.conversation == message.key.conversation
        ),
        None,
    )
