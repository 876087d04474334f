"""Posts to Telegram (Bot API, sendMessage), and says what became of each post."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import requests

from chatbot.channels.markdown import parts_of
from chatbot.channels.posting import Answer, courtesy, new_session, send
from chatbot.channels.shape import need, want
from chatbot.channels.split import utf16_length
from chatbot.channels.telegram.inbound import NAME, Bot, place_of, read
from chatbot.errors import (
    AmbiguousPost,
    ChatbotError,
    CredentialRefused,
    Malformed,
    PostRefused,
    Undeliverable,
)
from chatbot.messages import Envelope, Message, Part, Reply, Turn
from chatbot.ports import Journal, Settling
from chatbot.settings import Settings

TEXT_LIMIT = 4096
"""UTF-16 units, of sendMessage."""

_LEAST_TIME = 1.0
_NEVER = {
    "blocked by the user": "blocked",
    "user is deactivated": "deactivated",
    "kicked": "removed",
    "not a member": "removed",
    "chat not found": "no_chat",
    "not enough rights": "no_rights",
    "chat_write_forbidden": "no_rights",
    "thread not found": "no_topic",
}


class TelegramChannel:
    """The worker's side. Threads may share it."""

    name = NAME
    settling = Settling.OPERATOR  # bots cannot read back what they sent

    def __init__(
        self, settings: Settings, journal: Journal, session: requests.Session | None = None
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._session = session or new_session()
        self._bot = Bot.of(settings)

    def read(self, envelope: Envelope) -> Message:
        return read(envelope, self._bot)

    def greet(self, message: Message) -> None:
        """Take the clock off the button that was pressed (Bot API, answerCallbackQuery)."""
        if message.callback:
            self._courtesy("answerCallbackQuery", {"callback_query_id": message.callback})

    def working(self, message: Message) -> None:
        place = place_of(message.key.conversation)
        self._courtesy("sendChatAction", {**place, "action": "typing"})

    def split(self, reply: Reply) -> Sequence[Part]:
        return parts_of(reply.text, TEXT_LIMIT, utf16_length, formatting=True)

    def post(self, turn: Turn, part: Part) -> str:
        """See ports.Channel. In groups the first part quotes the message it answers."""
        fields: dict[str, Any] = {**place_of(turn.key.conversation), "text": part.text}
        if part.entities:
            fields["entities"] = part.entities
        if turn.quote and not turn.posted:
            fields["reply_parameters"] = {
                "message_id": int(turn.quote),
                "allow_sending_without_reply": True,
            }
        deadline = time.monotonic() + self._settings.post_timeout
        answer = self._call("sendMessage", fields, self._settings.post_timeout)
        mended = _mended(fields, answer)
        if mended:
            self._journal.hop("posting_again", channel=NAME, status=answer.status)
            left = deadline - time.monotonic()
            if left < _LEAST_TIME:
                raise PostRefused("no time to post again")
            answer = self._call("sendMessage", mended, left)
        if not answer.good:
            raise _refusal(answer)
        try:
            return str(need(need(answer.body, "result", dict), "message_id", int))
        except Malformed:
            raise AmbiguousPost("answer without a message id") from None

    def find_posted(self, turn: Turn, part: Part, known: Iterable[str]) -> str | None:
        return None

    def _courtesy(self, method: str, fields: dict[str, Any]) -> None:
        courtesy(NAME, method, lambda limit: self._call(method, fields, limit), self._journal)

    def _call(self, method: str, fields: dict[str, Any], timeout: float) -> Answer:
        base, token = self._settings.telegram_api_url, self._settings.telegram_bot_token
        url = f"{base.rstrip('/')}/bot{token}/{method}"
        return send(self._session, "POST", url, timeout=timeout, json=fields)


def _mended(fields: dict[str, Any], answer: Answer) -> dict[str, Any] | None:
    """What to send in place of what was refused: to the group's new id, or without formatting."""
    if answer.status != 400:
        return None
    moved_to = _parameter(answer, "migrate_to_chat_id")
    if moved_to is not None:
        # Message ids do not move along: the quoted one could be another there.
        kept = {name: value for name, value in fields.items() if name != "reply_parameters"}
        return {**kept, "chat_id": moved_to}
    # Better plain than never: whatever else is wrong with the post is wrong with this one too.
    if "can't parse" in _description(answer) or "entities" in fields:
        return {name: value for name, value in fields.items() if name != "entities"}
    return None


def _refusal(answer: Answer) -> ChatbotError:
    """What an answer that is not good means."""
    seconds = _parameter(answer, "retry_after")
    if seconds is not None:
        answer = replace(answer, retry_after=float(seconds))
    if answer.status in (401, 404):  # a token that is no token makes an address that is none
        return CredentialRefused(f"status {answer.status}")
    description = _description(answer)
    other = "forbidden" if answer.status == 403 else "bad_request"
    reason = next((why for text, why in _NEVER.items() if text in description), other)
    return answer.refusal() or Undeliverable(reason)


def _description(answer: Answer) -> str:
    text = (answer.body or {}).get("description")
    return text.lower() if isinstance(text, str) else ""


def _parameter(answer: Answer, name: str) -> int | None:
    """A number of the answer's ResponseParameters."""
    try:
        return want(want(answer.body, "parameters", dict), name, int)
    except Malformed:
        return None
