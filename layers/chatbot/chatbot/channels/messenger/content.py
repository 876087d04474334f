"""Read a message's attachments (Messenger Platform, messages webhook event)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatbot.channels.payload import need, want
from chatbot.core.message import Media

_KINDS = {"image": "photo", "audio": "audio", "file": "document"}
_THUMB_STICKERS = (369239263222822, 369239343222814, 369239383222810)
"""Ids of the thumbs-up stickers that the app's own button sends, by size."""


def media_of(message: dict[str, Any]) -> Iterator[Media]:
    """Yield the attachments that can be downloaded; a sticker counts as a picture."""
    for kind, payload in _attachments(message):
        if kind in _KINDS and want(payload, "sticker_id", int) not in _THUMB_STICKERS:
            url = need(payload, "url", str)
            name = url.partition("?")[0].rpartition("/")[2] if kind == "file" else ""
            yield Media(_KINDS[kind], url, name=name)


def placeholders_of(message: dict[str, Any]) -> Iterator[str]:
    """Yield a text for each other attachment, which the model reads in its place.

    A video has one only beside text: alone, it makes the message `Kind.UNSUPPORTED`.
    """
    for kind, payload in _attachments(message):
        if want(payload, "sticker_id", int) in _THUMB_STICKERS:
            yield "👍"
        where = want(payload, "coordinates", dict) if kind == "location" else None
        if where:
            yield f"[location: {where.get('lat')}, {where.get('long')}]"
        if kind == "video" and message.get("text"):
            yield "[video]"


def _attachments(message: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for attachment in want(message, "attachments", list) or []:
        yield want(attachment, "type", str) or "", want(attachment, "payload", dict) or {}
