"""What a Messenger message brings besides text (Messenger Platform, messages event)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatbot.channels.payload import need, want
from chatbot.core.message import Media

_KINDS = {"image": "photo", "audio": "audio", "file": "document"}
_THUMBS = (369239263222822, 369239343222814, 369239383222810)
"""The stickers behind the app's own button, by size."""


def media_of(message: dict[str, Any]) -> Iterator[Media]:
    """What can be fetched; stickers are pictures."""
    for kind, payload in _attachments(message):
        if kind in _KINDS and want(payload, "sticker_id", int) not in _THUMBS:
            url = need(payload, "url", str)
            name = url.partition("?")[0].rpartition("/")[2] if kind == "file" else ""
            yield Media(_KINDS[kind], url, name=name)


def told(message: dict[str, Any]) -> Iterator[str]:
    """What the model is told of other things; a video gets a sentence where it comes alone."""
    for kind, payload in _attachments(message):
        if want(payload, "sticker_id", int) in _THUMBS:
            yield "👍"
        where = want(payload, "coordinates", dict) if kind == "location" else None
        if where:
            yield f"[location: {where.get('lat')}, {where.get('long')}]"
        if kind == "video" and message.get("text"):
            yield "[video]"


def _attachments(message: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for attachment in want(message, "attachments", list) or []:
        yield want(attachment, "type", str) or "", want(attachment, "payload", dict) or {}
