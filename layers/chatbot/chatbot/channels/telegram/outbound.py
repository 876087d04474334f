"""Post answers and previews to Telegram (Bot API, sendMessage and sendMessageDraft)."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from chatbot.channels import posts
from chatbot.channels.base import BaseChannel, Services
from chatbot.channels.payload import need, want
from chatbot.channels.telegram.api import TelegramApi, description_of, parameter_of, refusal_of
from chatbot.channels.telegram.inbound import read
from chatbot.channels.telegram.update import NAME, Bot, chat_fields
from chatbot.channels.text.entities import parts_of, plain_parts
from chatbot.channels.text.split import utf16_length
from chatbot.core.errors import AmbiguousPost, Malformed, PostRefused, Undeliverable, Unfetchable
from chatbot.core.files import File, FileStream
from chatbot.core.key import TurnKey
from chatbot.core.limits import DRAFT_FORMATTED
from chatbot.core.message import Envelope, Media, Message
from chatbot.core.ports import Settling
from chatbot.core.translations import say
from chatbot.core.turn import Button, Part, Reply, Turn
from chatbot.net.fetch import fetch
from chatbot.net.post import Answer, Session, Upload

TEXT_LIMIT = 4096
"""UTF-16 units of a text (Bot API, sendMessage)."""
CAPTION_LIMIT = 1024
"""UTF-16 units of a caption (Bot API, sendPhoto and sendDocument)."""
PHOTO_LIMIT = 10_000_000
"""Bytes of a photo (Bot API, sendPhoto); a larger picture is sent as a document."""
NO_PREVIEW = {"is_disabled": True}
"""Telegram's servers call no address of the text (Bot API, LinkPreviewOptions).

A model can be talked into writing an address with words of the conversation in it. A draft has no
such field, and a caption has no preview.
"""

_MIN_RETRY_SECONDS = 1.0


class TelegramChannel(BaseChannel):
    """ports.Channel for Telegram. Threads may share it."""

    name = NAME
    settling = Settling.OPERATOR  # bots cannot read their own messages

    def __init__(self, services: Services, session: Session | None = None) -> None:
        self._settings = services.settings
        self._files = services.files
        self._journal = services.journal
        self._api = TelegramApi(services.settings, session or Session())
        self._bot = Bot.of(services.settings)

    def read(self, envelope: Envelope) -> Message:
        """See ports.Reader."""
        return read(envelope, self._bot, self._settings.max_file_mb * 1_000_000)

    def acknowledge(self, message: Message) -> None:
        """End the progress indicator of a pressed button (Bot API, answerCallbackQuery)."""
        if message.handles.callback:
            fields = {"callback_query_id": message.handles.callback}
            self._best_effort("answerCallbackQuery", fields)

    def show_typing(self, message: Message, drawing: bool = False) -> None:
        """Show for up to five seconds that the bot is typing (Bot API, sendChatAction)."""
        chat = chat_fields(message.key.conversation)
        action = "upload_photo" if drawing else "typing"
        self._best_effort("sendChatAction", {**chat, "action": action})

    def load(self, media: Media) -> File:
        """See ports.Reader (Bot API, getFile)."""
        settings, end = self._settings, time.monotonic() + self._settings.post_timeout
        try:
            answer = self._api.call("getFile", {"file_id": media.source}, settings.post_timeout)
            if answer.status == 400:
                large = "too big" in description_of(answer).lower()
                raise Unfetchable("too_large" if large else "gone")
            if not answer.good:
                raise refusal_of(answer)
            path = need(need(answer.body, "result", dict), "file_path", str)
        except Malformed:
            raise Unfetchable("gone") from None
        except (AmbiguousPost, Undeliverable) as error:
            raise PostRefused(f"getFile: {error}") from None
        return fetch(
            self._api.file_url(path),
            hosts=[urlsplit(self._api.base).hostname or ""],
            local=[self._api.base],
            most=settings.max_file_mb * 1_000_000,
            seconds=end - time.monotonic(),
        )

    def preview(self, message: Message, text: str) -> bool:
        """Show a draft, in private chats only (Bot API, sendMessageDraft).

        Of a text that is longer than one message, the draft is the last part. Of a much longer one
        only the end is converted, as the next draft comes in a second.
        """
        chat = chat_fields(message.key.conversation)
        if chat["chat_id"] < 0:
            return False
        parts = self.split(Reply(_end_of(text)))
        if not parts:
            return True
        draft = {"draft_id": _draft_id(message.key), "can_stop": True, "keep_on_stop": True}
        fields = {**chat, **draft, "text": parts[-1].text, "entities": parts[-1].formatting}
        answer = self._api.call("sendMessageDraft", fields, posts.BEST_EFFORT_TIMEOUT)
        if not answer.good:
            raise refusal_of(answer)
        return True

    def preview_id(self, key: TurnKey) -> str:
        """Return the id of the draft, which its stop button sends (Bot API, Update)."""
        return str(_draft_id(key))

    @property
    def mention(self) -> str:
        """See ports.Reader."""
        return f"@{self._bot.username}" if self._bot.username else ""

    def is_administrator(self, message: Message) -> bool:
        """See ports.Reader (Bot API, getChatMember).

        An author with the group's own id is an anonymous administrator.
        """
        chat, author = chat_fields(message.key.conversation)["chat_id"], message.author.id
        if author == str(chat):
            return True
        fields = {"chat_id": chat, "user_id": int(author)}
        try:
            answer = self._api.call("getChatMember", fields, posts.BEST_EFFORT_TIMEOUT)
            moved_to = parameter_of(answer, "migrate_to_chat_id")
            if moved_to is not None:
                fields["chat_id"] = moved_to
                answer = self._api.call("getChatMember", fields, posts.BEST_EFFORT_TIMEOUT)
            status = want(want(answer.body, "result", dict), "status", str)
        except (AmbiguousPost, Malformed) as error:
            raise PostRefused(f"getChatMember: {error}") from None
        if answer.status == 429 or answer.status >= 500:
            raise PostRefused(f"getChatMember: status {answer.status}", answer.retry_after)
        return status in ("creator", "administrator")

    def split(self, reply: Reply) -> Sequence[Part]:
        """See ports.Poster. The first paragraph is the caption of a file."""
        if reply.file is None:
            return posts.with_buttons(_parts(reply.text, TEXT_LIMIT, reply.plain), reply)
        caption, _, rest = reply.text.partition("\n\n")
        first, *more = _parts(caption, CAPTION_LIMIT, reply.plain) or [Part("")]
        parts = [replace(first, file=reply.file), *more, *_parts(rest, TEXT_LIMIT, reply.plain)]
        return posts.with_buttons(parts, reply)

    def post(self, turn: Turn, part: Part) -> str:
        """See ports.Poster. In groups the first part is a reply to the message that it answers."""
        file = posts.load_file(self._files, part.file)
        if part.file and file is None:
            gone = say("file_gone", turn.author.language or self._settings.language)
            part = Part(f"{gone}\n\n{part.text}".strip(), buttons=part.buttons)
        method, prefix, upload = _method_for(part, file)
        fields: dict[str, Any] = chat_fields(turn.key.conversation)
        if part.text:
            fields[prefix or "text"] = part.text
        if part.formatting:
            fields[f"{prefix}_entities".lstrip("_")] = part.formatting
        if method == "sendMessage" and self._settings.link_previews == "off":
            fields["link_preview_options"] = NO_PREVIEW
        if part.buttons:
            fields["reply_markup"] = _keyboard(part.buttons)
        if turn.quote and not turn.posted:
            fields["reply_parameters"] = {
                "message_id": int(turn.quote),
                "allow_sending_without_reply": True,
            }
        deadline = time.monotonic() + self._settings.post_timeout
        answer = self._api.call(method, fields, self._settings.post_timeout, upload)
        corrected = _corrected(fields, answer)
        if corrected:
            self._journal.info("posting_again", channel=NAME, status=answer.status)
            left = deadline - time.monotonic()
            if left < _MIN_RETRY_SECONDS:
                raise PostRefused("no time to post again")
            answer = self._api.call(method, corrected, left, upload)
        if not answer.good:
            raise refusal_of(answer)
        try:
            return str(need(need(answer.body, "result", dict), "message_id", int))
        except Malformed:
            raise AmbiguousPost("answer without a message id") from None

    def _best_effort(self, method: str, fields: dict[str, Any]) -> None:
        posts.best_effort(NAME, method, partial(self._api.call, method, fields), self._journal)


def _parts(text: str, limit: int, plain: bool) -> list[Part]:
    if plain:
        return plain_parts(text, limit, utf16_length)
    return parts_of(text, limit, utf16_length, formatting=True)


def _method_for(part: Part, file: FileStream | None) -> tuple[str, str, dict[str, Upload]]:
    """Return the method, the name of its text's field ("" for `text`) and the file by its field."""
    if part.file is None or file is None:
        return "sendMessage", "", {}
    shown = part.file.is_picture and file.size <= PHOTO_LIMIT
    kind = "photo" if shown else "document"
    return f"send{kind.title()}", "caption", {kind: posts.upload_of(part.file, file)}


def _keyboard(buttons: Iterable[Button]) -> dict[str, Any]:
    """One button in each row; a press sends a callback query (Bot API, InlineKeyboardMarkup)."""
    rows = [[{"text": each.label, "callback_data": each.payload}] for each in buttons]
    return {"inline_keyboard": rows}


def _corrected(fields: dict[str, Any], answer: Answer) -> dict[str, Any] | None:
    """Return the fields to post after a 400: with the group's new id, or without formatting."""
    if answer.status != 400:
        return None
    moved_to = parameter_of(answer, "migrate_to_chat_id")
    if moved_to is not None:
        # Message ids change with the chat's id: in the new chat, this one may be another message.
        unquoted = {name: value for name, value in fields.items() if name != "reply_parameters"}
        return {**unquoted, "chat_id": moved_to}
    # Without formatting is better than not at all. If something else is wrong, this is refused too.
    formatting = {"entities", "caption_entities"}
    if "can't parse" in description_of(answer).lower() or formatting & fields.keys():
        return {name: value for name, value in fields.items() if name not in formatting}
    return None


def _end_of(draft: str) -> str:
    """The end of a long draft, at most DRAFT_FORMATTED characters of it.

    It begins after a blank line where there is one, and at the same place while the draft grows by
    as much as a message has.
    """
    if len(draft) <= DRAFT_FORMATTED:
        return draft
    begin = -(-(len(draft) - DRAFT_FORMATTED) // TEXT_LIMIT) * TEXT_LIMIT
    paragraph = draft.find("\n\n", begin, begin + TEXT_LIMIT)
    return draft[max(begin, paragraph) :]


def _draft_id(key: TurnKey) -> int:
    """Id of the answer's draft, never 0 (Bot API, sendMessageDraft)."""
    return zlib.crc32(key.sort.encode()) >> 1 or 1
