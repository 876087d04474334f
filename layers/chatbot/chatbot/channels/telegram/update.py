"""Read the parts of an update: who wrote where, and whether it is for the bot (Bot API, Update).

Only who, where and when is needed; every other part may be missing or of another form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chatbot.channels.command_syntax import parse_command
from chatbot.channels.payload import have, need, want
from chatbot.channels.telegram.description import TELEGRAM
from chatbot.core.errors import Malformed
from chatbot.core.message import Author
from chatbot.core.settings import Settings

NAME = TELEGRAM.name

CONTENT = frozenset(
    "text caption rich_message animation audio document live_photo paid_media photo sticker story"
    " video video_note voice checklist contact dice game poll venue location giveaway"
    " giveaway_winners invoice".split()
)
"""Fields of a Message of which a message that people write or forward has at least one."""
_CONVERSATION = re.compile(rf"{NAME}:(-?\d+)(?::(\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bot:
    """The bot's own account; `username` is without @, "" when it is unknown."""

    id: int
    username: str

    @classmethod
    def of(cls, settings: Settings) -> Bot:
        """Return the settings' bot: its id begins the token, its username is a setting."""
        number = settings.telegram_bot_token.partition(":")[0]
        username = settings.telegram_bot_username.removeprefix("@")
        return cls(int(number) if number.isdecimal() else 0, username)


def conversation_of(message: Mapping[str, Any]) -> str:
    """The key of the message's conversation: its chat, or its topic of a forum. Raises Malformed.

    A topic without a number is taken for the chat.
    """
    conversation = f"{NAME}:{need(need(message, 'chat', dict), 'id', int)}"
    # Replies in groups without topics have a thread id as well.
    thread = have(message, "message_thread_id", int)
    if have(message, "is_topic_message", bool) and thread is not None and thread >= 0:
        conversation += f":{thread}"
    return conversation


def chat_fields(conversation: str) -> dict[str, int]:
    """Return the fields that address the conversation in calls of the Bot API. Raises Malformed.

    `telegram:-100:3`, a topic, is `{"chat_id": -100, "message_thread_id": 3}`.
    """
    match = _CONVERSATION.fullmatch(conversation)
    if match is None:
        raise Malformed("not a Telegram conversation")
    names = ("chat_id", "message_thread_id")
    return {name: int(number) for name, number in zip(names, match.groups(), strict=True) if number}


def author_of(source: Mapping[str, Any]) -> Author:
    """Who sent the message or pressed the button. Raises Malformed.

    Anonymous administrators and channels write as a chat, under the account of a bot.
    """
    chat = have(source, "sender_chat", dict)
    if have(chat, "id", int) is not None:
        return Author(str(need(chat, "id", int)), have(chat, "title", str) or "")
    user = need(source, "from", dict)
    name, language = have(user, "first_name", str), have(user, "language_code", str)
    return Author(str(need(user, "id", int)), name or "", language or "")


def is_group(message: Mapping[str, Any]) -> bool:
    """Whether the message's chat is a group. Ids of groups are negative (Bot API, Chat)."""
    chat = need(message, "chat", dict)
    kind = have(chat, "type", str)
    return kind in ("group", "supergroup") if kind else need(chat, "id", int) < 0


def migration_of(message: Mapping[str, Any]) -> tuple[str, str] | None:
    """The conversations of a group before and after it became a supergroup, or None.

    The old chat and the new one get a service message each (Bot API, Message). Raises Malformed.
    """
    here = conversation_of({"chat": message.get("chat")})
    before = have(message, "migrate_from_chat_id", int)
    after = have(message, "migrate_to_chat_id", int)
    if before:
        return f"{NAME}:{before}", here
    return (here, f"{NAME}:{after}") if after else None


def ignore_reason(message: Mapping[str, Any], bot: Bot) -> str:
    """Reason to ignore the message; "" when it is to be answered. Raises Malformed."""
    if have(message, "is_automatic_forward", bool):
        return "automatic_forward"
    # Anonymous administrators write under a bot's id, with the chat as `sender_chat`.
    anonymous = have(message, "sender_chat", dict)
    if anonymous is None and need(message, "from", dict).get("is_bot"):
        return "bot"
    if not CONTENT & message.keys():
        return "service_message"
    return "" if is_addressed(message, bot) or album_of(message) else "not_addressed"


def album_of(message: Mapping[str, Any]) -> str:
    """The id of the album that the message is a part of, else "" (Bot API, Message)."""
    return have(message, "media_group_id", str) or ""


def is_addressed(message: Mapping[str, Any], bot: Bot) -> bool:
    """Whether the message is for the bot: always in private, in a group when it says so."""
    if not is_group(message):
        return True
    text, entities = text_of(message)
    command = parse_command(text, bot.username)
    if command:
        return bool(command[0])  # without a name, it is another bot's command
    if any(_mentions(text, entities, bot)):
        return True
    author = have(replied_message(message), "from", dict) or {}
    return author.get("id") == bot.id


def replied_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message that this one replies to; empty for none.

    In a topic, every message that is no reply counts as a reply to the one that opened the topic.
    """
    replied = have(message, "reply_to_message", dict) or {}
    return {} if "forum_topic_created" in replied else replied


def text_of(message: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return text or caption, and its entities."""
    for text_name, entities_name in (("text", "entities"), ("caption", "caption_entities")):
        text = have(message, text_name, str)
        if text is not None:
            return text, have(message, entities_name, list) or []
    return "", []


def text_without_mentions(message: Mapping[str, Any], bot: Bot) -> str:
    """The text without mentions of the bot, unless it consists of nothing else."""
    text, entities = text_of(message)
    mentions = sorted(_mentions(text, entities, bot), key=lambda where: where.start, reverse=True)
    if not mentions:
        return text
    units = bytearray(text, "utf-16-le", "surrogatepass")
    for where in mentions:
        space_follows = units[where.stop : where.stop + 2] == b" \0"
        del units[where.start : where.stop + 2 * space_follows]
    return units.decode("utf-16-le", "replace").strip() or text


def _mentions(text: str, entities: list[Any], bot: Bot) -> Iterator[slice]:
    """Yield the mentions of the bot, as slices of the UTF-16 bytes (Bot API, MessageEntity)."""
    units = text.encode("utf-16-le", "surrogatepass")
    for entity in entities:
        try:
            where = _mention(entity, units, bot)
        except Malformed:
            continue  # a message must not be lost because of malformed formatting
        if where:
            yield where


def _mention(entity: Any, units: bytes, bot: Bot) -> slice | None:
    kind = want(entity, "type", str)
    if kind not in ("mention", "text_mention"):
        return None
    start = 2 * need(entity, "offset", int)
    where = slice(start, start + 2 * need(entity, "length", int))
    if kind == "text_mention":
        ours = need(need(entity, "user", dict), "id", int) == bot.id
    else:
        name = units[where].decode("utf-16-le", "replace").removeprefix("@")
        ours = bool(bot.username) and name.lower() == bot.username.lower()
    return where if ours else None
