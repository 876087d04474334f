"""`python -m local --poll-telegram`: fetch a real bot's messages (Bot API, getUpdates).

No public address is needed for that. While a webhook is registered, Telegram refuses it.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import requests

from chatbot.channels.telegram.registration import UPDATES
from local.standins.people import Signer
from ops.printing import complain

if TYPE_CHECKING:
    from local.stack import Stack

_HOLD = 25  # seconds for which Telegram keeps a getUpdates request open


class Refused(Exception):
    """Polling is not possible. The text says why, in one line without a token."""


class Updates:
    """Posts each update to the local webhook as Telegram would: in order, until it is accepted.

    Raises Refused where the stack is not set to a real bot.
    """

    def __init__(self, stack: Stack) -> None:
        if "TELEGRAM_API_URL" not in stack.settings:
            raise Refused("--poll-telegram is for a real bot: set TELEGRAM_API_URL and its token")
        token = stack.settings["TELEGRAM_BOT_TOKEN"]
        self._base = f"{stack.servers['telegram'].url}/bot{token}"  # a recorded server
        self._webhook = f"{stack.url}/telegram"
        self._headers = Signer(stack.settings).telegram()
        self._offset = 0

    def claim(self, take_over: bool) -> None:
        """Make sure that no webhook is registered. `take_over` deletes it, but no update.

        Raises Refused when one is registered and not to be deleted, or Telegram does not answer.
        """
        url = self._call("getWebhookInfo")["url"]
        if url and not take_over:
            raise Refused(f"a webhook is registered ({url}): --take-over deletes it")
        if url:
            self._call("deleteWebhook", drop_pending_updates=False)

    def once(self, hold: int = _HOLD) -> None:
        """Fetch the updates of the next `hold` seconds and post them to the webhook.

        Raises Refused when a request fails; the updates not yet accepted are fetched again.
        """
        call = {"offset": self._offset, "timeout": hold, "allowed_updates": UPDATES}
        for update in self._call("getUpdates", **call):
            self._post(self._webhook, update, self._headers)
            self._offset = update["update_id"] + 1

    def run(self) -> None:
        """Poll until the process ends. Errors are printed to standard error."""
        while True:
            try:
                self.once()
            except Refused as error:
                complain(f"polling Telegram: {error}")
                time.sleep(1)

    def _call(self, method: str, **params: Any) -> Any:
        return self._post(f"{self._base}/{method}", params, {}).json()["result"]

    def _post(self, url: str, body: Any, headers: dict[str, str]) -> requests.Response:
        name = url.rpartition("/")[2]
        try:
            reply = requests.post(url, json=body, headers=headers, timeout=_HOLD + 10)
        except requests.RequestException as error:
            # The error's text holds the URL, and that holds the token.
            raise Refused(f"{name}: {type(error).__name__}") from None
        if reply.status_code // 100 != 2:
            raise Refused(f"{name} is answered with {reply.status_code}")
        return reply


def start_polling(stack: Stack, take_over: bool) -> None:
    """Poll in a thread that ends with the process. Raises Refused, as `Updates.claim` does."""
    updates = Updates(stack)
    updates.claim(take_over)
    threading.Thread(target=updates.run, daemon=True).start()
