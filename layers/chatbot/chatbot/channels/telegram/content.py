"""Read a message's attachments (Bot API, Message)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatbot.channels.payload import need, want
from chatbot.core.message import Media

MAX_FILE = 20_000_000
"""Largest file that bots can download, in bytes (Bot API, getFile)."""

_RECORDINGS = ("voice", "audio", "video_note")
_UNREADABLE = ("animation", "video", "live_photo", "paid_media", "story", "game", "checklist")


def media_of(message: dict[str, Any], most: int) -> Iterator[Media]:
    """Yield the attachments that can be downloaded.

    Of a picture's sizes it is the largest of at most `most` bytes, else the smallest.
    """
    sizes = [_media("photo", size) for size in want(message, "photo", list) or []]
    by_size = sorted(sizes, key=lambda size: size.size)
    yield from ([size for size in by_size if size.size <= most] or by_size[:1])[-1:]
    for name in _RECORDINGS:
        if name in message:
            yield _media("audio", need(message, name, dict))
    if "document" in message and "animation" not in message:  # which is sent as a document too
        yield _media("document", need(message, "document", dict))


def placeholders_of(message: dict[str, Any]) -> Iterator[str]:
    """Yield a text for each attachment that is not a file, which the model reads in its place.

    What the model cannot read has one only beside a caption: alone, it makes the message
    `Kind.UNSUPPORTED`.
    """
    sticker, dice = want(message, "sticker", dict), want(message, "dice", dict)
    if sticker is not None:
        yield want(sticker, "emoji", str) or "[sticker]"
    if dice is not None:
        yield f"[{want(dice, 'emoji', str)} shows {want(dice, 'value', int)}]"
    venue = want(message, "venue", dict)
    where = want(message, "location", dict) or (venue and want(venue, "location", dict))
    if where:
        place = [want(venue, name, str) or "" for name in ("title", "address")] if venue else []
        spot = f"{where.get('latitude')}, {where.get('longitude')}"
        yield f"[location: {', '.join([*filter(None, place), spot])}]"
    contact, poll = want(message, "contact", dict), want(message, "poll", dict)
    if contact:
        names = [want(contact, name, str) or "" for name in ("first_name", "last_name")]
        yield f"[contact: {' '.join(filter(None, names))}]"
    if poll:
        options = [want(option, "text", str) or "" for option in want(poll, "options", list) or []]
        yield f"[poll: {want(poll, 'question', str)} {' / '.join(options)}]"
    if want(message, "caption", str):
        yield from (f"[{name}]" for name in _UNREADABLE if name in message)


def _media(kind: str, file: dict[str, Any]) -> Media:
    size, name = want(file, "file_size", int) or 0, want(file, "file_name", str) or ""
    return Media(kind, want(file, "file_id", str) or "", size, name)
