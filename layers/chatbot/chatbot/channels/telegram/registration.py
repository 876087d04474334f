"""Register the stack's webhook and the bot's commands with Telegram (Bot API, setWebhook)."""

from __future__ import annotations

from functools import partial
from typing import Any

from chatbot.channels.registering import Tries
from chatbot.channels.telegram.api import TelegramApi, description_of
from chatbot.core.command_menu import COMMANDS
from chatbot.core.settings import Settings
from chatbot.core.translations import LANGUAGES, say
from chatbot.net.post import Session

UPDATES = [
    "message",
    "edited_message",
    "callback_query",
    "message_reaction",
    "stopped_message_generation",
]
"""Kinds of updates that the webhook asks for."""
_CONNECTIONS = 40


class TelegramRegistration:
    """Registers the stack's webhook and the commands' menu (registering.Registration)."""

    needs = ("telegram_webhook_secret",)

    def __init__(self, settings: Settings, url: str, session: Session, tries: Tries) -> None:
        self._settings = settings
        self.address = f"{url}/telegram"  # the webhook that Telegram is to call
        self._api = TelegramApi(settings, session)
        self._tries = tries

    def register(self) -> str:
        """Call setWebhook, and setMyCommands for each language and for people of any other."""
        self.result(
            "setWebhook",
            url=self.address,
            secret_token=self._settings.telegram_webhook_secret,
            allowed_updates=UPDATES,
            max_connections=_CONNECTIONS,
        )
        for code in ("", *LANGUAGES):
            language = code or self._settings.language
            commands = [{"command": n, "description": say(f"/{n}", language)} for n in COMMANDS]
            self.result("setMyCommands", commands=commands, language_code=code)
        return f"@{self.result('getMe')['username']}"

    def unregister(self) -> None:
        """Delete the webhook; the list of commands stays."""
        self.result("deleteWebhook")

    def points_here(self) -> bool:
        """Whether Telegram's webhook is the one of this stack (Bot API, getWebhookInfo)."""
        return bool(self.result("getWebhookInfo")["url"] == self.address)

    def result(self, method: str, **fields: Any) -> Any:
        """Call a method of the Bot API and return its result. Raises PostRefused, AmbiguousPost."""
        call = partial(self._api.call, method, fields)
        return self._tries.twice(call, description_of).get("result")
