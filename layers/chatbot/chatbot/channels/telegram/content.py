"""What a Telegram message brings besides text (Bot API, Message)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatbot.channels.payload import need, want
from chatbot.core.message import Media

MAX_FILE = 20_000_000
"""Bytes that bots can fetch (Bot API, getFile)."""

_RECORDINGS = ("voice", "audio", "video_note")
_UNSEEN = ("animation", "video", "live_photo", "paid_media", "story", "game", "checklist")


def media_of(message: dict[str, Any], most: int) -> Iterator[Media]:
    """What can be fetched; of a picture the largest size that fits, else the smallest."""
    sizes = [_media("photo", size) for size in want(message, "photo", list) or []]
    by_size = sorted(sizes, key=lambda size: size.size)
    yield from ([size for size in by_size if size.size <= most] or by_size[:1])[-1:]
    for name in _RECORDINGS:
        if name in message:
            yield _media("audio", need(message, name, dict))
    if "document" in message and "animation" not in message:  # which comes as a document too
        yield _media("document", need(message, "document", dict))


def told(message: dict[str, Any]) -> Iterator[str]:
    """What the model is told of things that are neither text nor files.

    What it cannot see is named only where there are words with it: alone it gets a sentence.
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
        yield from (f"[{name}]" for name in _UNSEEN if name in message)


def _media(kind: str, file: dict[str, Any]) -> Media:
    size, name = want(file, "file_size", int) or 0, want(file, "file_name", str) or ""
    return Media(kind, want(file, "file_id", str) or "", size, name)
