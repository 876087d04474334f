"""`--poll-telegram`: the real bot's messages without a public address (Bot API, getUpdates)."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import requests

from chatbot.bootstrap.registration import TELEGRAM_UPDATES
from local.standins.people import Signer

if TYPE_CHECKING:
    from local.stack import Stack

_HOLD = 25  # seconds for which Telegram keeps a call open


class Refused(Exception):
    """What is wrong, in one line."""


class Updates:
    """Hands each update to the webhook as Telegram would: in order, and again until it is taken."""

    def __init__(self, stack: Stack) -> None:
        if "TELEGRAM_API_URL" not in stack.settings:
            raise Refused("--poll-telegram is for a real bot: set TELEGRAM_API_URL and its token")
        token = stack.settings["TELEGRAM_BOT_TOKEN"]
        self._base = f"{stack.servers['telegram'].url}/bot{token}"  # recorded, like all its calls
        self._webhook = f"{stack.url}/telegram"
        self._headers = Signer(stack.settings).telegram()
        self._offset = 0

    def claim(self, take_over: bool) -> None:
        """Raises Refused where a webhook is registered; `take_over` deletes it, but no update."""
        url = self._call("getWebhookInfo")["url"]
        if url and not take_over:
            raise Refused(f"a webhook is registered ({url}): --take-over deletes it")
        if url:
            self._call("deleteWebhook", drop_pending_updates=False)

    def once(self, hold: int = _HOLD) -> None:
        """What has come within `hold` seconds. What is not taken comes again. Raises Refused."""
        call = {"offset": self._offset, "timeout": hold, "allowed_updates": TELEGRAM_UPDATES}
        for update in self._call("getUpdates", **call):
            self._post(self._webhook, update, self._headers)
            self._offset = update["update_id"] + 1

    def run(self) -> None:
        while True:
            try:
                self.once()
            except Refused as error:
                print(f"polling Telegram: {error}", file=sys.stderr)
                time.sleep(1)

    def _call(self, method: str, **params: Any) -> Any:
        return self._post(f"{self._base}/{method}", params, {}).json()["result"]

    def _post(self, url: str, body: Any, headers: dict[str, str]) -> requests.Response:
        name = url.rpartition("/")[2]
        try:
            reply = requests.post(url, json=body, headers=headers, timeout=_HOLD + 10)
        except requests.RequestException as error:
            # Its text holds the address, and that the token.
            raise Refused(f"{name}: {type(error).__name__}") from None
        if reply.status_code // 100 != 2:
            raise Refused(f"{name} is answered with {reply.status_code}")
        return reply


def start_polling(stack: Stack, take_over: bool) -> None:
    """In a thread that ends with the process. Raises Refused."""
    updates = Updates(stack)
    updates.claim(take_over)
    threading.Thread(target=updates.run, daemon=True).start()
