"""Put the parts of an album together: each arrives as a message of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chatbot.core.message import Kind, Media, Message, ReplyTo

MOST_PARTS = 10
"""Items of an album (Bot API, sendMediaGroup: 2-10 items)."""


def merge_album(parts: Sequence[Message]) -> Message:
    """One message with the attachments and texts of all parts, in their order.

    It has the first part's key. A part whose caption is a command makes the whole a command, as the
    caption of a single picture does. It is addressed to the bot when any part is.
    """
    first = next((part for part in parts if part.kind is Kind.COMMAND), parts[0])
    readable = any(part.kind is Kind.TEXT for part in parts)
    return replace(
        first,
        key=parts[0].key,
        kind=Kind.TEXT if readable and first.kind is not Kind.COMMAND else first.kind,
        text=first.text if first.kind is Kind.COMMAND else _text_of(parts),
        media=() if first.kind is Kind.COMMAND else _media_of(parts),
        reply_to=next((part.reply_to for part in parts if part.reply_to != ReplyTo()), ReplyTo()),
        handles=parts[0].handles,
        addressed=any(part.addressed for part in parts),
    )


def _text_of(parts: Sequence[Message]) -> str:
    return " ".join(part.text for part in parts if part.text)


def _media_of(parts: Sequence[Message]) -> tuple[Media, ...]:
    """The attachments of all parts; one of a message that all of them reply to counts once."""
    return tuple(dict.fromkeys(media for part in parts for media in part.media))
