"""The Bot API: how it is called, and what its answers mean.

https://core.telegram.org/bots/api#making-requests. The token is part of every address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chatbot.channels.payload import want
from chatbot.core.errors import ChatbotError, CredentialRefused, Malformed, Undeliverable
from chatbot.core.settings import Settings
from chatbot.net.post import Answer, Session, Upload, send

# What the descriptions of answers 400 and 403 hold, which have no codes.
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


class TelegramApi:
    """Calls in the bot's name. Threads may share it."""

    def __init__(self, settings: Settings, session: Session) -> None:
        self.base = settings.telegram_api_url.rstrip("/")
        self._token = settings.telegram_bot_token
        self._session = session

    def call(
        self,
        method: str,
        fields: Mapping[str, Any],
        timeout: float,
        files: Mapping[str, Upload] | None = None,
    ) -> Answer:
        """Call a method, within `timeout` seconds. Raises PostRefused, AmbiguousPost."""
        url = f"{self.base}/bot{self._token}/{method}"
        return send(self._session, "POST", url, timeout=timeout, fields=fields, files=files)

    def file_url(self, path: str) -> str:
        """Where a file lies whose `file_path` getFile told. The address holds the token."""
        return f"{self.base}/file/bot{self._token}/{path}"


def refusal_of(answer: Answer) -> ChatbotError:
    """What an answer that is not good means.

    PostRefused, CredentialRefused, Undeliverable or AmbiguousPost.
    """
    seconds = parameter_of(answer, "retry_after")
    if seconds is not None:
        answer = replace(answer, retry_after=float(seconds))
    if answer.status in (401, 404):  # a token that is no token makes an address that is none
        return CredentialRefused(f"status {answer.status}")
    description = description_of(answer).lower()
    other = "forbidden" if answer.status == 403 else "bad_request"
    reason = next((why for text, why in _NEVER.items() if text in description), other)
    return answer.refusal() or Undeliverable(reason)


def description_of(answer: Answer) -> str:
    """What the platform says of the error, in words; "" when it says nothing."""
    text = (answer.body or {}).get("description")
    return text if isinstance(text, str) else ""


def parameter_of(answer: Answer, name: str) -> int | None:
    """A number of the answer's ResponseParameters."""
    try:
        return want(want(answer.body, "parameters", dict), name, int)
    except Malformed:
        return None
