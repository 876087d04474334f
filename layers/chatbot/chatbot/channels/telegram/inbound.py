"""Authenticate webhook requests of Telegram and read their updates (Bot API, Update)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chatbot.channels.command_syntax import is_stop, parse_command
from chatbot.channels.payload import need, want
from chatbot.channels.telegram.content import MAX_FILE, media_of, placeholders_of
from chatbot.channels.telegram.description import TELEGRAM
from chatbot.channels.text.split import utf16_length
from chatbot.core.errors import Forged, Malformed, Unreadable
from chatbot.core.key import TurnKey
from chatbot.core.message import (
    Author,
    Command,
    Envelope,
    Handles,
    Kind,
    Media,
    Message,
    ReplyTo,
    Stop,
)
from chatbot.core.ports import Clock, now_ms
from chatbot.core.settings import Settings
from chatbot.edge.http import Received, Request, parse_json

NAME = TELEGRAM.name

_SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - a name, not a secret
_IGNORED = frozenset(
    "edited_message channel_post edited_channel_post business_connection business_message"
    " edited_business_message deleted_business_messages guest_message"
    " message_reaction_count inline_query chosen_inline_result shipping_query pre_checkout_query"
    " purchased_paid_media poll poll_answer my_chat_member chat_member chat_join_request"
    " chat_boost removed_chat_boost managed_bot".split()
)
_CONTENT = frozenset(
    "text caption rich_message animation audio document live_photo paid_media photo sticker story"
    " video video_note voice checklist contact dice game poll venue location".split()
)
_THUMBS = {"👍": 1, "👎": -1}
CUT_FROM = 4_000
"""UTF-16 units of a message that may be incomplete: apps split a text that exceeds 4096 at a space
before that length, and send the rest at once."""
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


class TelegramInbound:
    """edge.http.Inbound for Telegram."""

    name = NAME

    def __init__(self, settings: Settings, clock: Clock = now_ms) -> None:
        self._secret = settings.telegram_webhook_secret.encode()
        self._bot = Bot.of(settings)
        self._clock = clock

    def receive(self, request: Request) -> Received:
        """Read the update of a webhook request (Bot API, setWebhook). Raises Forged, Unreadable."""
        given = request.headers.get(_SECRET_HEADER, "").encode("utf-8", "surrogatepass")
        if not self._secret or not hmac.compare_digest(given, self._secret):
            raise Forged("secret_token")
        update = parse_json(request.body)
        try:
            result = self._classify(update)
        except Malformed:
            raise Unreadable("shape") from None
        if isinstance(result, str):
            return Received(ignored=(result,))
        if isinstance(result, Stop):
            return Received(stops=(result,))
        return Received((result,))

    def _classify(self, update: dict[str, Any]) -> Envelope | Stop | str:
        """Return the envelope, a request to stop, or the reason to ignore the update."""
        update_id = need(update, "update_id", int)
        stopped = want(update, "stopped_message_generation", dict)
        if stopped is not None:
            place = {**stopped, "is_topic_message": "message_thread_id" in stopped}
            return Stop(_conversation(place), str(need(stopped, "draft_id", int)), self._clock())
        reaction = want(update, "message_reaction", dict)
        if reaction is not None:
            return self._classify_reaction(update_id, reaction, update)
        callback = want(update, "callback_query", dict)
        message = want(update, "message", dict) if callback is None else callback.get("message")
        if message is None:
            if callback is not None:
                return "callback_without_message"
            return next((kind for kind in update if kind in _IGNORED), "unknown_kind")
        if callback is not None:
            if not want(callback, "data", str):
                return "callback_without_data"
            # The message is the one with the button: its date is not that of the button's press.
            kind, occurred_at = "callback", self._clock() // 1000 * 1000
        else:
            reason = _ignore_reason(message, self._bot)
            if reason:
                return reason
            kind, occurred_at = "message", need(message, "date", int) * 1000
        conversation = _conversation(message)
        text = _text(message)[0] if callback is None else callback["data"]
        if is_stop(text, self._bot.username):
            return Stop(conversation, "", occurred_at)
        return Envelope(NAME, conversation, f"{update_id:012d}:{kind}", occurred_at, update)

    def _classify_reaction(
        self, update_id: int, reaction: dict[str, Any], update: dict[str, Any]
    ) -> Envelope | str:
        if _rating(reaction) is None:
            return "message_reaction"
        occurred_at = need(reaction, "date", int) * 1000
        return Envelope(
            NAME, _conversation(reaction), f"{update_id:012d}:reaction", occurred_at, update
        )


def read(envelope: Envelope, bot: Bot, most: int = MAX_FILE) -> Message:
    """Read the update of an envelope as a message, without mentions of the bot. Raises Malformed.

    Of a picture's sizes it takes the largest of at most `most` bytes.
    """
    chat_fields(envelope.conversation)
    reaction = want(envelope.payload, "message_reaction", dict)
    if reaction is not None:
        return _rating_message(envelope.key, reaction)
    callback = want(envelope.payload, "callback_query", dict)
    if callback is not None:
        source, message = callback, need(callback, "message", dict)
        text = need(callback, "data", str)
    else:
        source = message = need(envelope.payload, "message", dict)
        text = _without_mentions(*_text(message), bot)
    group = _is_group(message)
    command = parse_command(text, bot.username)
    media: tuple[Media, ...] = ()
    handles = Handles(callback=need(callback, "id", str)) if callback else Handles()
    if group and callback is None:
        handles = Handles(quote=str(need(message, "message_id", int)))
    unfinished = utf16_length(_text(message)[0]) >= CUT_FROM and not (callback or command)
    if callback is None and command is None:
        media = tuple(media_of(message, most))
        text = " ".join([*(each.mark for each in media), *placeholders_of(message), text]).strip()
    return Message(
        key=envelope.key,
        channel=NAME,
        kind=Kind.COMMAND if command else Kind.TEXT if text.strip() else Kind.UNSUPPORTED,
        text=text,
        author=_author(source),
        group=group,
        command=command or Command(),
        media=media,
        reply_to=ReplyTo() if callback else _reply_to(message),
        handles=handles,
        unfinished=unfinished,
    )


def _reply_to(message: dict[str, Any]) -> ReplyTo:
    """The message that this one replies to, with the quoted part of its text, else all of it."""
    replied = want(message, "reply_to_message", dict) or {}
    if "forum_topic_created" in replied:
        replied = {}
    quote = want(want(message, "quote", dict), "text", str)
    number = want(replied, "message_id", int)
    return ReplyTo(str(number) if number else "", quote or _text(replied)[0])


def _rating_message(key: TurnKey, reaction: dict[str, Any]) -> Message:
    who = want(reaction, "user", dict) or want(reaction, "actor_chat", dict)
    author = Author(str(want(who, "id", int) or ""))
    rated = str(need(reaction, "message_id", int))
    rating = _rating(reaction) or 0
    return Message(key, NAME, Kind.RATING, "", author, reply_to=ReplyTo(rated), rating=rating)


def _rating(reaction: dict[str, Any]) -> int | None:
    """1 or -1, 0 for a thumb taken back, None for others (Bot API, MessageReactionUpdated)."""
    now, before = (
        [_THUMBS[each["emoji"]] for each in need(reaction, name, list) if _is_thumb(each)]
        for name in ("new_reaction", "old_reaction")
    )
    return now[0] if now else 0 if before else None


def _is_thumb(reaction: Any) -> bool:
    return want(reaction, "emoji", str) in _THUMBS


def chat_fields(conversation: str) -> dict[str, int]:
    """Return the fields that address the conversation in calls of the Bot API. Raises Malformed.

    `telegram:-100:3`, a topic, is `{"chat_id": -100, "message_thread_id": 3}`.
    """
    match = _CONVERSATION.fullmatch(conversation)
    if match is None:
        raise Malformed("not a Telegram conversation")
    names = ("chat_id", "message_thread_id")
    return {name: int(number) for name, number in zip(names, match.groups(), strict=True) if number}


def _conversation(message: dict[str, Any]) -> str:
    conversation = f"{NAME}:{need(need(message, 'chat', dict), 'id', int)}"
    # Replies in groups without topics have a thread id as well.
    if want(message, "is_topic_message", bool):
        conversation += f":{need(message, 'message_thread_id', int)}"
    return conversation


def _ignore_reason(message: dict[str, Any], bot: Bot) -> str:
    """Reason to ignore the message; "" when it is to be answered."""
    if want(message, "is_automatic_forward", bool):
        return "automatic_forward"
    # Anonymous administrators write under a bot's id, with the chat as `sender_chat`.
    anonymous = want(message, "sender_chat", dict)
    if anonymous is None and need(message, "from", dict).get("is_bot"):
        return "bot"
    if not _CONTENT & message.keys():
        return "service_message"
    if _is_group(message) and not _is_addressed(message, bot):
        return "not_addressed"
    return ""


def _is_addressed(message: dict[str, Any], bot: Bot) -> bool:
    text, entities = _text(message)
    command = parse_command(text, bot.username)
    if command:
        return bool(command[0])  # without a name, it is another bot's command
    if any(_mentions(text, entities, bot)):
        return True
    replied = want(message, "reply_to_message", dict)
    # In a topic, every message that is no reply counts as a reply to the one that opened the topic.
    if replied is None or "forum_topic_created" in replied:
        return False
    author = want(replied, "from", dict) or {}
    return author.get("id") == bot.id


def _is_group(message: dict[str, Any]) -> bool:
    return need(need(message, "chat", dict), "type", str) in ("group", "supergroup")


def _author(source: Mapping[str, Any]) -> Author:
    chat = want(source, "sender_chat", dict)
    if chat is not None:
        return Author(str(need(chat, "id", int)), want(chat, "title", str) or "")
    user = need(source, "from", dict)
    name, language = want(user, "first_name", str), want(user, "language_code", str)
    return Author(str(need(user, "id", int)), name or "", language or "")


def _text(message: dict[str, Any]) -> tuple[str, list[Any]]:
    """Return text or caption, and its entities."""
    text = want(message, "text", str)
    if text is not None:
        return text, want(message, "entities", list) or []
    return want(message, "caption", str) or "", want(message, "caption_entities", list) or []


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


def _without_mentions(text: str, entities: list[Any], bot: Bot) -> str:
    """Remove mentions of the bot, unless the text consists of nothing else."""
    mentions = sorted(_mentions(text, entities, bot), key=lambda where: where.start, reverse=True)
    if not mentions:
        return text
    units = bytearray(text, "utf-16-le", "surrogatepass")
    for where in mentions:
        space_follows = units[where.stop : where.stop + 2] == b" \0"
        del units[where.start : where.stop + 2 * space_follows]
    return units.decode("utf-16-le", "replace").strip() or text
