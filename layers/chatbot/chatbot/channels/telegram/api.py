"""Client of Telegram's Bot API: https://core.telegram.org/bots/api#making-requests.

The token is part of every URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chatbot.channels.payload import want
from chatbot.core.errors import ChatbotError, CredentialRefused, Malformed, Undeliverable
from chatbot.core.settings import Settings
from chatbot.net.post import Answer, Session, Upload, send

# By parts of the description: answers with status 400 and 403 have no error codes.
_UNDELIVERABLE = {
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
    """Calls the Bot API with the bot's token. Threads may share it."""

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
        """Call a method within `timeout` seconds; return the answer, whatever its status.

        Raises PostRefused, AmbiguousPost.
        """
        url = f"{self.base}/bot{self._token}/{method}"
        return send(self._session, "POST", url, timeout=timeout, fields=fields, files=files)

    def file_url(self, path: str) -> str:
        """Return the URL of a `file_path` of getFile; the URL contains the token."""
        return f"{self.base}/file/bot{self._token}/{path}"


def refusal_of(answer: Answer) -> ChatbotError:
    """Return the error that an answer without success stands for.

    It is a PostRefused, CredentialRefused, Undeliverable or AmbiguousPost.
    """
    seconds = parameter_of(answer, "retry_after")
    if seconds is not None:
        answer = replace(answer, retry_after=float(max(0, seconds)))
    if answer.status in (401, 404):  # 404: a malformed token makes an unknown URL
        return CredentialRefused(f"status {answer.status}")
    description = description_of(answer).lower()
    other = "forbidden" if answer.status == 403 else "bad_request"
    reason = next((word for text, word in _UNDELIVERABLE.items() if text in description), other)
    return answer.refusal() or Undeliverable(reason)


def description_of(answer: Answer) -> str:
    """Return the platform's error message; "" when there is none."""
    text = (answer.body or {}).get("description")
    return text if isinstance(text, str) else ""


def parameter_of(answer: Answer, name: str) -> int | None:
    """Return a number of the answer's ResponseParameters, or None (Bot API)."""
    try:
        return want(want(answer.body, "parameters", dict), name, int)
    except Malformed:
        return None
