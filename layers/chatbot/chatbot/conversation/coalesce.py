"""Messages that wait behind one another and are answered together, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from chatbot.core.key import TurnKey
from chatbot.core.message import Kind, Message, ReplyTo
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Links, Reply, State, Turn


def together(
    first: Message, waiting: Iterable[Message], timeline: Timeline, most: int
) -> list[Message]:
    """`first` and those of `waiting` that are answered with it: plain texts of the same author.

    None that has a turn, or lies before one that is merged already. `most` characters in all, but
    the pieces of one text stay together.
    """
    chosen, size = [first], len(first.text)
    if not _is_plain(first) or timeline.profile.mode or not timeline.reaches(first.key):
        return chosen
    for message in waiting:
        last, size = chosen[-1], size + len(message.text) + 1
        if (
            not _is_plain(message)
            or message.reply_to != ReplyTo()
            or message.author.id != first.author.id
            or message.key.sort <= last.key.sort
            or timeline.find(message.key)
            or (size > most and not last.unfinished)
        ):
            break
        chosen.append(message)
    return chosen


def as_one(messages: Sequence[Message]) -> Message:
    """The first, which leads, with the texts of the others."""
    return replace(messages[0], more="\n".join(message.text for message in messages[1:]))


def pointers(leader: Turn, messages: Iterable[Message]) -> list[Turn]:
    """Turns that lead whoever meets these messages again to the one that answers them."""
    return [
        replace(
            Turn.of(message, Reply(""), leader.origin),
            state=State.DELIVERED,
            links=Links(merged_into=leader.key.sort),
        )
        for message in messages
    ]


def answering(turn: Turn | None, find: Callable[[TurnKey], Turn | None]) -> Turn | None:
    """The turn that answers the message of `turn`: itself, or the one that it was merged into.

    `find` looks a turn up by its key. None when that is gone.
    """
    while turn is not None and turn.links.merged_into:
        turn = find(replace(turn.key, sort=turn.links.merged_into))
    return turn


def _is_plain(message: Message) -> bool:
    return message.kind is Kind.TEXT and not (message.media or message.handles.callback)
