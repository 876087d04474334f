"""What the Telegram stand-in refuses in entities, buttons and wanted updates.

A rule is the Bot API's own where no other source is named. Where Telegram would repair a call or
ignore a part of it, the stand-in refuses it, so that a test notices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from local.standins.telegram_chats import ChatError

MOST_CALLBACK_DATA = 64
"""Bytes (Bot API, InlineKeyboardButton: 1-64 bytes)."""
_STYLES = {"bold", "italic", "underline", "strikethrough", "spoiler"}
_QUOTES = {"blockquote", "expandable_blockquote"}
_CODE = {"code", "pre"}


def check_call(params: Mapping[str, Any], updates: Iterable[str]) -> None:
    """Check the parameters of a call; `updates` are the kinds that exist. Raises ChatError."""
    for name in ("entities", "caption_entities"):
        check_nesting(params.get(name, ()))
    _check_buttons(params.get("reply_markup", {}))
    _check_updates(params.get("allowed_updates", ()), updates)


def check_nesting(entities: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what the rules of nesting exclude (Bot API, "Formatting options"). Raises ChatError.

    Of two entities with common characters, one is inside the other. Bold, italic, underline,
    strikethrough and spoiler may contain and be in any other entity but pre and code. A quote may
    not be in a quote. All others may not contain each other, and none another of its kind.
    """
    around: list[tuple[int, str]] = []  # end and type of each entity that contains the next
    for entity in sorted(entities, key=lambda each: (each["offset"], -each["length"])):
        start, end, kind = entity["offset"], entity["offset"] + entity["length"], entity["type"]
        while around and around[-1][0] <= start:
            around.pop()
        if around and end > around[-1][0]:
            raise ChatError(f"entities overlap at offset {start}")
        for _, outer in around:
            if not _may_be_in(kind, outer):
                raise ChatError(f"{kind} can't be in {outer} at offset {start}")
        around.append((end, kind))


def _may_be_in(inner: str, outer: str) -> bool:
    if inner == outer:
        return False  # Telegram would join them
    if {inner, outer} & _CODE:
        return bool({inner, outer} & _QUOTES)
    if {inner, outer} <= _QUOTES:
        return False
    return bool({inner, outer} & (_STYLES | _QUOTES))


def _check_buttons(markup: Mapping[str, Any]) -> None:
    """Refuse inline buttons that Telegram refuses.

    The wording of an empty text is TDLib's (ReplyMarkup.cpp, get_inline_keyboard_button), that of
    the data is Telegram's own error code (messages.sendMessage, "Possible errors").
    """
    for row in markup.get("inline_keyboard", []):
        for button in row:
            if not button["text"].strip():
                raise ChatError("inline keyboard button text must be non-empty")
            if "callback_data" in button:
                size = len(button["callback_data"].encode())
                if not 0 < size <= MOST_CALLBACK_DATA:
                    raise ChatError("BUTTON_DATA_INVALID")


def _check_updates(wanted: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a kind of update that does not exist.

    Telegram ignores its name (telegram-bot-api, Client.cpp, get_allowed_update_types), so that a
    misspelled kind would never arrive.
    """
    unknown = {*wanted} - {*known}
    if unknown:
        raise ChatError(f"unknown kind of update: {min(unknown)}")
