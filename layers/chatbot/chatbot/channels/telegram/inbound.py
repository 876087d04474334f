"""Authenticate webhook requests of Telegram and read their updates (Bot API, Update)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from chatbot.channels.command_syntax import is_stop, parse_command
from chatbot.channels.payload import have, have_all, identifier, need, want
from chatbot.channels.telegram.content import MAX_FILE, media_of, placeholders_of, unreadable_of
from chatbot.channels.telegram.update import (
    NAME,
    Bot,
    album_of,
    author_of,
    chat_fields,
    conversation_of,
    ignore_reason,
    is_addressed,
    is_group,
    migration_of,
    replied_message,
    text_of,
    text_without_mentions,
)
from chatbot.channels.text.split import utf16_length
from chatbot.core.errors import Forged, Malformed, Unreadable
from chatbot.core.key import TurnKey
from chatbot.core.message import (
    MOVED,
    Author,
    Command,
    Envelope,
    Handles,
    Kind,
    Message,
    ReplyTo,
    Stop,
)
from chatbot.core.ports import Clock, now_ms
from chatbot.core.settings import Settings
from chatbot.edge.http import Received, Request, Response, parse_json

_SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - a name, not a secret
_IGNORED = frozenset(
    "channel_post edited_channel_post business_connection business_message"
    " edited_business_message deleted_business_messages guest_message subscription"
    " message_reaction_count inline_query chosen_inline_result shipping_query pre_checkout_query"
    " purchased_paid_media poll poll_answer my_chat_member chat_member chat_join_request"
    " chat_boost removed_chat_boost managed_bot".split()
)
_NEEDED_FORM = ("message_reaction", "callback_query", "edited_message", "message")
_THUMBS = {"👍": 1, "👎": -1}
CUT_FROM = 4_000
"""UTF-16 units of a message that may be incomplete: apps split a text that exceeds 4096 at a space
before that length, and send the rest at once."""


class TelegramInbound:
    """edge.http.Inbound for Telegram."""

    name = NAME

    def __init__(self, settings: Settings, clock: Clock = now_ms) -> None:
        self._secret = settings.telegram_webhook_secret.encode()
        self._bot = Bot.of(settings)
        self._longest_wait = settings.give_up_after
        self._clock = clock

    def receive(self, request: Request) -> Received:
        """Read the update of a webhook request (Bot API, setWebhook). Raises Forged, Unreadable."""
        given = request.headers.get(_SECRET_HEADER, "").encode("utf-8", "surrogatepass")
        if not self._secret or not hmac.compare_digest(given, self._secret):
            raise Forged("secret_token")
        update = parse_json(request.body)
        try:
            return self._received(update)
        except Malformed:
            raise Unreadable("shape") from None

    def _received(self, update: dict[str, Any]) -> Received:
        result = self._classify(update)
        if isinstance(result, Envelope):
            return Received((result,))
        if isinstance(result, Stop):
            return Received(stops=(result,))
        return Received(ignored=(result,), response=_end_of_progress(update))

    def _classify(self, update: dict[str, Any]) -> Envelope | Stop | str:
        """Return the envelope, a request to stop, or the reason to ignore the update."""
        need(update, "update_id", int)
        stopped = have(update, "stopped_message_generation", dict)
        if stopped is not None:
            place = {**stopped, "is_topic_message": "message_thread_id" in stopped}
            return Stop(conversation_of(place), str(need(stopped, "draft_id", int)), self._clock())
        reaction = have(update, "message_reaction", dict)
        if reaction is not None:
            if _rating(reaction) is None:
                return "message_reaction"
            return _envelope(update, reaction, "reaction", need(reaction, "date", int) * 1000)
        callback = have(update, "callback_query", dict)
        if callback is not None:
            return self._classify_callback(update, callback)
        edited = have(update, "edited_message", dict)
        message = have(update, "message", dict) if edited is None else edited
        if message is None:
            if any(update.get(name) is not None for name in _NEEDED_FORM):
                raise Malformed("an update without any part of a known form")
            return next((kind for kind in update if kind in _IGNORED), "unknown_kind")
        return self._classify_message(update, message, "message" if edited is None else "edit")

    def _classify_callback(
        self, update: dict[str, Any], callback: dict[str, Any]
    ) -> Envelope | Stop | str:
        """A button press. Its message may be inaccessible: no more than a chat and an id.

        Messages that were sent inline have buttons, too, and are no message of a chat that we know.
        """
        message, data = want(callback, "message", dict), have(callback, "data", str)
        if message is None:
            return "callback_without_message"
        if not data:
            return "callback_without_data"
        author_of(callback)
        # The message is the one with the button: its date is not that of the button's press.
        occurred_at = self._clock() // 1000 * 1000
        if is_stop(data, self._bot.username):
            return Stop(conversation_of(message), "", occurred_at)
        return _envelope(update, message, "callback", occurred_at)

    def _classify_message(
        self, update: dict[str, Any], message: dict[str, Any], kind: str
    ) -> Envelope | Stop | str:
        at = need(message, "date", int)
        moved = migration_of(message)
        if moved is not None:
            return Envelope(NAME, moved[1], _event_id(update, MOVED), at * 1000, update)
        reason = ignore_reason(message, self._bot)
        if reason:
            return reason
        author_of(message)
        if kind == "edit":
            at = have(message, "edit_date", int) or at
            # A place that is shared live is edited every few seconds (Bot API, Location).
            if "location" in message or at - message["date"] > self._longest_wait:
                return "edited_message"
        if is_stop(text_of(message)[0], self._bot.username):
            return Stop(conversation_of(message), "", at * 1000)
        return _envelope(update, message, kind, at * 1000)


def _envelope(
    update: dict[str, Any], source: Mapping[str, Any], kind: str, occurred_at: int
) -> Envelope:
    return Envelope(NAME, conversation_of(source), _event_id(update, kind), occurred_at, update)


def _event_id(update: Mapping[str, Any], kind: str) -> str:
    return f"{update['update_id']:012d}:{kind}"


def _end_of_progress(update: Mapping[str, Any]) -> Response | None:
    """The response to a button press that is ignored: a call that ends the button's progress bar.

    Bots may call one method in the response to a webhook request (Bot API, "Making requests when
    getting updates"); Telegram shows a progress bar until answerCallbackQuery.
    """
    query = identifier(have(update, "callback_query", dict), "id")
    if not query:
        return None
    return Response.of_json({"method": "answerCallbackQuery", "callback_query_id": query})


def read(envelope: Envelope, bot: Bot, most: int = MAX_FILE) -> Message:
    """Read the update of an envelope as a message, without mentions of the bot. Raises Malformed.

    Of a picture's sizes it takes the largest of at most `most` bytes.
    """
    message = _read(envelope, bot, most)
    return message.as_dropped() if envelope.is_dropped else message


def _read(envelope: Envelope, bot: Bot, most: int) -> Message:
    chat_fields(envelope.conversation)
    update = envelope.payload
    reaction = have(update, "message_reaction", dict)
    if reaction is not None:
        return _read_rating(envelope.key, reaction)
    callback = have(update, "callback_query", dict)
    if callback is not None:
        return _read_callback(envelope.key, callback, bot)
    edited = have(update, "edited_message", dict)
    message = need(update, "message", dict) if edited is None else edited
    moved = migration_of(message)
    if moved is not None:
        return Message(envelope.key, NAME, Kind.MOVED, "", Author(""), moved_from=moved[0])
    return _read_message(envelope.key, message, bot, most, edited=edited is not None)


def _read_message(
    key: TurnKey, message: dict[str, Any], bot: Bot, most: int, edited: bool
) -> Message:
    text, album = text_without_mentions(message, bot), album_of(message)
    command = parse_command(text, bot.username)
    media = () if command else tuple(media_of(message, most))
    told = [] if command else [*(each.mark for each in media), *placeholders_of(message)]
    readable = bool(command or text.strip() or told)
    if not command and (text or album):
        told += unreadable_of(message)
    number, cut = _number_of(message), utf16_length(text_of(message)[0]) >= CUT_FROM
    return Message(
        key=key,
        channel=NAME,
        kind=Kind.COMMAND if command else Kind.TEXT if readable else Kind.UNSUPPORTED,
        text=" ".join([*told, text]).strip() if told else text,
        author=author_of(message),
        group=is_group(message),
        command=command or Command(),
        media=media,
        reply_to=_reply_to(message, most),
        handles=Handles(quote=number if is_group(message) else ""),
        unfinished=bool(album) or (cut and not command),
        album=album,
        addressed=is_addressed(message, bot),
        id="" if edited else number,
        edits=number if edited else "",
        counted_as=_counted_as(message),
    )


def _counted_as(message: Mapping[str, Any]) -> str:
    """The chat, for all who write as a chat there; "" for others (Bot API, Message, `sender_chat`).

    Anybody may own several channels, and who is behind one, or is an anonymous administrator, is
    not said.
    """
    if have(message, "sender_chat", dict) is None:
        return ""
    return str(need(need(message, "chat", dict), "id", int))


def _number_of(message: Mapping[str, Any]) -> str:
    """The message's id in its chat, as text; "" when there is none."""
    return str(have(message, "message_id", int) or "")


def _read_callback(key: TurnKey, callback: dict[str, Any], bot: Bot) -> Message:
    message, data = need(callback, "message", dict), need(callback, "data", str)
    command = parse_command(data, bot.username)
    return Message(
        key=key,
        channel=NAME,
        kind=Kind.COMMAND if command else Kind.TEXT if data.strip() else Kind.UNSUPPORTED,
        text=data,
        author=author_of(callback),
        group=is_group(message),
        command=command or Command(),
        handles=Handles(callback=identifier(callback, "id")),
    )


def _reply_to(message: dict[str, Any], most: int) -> ReplyTo:
    """The message that this one replies to, with the quoted part of its text, else all of it.

    Its attachments come along; those of a message of another chat are in `external_reply`.
    """
    replied = replied_message(message)
    quote = have(have(message, "quote", dict), "text", str)
    source = replied or have(message, "external_reply", dict) or {}
    text = quote or text_of(replied)[0]
    return ReplyTo(_number_of(replied), text, tuple(media_of(source, most)))


def _read_rating(key: TurnKey, reaction: dict[str, Any]) -> Message:
    rated, rating = need(reaction, "message_id", int), _rating(reaction) or 0
    return Message(
        key, NAME, Kind.RATING, "", _rater(reaction), reply_to=ReplyTo(str(rated)), rating=rating
    )


def _rater(reaction: dict[str, Any]) -> Author:
    who = have(reaction, "user", dict) or have(reaction, "actor_chat", dict)
    return Author(identifier(who, "id"))


def _rating(reaction: dict[str, Any]) -> int | None:
    """1 or -1, 0 for a thumb taken back, None for others (Bot API, MessageReactionUpdated)."""
    need(reaction, "message_id", int)
    now, before = (
        [
            _THUMBS[each["emoji"]]
            for each in have_all(reaction, name, dict)
            if have(each, "emoji", str) in _THUMBS
        ]
        for name in ("new_reaction", "old_reaction")
    )
    return now[0] if now else 0 if before else None
