"""Merge messages that wait behind one another, so that one answer answers them all.

Plain texts of one author are merged, and the parts of an album. The first message's turn holds the
answer. Each other message gets a pointer, a turn that names the first one in `links.merged_into`,
so that its redelivery finds the answer. An edit of a message that still waits takes effect on that
message (`edits.py`) and gets a pointer, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from chatbot.conversation.albums import MOST_PARTS, merge_album
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
    that the platform has split are merged whatever their length. The parts of an album are merged
    with each other and nothing else. An edit of one of the messages may stand between them.
    """
    chosen, size = [first], len(first.text)
    alone = not (first.album or _is_plain(first)) or bool(timeline.profile.mode and not first.album)
    if alone or not timeline.reaches(first.key):
        return chosen
    for message in waiting:
        if (
            message.author.id != first.author.id
            or message.key.sort <= chosen[-1].key.sort
            or timeline.find(message.key)
        ):
            break
        if not message.edits:
            size += len(message.text) + 1
        if not _follows(message, chosen, size <= most):
            break
        chosen.append(message)
    return chosen


def _follows(message: Message, chosen: Sequence[Message], fits: bool) -> bool:
    """Whether the message can be merged with those chosen so far."""
    if message.edits:
        return any(each.id == message.edits for each in chosen)
    said = messages_of(chosen)
    if continues(said[-1], message):
        return not message.album or len(said) < MOST_PARTS
    return not said[-1].album and fits and _is_plain(message) and message.reply_to == ReplyTo()


def continues(last: Message, message: Message) -> bool:
    """Whether the platform has cut one message into these two: a long text, or an album."""
    if last.album or message.album:
        return last.album == message.album
    return last.unfinished and _is_plain(message) and message.reply_to == ReplyTo()


def awaits_more(messages: Sequence[Message]) -> bool:
    """Whether a further piece of the last message may be on its way."""
    said = messages_of(messages)
    return said[-1].unfinished and not (said[-1].album and len(said) >= MOST_PARTS)


def messages_of(events: Sequence[Message]) -> list[Message]:
    """The messages among the events, without the edits."""
    return [event for event in events if not event.edits]


def pieces(events: Sequence[Message]) -> list[Message]:
    """The first of the events, with all that belongs to the same message.

    That are the pieces into which the platform has split it, and edits of these.
    """
    chosen = [events[0]]
    for event in events[1:]:
        edits_it = event.edits and any(each.id == event.edits for each in chosen)
        if not edits_it and not continues(messages_of(chosen)[-1], event):
            break
        chosen.append(event)
    return chosen


def parts_of_first(events: Sequence[Message], timeline: Timeline, most: int) -> list[Message]:
    """Of the events, the first message's own pieces: what is said once about all of them."""
    return pieces(mergeable(events[0], events[1:], timeline, most))


def merge(events: Sequence[Message]) -> Message:
    """The first message, with the texts of the others in `more`; of an album, its parts as one."""
    messages = messages_of(events)
    if len(messages) > 1 and messages[0].album:
        return merge_album(messages)
    return replace(messages[0], more="\n".join(message.text for message in messages[1:]))


def pointers_to(target: Turn, messages: Iterable[Message]) -> list[Turn]:
    """Pointers from each of the messages to the turn that answers them."""
    return [
        replace(
            Turn.of(message, Reply(""), target.origin),
            state=State.DELIVERED,
            media=(),
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
    return message.kind is Kind.TEXT and not (
        message.media or message.handles.callback or message.album
    )
