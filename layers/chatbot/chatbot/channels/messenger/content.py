"""Read a message's attachments (Messenger Platform, messages webhook event).

https://developers.facebook.com/documentation/business-messaging/messenger-platform/webhooks/webhook-events/messages
names the types and their payloads, all of which may be missing: a share that Meta does not support
comes without payload, a wave with a title alone (github.com/messenger4j/messenger4j/issues/63).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from chatbot.channels.payload import have, have_all, identifier
from chatbot.core.message import Media

_KINDS = {"image": "photo", "sticker": "photo", "audio": "audio", "file": "document"}
_THUMB_STICKERS = ("369239263222822", "369239343222814", "369239383222810")
"""Ids of the thumbs-up stickers that the app's own button sends, by size."""
_LONGEST_TITLE, _LONGEST_LINK = 200, 300
"""Characters that the model is told of a shared link: a signed address of Meta's is longer."""
_MOST_ATTACHMENTS = 30
_MOST_ELEMENTS = 10
"""Elements of a template (Messenger Platform, generic template)."""
_SHIM_HOSTS, _SHIM_PATH = (".facebook.com", ".messenger.com"), "/l.php"
"""Where Meta leads to shared links, with the address in the parameter `u`, as
github.com/botman/botman/pull/411 shows."""


class _Attachment(NamedTuple):
    """An attachment; `sticker` is the sticker's id, "" for what is none."""

    kind: str
    sticker: str
    fields: dict[str, Any]
    payload: dict[str, Any]

    def field(self, name: str) -> str:
        """A text of the payload, or of the attachment itself, where it stood until Graph 6.0."""
        return have(self.payload, name, str) or have(self.fields, name, str) or ""


def media_of(message: dict[str, Any]) -> Iterator[Media]:
    """Yield the attachments that can be downloaded; a sticker counts as a picture.

    An attachment without an address has the source "": it is known that it was sent.
    """
    for each in _attachments(message):
        if each.kind in _KINDS and each.sticker not in _THUMB_STICKERS:
            url = each.field("url")
            name = url.partition("?")[0].rpartition("/")[2] if each.kind == "file" else ""
            name = unquote(name)
            if url or not each.sticker:
                yield Media(_KINDS[each.kind], url, name=name)


def placeholders_of(message: dict[str, Any]) -> Iterator[str]:
    """Yield a text for each other attachment, which the model reads in its place.

    An attachment of which nothing is known but its type has one only beside text: alone, it makes
    the message `Kind.UNSUPPORTED`.
    """
    text = have(message, "text", str) or ""
    for each in _attachments(message):
        if each.sticker in _THUMB_STICKERS:
            yield "👍"
        elif each.kind in _KINDS:
            if each.sticker and not each.field("url"):
                yield "[sticker]"
        elif known := _description(each, text):
            yield known
        elif text and each.kind:
            yield f"[{_short(each.kind, _LONGEST_TITLE)}]"


def _attachments(message: dict[str, Any]) -> Iterator[_Attachment]:
    """Yield the attachments, each sticker once.

    Until Meta's change to the type `sticker` is complete, a sticker comes as an `image` too
    (Messenger Platform, changelog of 2026-06-01).
    """
    seen: set[str] = set()
    attachments = have_all(message, "attachments", dict)[:_MOST_ATTACHMENTS]
    stickers = {
        have(have(fields, "payload", dict), "url", str)
        for fields in attachments
        if fields.get("type") == "sticker"
    }
    for fields in attachments:
        payload = have(fields, "payload", dict) or {}
        kind, sticker = have(fields, "type", str) or "", identifier(payload, "sticker_id")
        if kind == "sticker" or (kind == "image" and have(payload, "url", str) in stickers):
            sticker = sticker or identifier(message, "sticker_id") or "unknown"
        each = _Attachment(kind, sticker, fields, payload)
        names = {name for name in (sticker, each.field("url")) if name} if sticker else set()
        if not names & seen:
            yield each
        seen |= names


def _description(attachment: _Attachment, text: str) -> str:
    """What the attachment says of itself in words; "" for nothing."""
    where = have(attachment.payload, "coordinates", dict)
    if attachment.kind == "location" and where:
        spot = [where.get(name) for name in ("lat", "long")]
        if all(type(number) in (int, float) for number in spot):
            return f"[location: {spot[0]}, {spot[1]}]"
    if attachment.kind in ("video", ""):
        return ""
    product = have(attachment.payload, "product", dict) or attachment.payload
    elements = have_all(product, "elements", dict)[:_MOST_ELEMENTS]
    known = [
        *_link(attachment.field("title"), attachment.field("url"), text),
        *filter(None, [_short(have(attachment.payload, "status", str) or "")]),
    ]
    for element in elements:
        title, subtitle = (have(element, name, str) or "" for name in ("title", "subtitle"))
        url = have(element, "url", str) or have(element, "item_url", str) or ""
        known += _link(" ".join(filter(None, (title, subtitle))), url, text)
    kind = "link" if attachment.kind in ("fallback", "share") else attachment.kind
    return f"[{_short(kind)}: {'; '.join(known)}]" if known else ""


def _link(title: str, url: str, text: str) -> list[str]:
    """Title and address in one line, without an address that the text has or that is too long."""
    address = _destination(url)
    if len(address) > _LONGEST_LINK or address in text or any(map(str.isspace, address)):
        address = ""
    said = " ".join(filter(None, (_short(title), address)))
    return [said] if said else []


def _destination(url: str) -> str:
    """The address to which a link of Meta's leads, any other address unchanged."""
    try:
        parts = urlsplit(url)
        if (parts.hostname or "").endswith(_SHIM_HOSTS) and parts.path == _SHIM_PATH:
            return parse_qs(parts.query, max_num_fields=20).get("u", [url])[0]
    except ValueError:  # no valid address: it is told as it is
        return url
    return url


def _short(text: str, most: int = _LONGEST_TITLE) -> str:
    words = " ".join(text.split())
    return words if len(words) <= most else f"{words[:most]}…"
