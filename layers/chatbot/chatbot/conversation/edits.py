"""Let a message that was edited before it is answered be answered in its new form.

The edit arrives as an event of its own behind the message. It never gets an answer: once the
message is answered, it changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chatbot.core.message import Kind, Message


def apply_edits(events: Sequence[Message]) -> list[Message]:
    """The same events in the same order, each message in the form of the newest edit of it.

    Author, conversation and key of a message stay, and so does what it replies to.
    """
    edits = {(edit.author.id, edit.edits): edit for edit in events if edit.edits}
    return [_edited(event, edits.get((event.author.id, event.id))) for event in events]


def _edited(event: Message, edit: Message | None) -> Message:
    if edit is None or event.edits or not event.id:
        return event
    if edit.edits_words:
        return _with_words(event, edit)
    return replace(
        event,
        kind=edit.kind,
        text=edit.text,
        command=edit.command,
        media=edit.media,
        unfinished=edit.unfinished,
        addressed=edit.addressed,
    )


def _with_words(event: Message, edit: Message) -> Message:
    """The message with other words beside the same attachments; unchanged by an edit without."""
    if not edit.text.strip():
        return event
    if edit.kind is Kind.COMMAND:
        return replace(event, kind=edit.kind, text=edit.text, command=edit.command, media=())
    text = " ".join(filter(None, (event.described, edit.text)))
    return replace(event, kind=edit.kind, text=text, command=edit.command)
