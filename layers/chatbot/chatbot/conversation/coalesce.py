"""Merge plain texts that wait behind one another, so that one answer answers them all.

The first message's turn holds the answer. Each other message gets a pointer, a turn that names the
first one in `links.merged_into`, so that its redelivery finds the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from chatbot.core.key import TurnKey
from chatbot.core.message import Kind, Message, ReplyTo
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Links, Reply, State, Turn


def mergeable(
    first: Message, waiting: Iterable[Message], timeline: Timeline, most: int
) -> list[Message]:
    """Select `first` and the messages of `waiting` that can be merged with it.

    All are plain texts of the same author without a turn, in the order of their keys, and no
    message in between is left out. Together they have at most `most` characters; pieces of one text
    that the platform has split are merged whatever their length.
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


def pieces(messages: Sequence[Message]) -> list[Message]:
    """The first of `messages`, with the pieces that follow it where the platform has split it."""
    whole = next((n for n, message in enumerate(messages, 1) if not message.unfinished), None)
    return list(messages[:whole])


def merge(messages: Sequence[Message]) -> Message:
    """The first message, with the texts of the others in `more`."""
    return replace(messages[0], more="\n".join(message.text for message in messages[1:]))


def pointers_to(target: Turn, messages: Iterable[Message]) -> list[Turn]:
    """Pointers from each of the messages to the turn that answers them."""
    return [
        replace(
            Turn.of(message, Reply(""), target.origin),
            state=State.DELIVERED,
            links=Links(merged_into=target.key.sort),
        )
        for message in messages
    ]


def resolve_pointer(turn: Turn | None, find: Callable[[TurnKey], Turn | None]) -> Turn | None:
    """The turn itself, or of a pointer the turn into which its message was merged.

    `find` looks a turn up by its key. Returns None when that turn is gone.
    """
    while turn is not None and turn.links.merged_into:
        turn = find(replace(turn.key, sort=turn.links.merged_into))
    return turn


def _is_plain(message: Message) -> bool:
    return message.kind is Kind.TEXT and not (message.media or message.handles.callback)
