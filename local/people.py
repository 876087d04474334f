"""People on each platform: their messages, signed as that platform would sign them."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chatbot.channels.web.session import set_cookie

CHANNELS = ("telegram", "messenger", "web")


@dataclass(frozen=True)
class Post:
    """A request to the bot. `marker` appears in the message's event id and nowhere else."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    marker: str


@dataclass(frozen=True)
class Signer:
    """Signs with the local secrets."""

    settings: Mapping[str, str]

    def telegram(self) -> dict[str, str]:
        """Bot API, setWebhook: `secret_token`."""
        secret = self.settings.get("TELEGRAM_WEBHOOK_SECRET", "")
        return {"x-telegram-bot-api-secret-token": secret}

    def messenger(self, body: bytes) -> dict[str, str]:
        """Messenger Platform, Webhooks: "Validate payloads"."""
        secret = self.settings.get("MESSENGER_APP_SECRET", "").encode()
        digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
        return {"x-hub-signature-256": f"sha256={digest}"}

    def web_cookie(self, session: str) -> str:
        key = self.settings.get("WEB_SESSION_KEY", "")
        return set_cookie(session, key, secure=False).partition(";")[0]


@dataclass(frozen=True)
class Person:
    """`name` stands for the same person, and the same conversations, each time."""

    name: str
    signer: Signer

    @property
    def _digest(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()

    @property
    def telegram_id(self) -> int:
        return 1_000_000 + int.from_bytes(self._digest[:4]) % 1_000_000_000

    @property
    def psid(self) -> str:
        return str(10**15 + int.from_bytes(self._digest[:6]))

    @property
    def session(self) -> str:
        return urlsafe_b64encode(self._digest[:16]).decode().rstrip("=")

    def conversation(self, channel: str) -> str:
        ids = {"telegram": self.telegram_id, "messenger": self.psid, "web": self.session}
        return f"{channel}:{ids[channel]}"

    def write(self, channel: str, text: str, origin: str) -> Post:
        """A plain text, now. `origin` is the URL of the page, for the web."""
        if channel == "telegram":
            return self.telegram(text)
        return self.messenger(text) if channel == "messenger" else self.web(text, origin)

    def telegram(self, text: str, **fields: Any) -> Post:
        """A text in a private chat; `fields` replace or extend the message's."""
        number = _rising()
        message = {
            "message_id": number % 2**31,
            "date": int(time.time()),
            "from": self._telegram_user(),
            "chat": {"id": self.telegram_id, "type": "private", "first_name": self.name.title()},
            "text": text,
            **_command_entity(text),
            **fields,
        }
        return self.telegram_update({"update_id": number, "message": message})

    def telegram_update(self, update: Mapping[str, Any]) -> Post:
        body = json.dumps(update).encode()
        return _post("/telegram", self.signer.telegram(), body, f"{update['update_id']:012d}")

    def _telegram_user(self) -> dict[str, Any]:
        return {
            "id": self.telegram_id,
            "is_bot": False,
            "first_name": self.name.title(),
            "language_code": "en",
        }

    def messenger(self, text: str, **fields: Any) -> Post:
        """A text; `fields` extend the message."""
        mid = f"m_{_rising()}"
        return self.messenger_event({"message": {"mid": mid, "text": text, **fields}}, mid)

    def messenger_event(self, event: Mapping[str, Any], marker: str) -> Post:
        page = self.signer.settings.get("MESSENGER_PAGE_ID", "")
        now = time.time_ns() // 1_000_000
        sent = {
            "sender": {"id": self.psid},
            "recipient": {"id": page},
            "timestamp": now,
            **event,
        }
        entry = {"id": page, "time": now, "messaging": [sent]}
        body = json.dumps({"object": "page", "entry": [entry]}).encode()
        return _post("/messenger", self.signer.messenger(body), body, marker)

    def web(self, text: str, origin: str) -> Post:
        message_id = f"local-{_rising()}"
        now = time.time_ns() // 1_000_000
        body = json.dumps({"text": text, "id": message_id, "sent_at": now}).encode()
        headers = {"cookie": self.signer.web_cookie(self.session), "origin": origin}
        return _post("/web/messages", headers, body, message_id)


def _post(path: str, headers: Mapping[str, str], body: bytes, marker: str) -> Post:
    return Post(path, {"content-type": "application/json", **headers}, body, marker)


def _command_entity(text: str) -> dict[str, Any]:
    if not text.startswith("/"):
        return {}
    return {"entities": [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]}


class _Rising:
    """Numbers that grow from call to call, and from run to run: about a thousand per second."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1_000_000 - 1_700_000_000_000)
            return self._last


_rising = _Rising()
