"""Read a message's attachments (Bot API, Message). None of them needs to have the known form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatbot.channels.payload import have, have_all
from chatbot.core.message import Media

MAX_FILE = 20_000_000
"""Largest file that bots can download, in bytes (Bot API, getFile)."""

_RECORDINGS = ("voice", "audio", "video_note")
_UNREADABLE = tuple(
    "animation video live_photo paid_media story game checklist giveaway giveaway_winners"
    " invoice".split()
)


def media_of(message: dict[str, Any], most: int) -> Iterator[Media]:
    """Yield the attachments that can be downloaded.

    Of a picture's sizes it is the largest of at most `most` bytes, else the smallest. An attachment
    without a file id has the source "": it is known that it was sent.
    """
    sizes = [_media("photo", size) for size in have_all(message, "photo", dict)]
    by_size = sorted((size for size in sizes if size.source), key=lambda size: size.size)
    yield from ([size for size in by_size if size.size <= most] or by_size[:1] or sizes)[-1:]
    files = [("audio", have(message, name, dict)) for name in _RECORDINGS]
    if "animation" not in message:  # an animation is sent as a document too
        files.append(("document", have(message, "document", dict)))
    yield from (_media(kind, file) for kind, file in files if file is not None)


def placeholders_of(message: dict[str, Any]) -> Iterator[str]:
    """Yield a text for each attachment that is not a file, which the model reads in its place."""
    sticker, dice = have(message, "sticker", dict), have(message, "dice", dict)
    if sticker is not None:
        yield have(sticker, "emoji", str) or "[sticker]"
    if dice is not None:
        yield f"[{have(dice, 'emoji', str) or 'dice'} shows {have(dice, 'value', int) or '?'}]"
    venue = have(message, "venue", dict)
    where = have(message, "location", dict) or have(venue, "location", dict)
    if where:
        place = [have(venue, name, str) or "" for name in ("title", "address")] if venue else []
        spot = f"{where.get('latitude')}, {where.get('longitude')}"
        yield f"[location: {', '.join([*filter(None, place), spot])}]"
    contact, poll = have(message, "contact", dict), have(message, "poll", dict)
    if contact:
        names = [have(contact, name, str) or "" for name in ("first_name", "last_name")]
        yield f"[contact: {' '.join(filter(None, names))}]"
    if poll:
        options = [have(option, "text", str) or "" for option in have_all(poll, "options", dict)]
        yield f"[poll: {have(poll, 'question', str) or ''} {' / '.join(options)}]"


def unreadable_of(message: dict[str, Any]) -> Iterator[str]:
    """Yield a text for each attachment that the model cannot read.

    It is read beside a caption or the other parts of an album. Alone, such an attachment makes the
    message `Kind.UNSUPPORTED`.
    """
    yield from (f"[{name}]" for name in _UNREADABLE if name in message)


def _media(kind: str, file: dict[str, Any]) -> Media:
    """The file, with the source "" when it has no id."""
    size, name = have(file, "file_size", int) or 0, have(file, "file_name", str) or ""
    return Media(kind, have(file, "file_id", str) or "", size, name)
