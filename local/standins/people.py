"""Simulated people on each platform: their webhook requests, signed as the platform signs them.

Their ids grow with time, so that those of a later run never collide with those of an earlier one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatbot.bootstrap import channels
from chatbot.channels.web.session import set_cookie


@dataclass(frozen=True)
class Post:
    """A POST request to the bot. `marker` appears in the message's event id and nowhere else."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    marker: str


@dataclass(frozen=True)
class Signer:
    """Authenticates requests as each platform does, with the secrets of `settings`."""

    settings: Mapping[str, str]  # by name, as of `local.config.load`

    def telegram(self) -> dict[str, str]:
        """The header with the webhook's secret (Bot API, setWebhook: `secret_token`)."""
        secret = self.settings.get("TELEGRAM_WEBHOOK_SECRET", "")
        return {"x-telegram-bot-api-secret-token": secret}

    def messenger(self, body: bytes) -> dict[str, str]:
        """The header with the body's signature (Messenger Platform, "Validate payloads")."""
        secret = self.settings.get("MESSENGER_APP_SECRET", "").encode()
        digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
        return {"x-hub-signature-256": f"sha256={digest}"}

    def web_cookie(self, session: str, *, secure: bool = False) -> str:
        """The web page's session cookie, as `name=value`; `secure` for a page on https."""
        key = self.settings.get("WEB_SESSION_KEY", "")
        return set_cookie(session, key, secure=secure).partition(";")[0]


@dataclass(frozen=True)
class Person:
    """A person on every platform. The same name has the same ids, in every run."""

    name: str
    signer: Signer

    @property
    def _digest(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()

    @property
    def telegram_id(self) -> int:
        """Telegram's user id, which is also the private chat's."""
        return 1_000_000 + int.from_bytes(self._digest[:4]) % 1_000_000_000

    @property
    def psid(self) -> str:
        """Messenger's page-scoped id."""
        return str(10**15 + int.from_bytes(self._digest[:6]))

    @property
    def session(self) -> str:
        """The web page's session id."""
        return urlsafe_b64encode(self._digest[:16]).decode().rstrip("=")

    def conversation(self, channel: str) -> str:
        """The key of the person's private conversation on the channel: `telegram:42`."""
        return f"{channel}:{SIMULATED[channel].person_id(self)}"

    def write(self, channel: str, text: str, origin: str) -> Post:
        """Write a text, now. `origin` is the URL of the web page."""
        return SIMULATED[channel].write(self, text, origin)

    def send(self, channel: str, kind: str, source: str, caption: str = "", name: str = "") -> Post:
        """Send a photo, voice or document. `source` is what `local.stack.Stack.upload` returned."""
        if channel == "messenger":
            kinds = {"photo": "image", "voice": "audio", "document": "file"}
            attachment = {"type": kinds[kind], "payload": {"url": source}}
            return self.messenger(caption, attachments=[attachment])
        file: dict[str, Any] = {"file_id": source, "file_unique_id": source}
        file |= {"file_name": name} if name else {}
        form = [{**file, "width": 64, "height": 64}] if kind == "photo" else file
        return self.telegram("", **{kind: form}, **({"caption": caption} if caption else {}))

    def telegram(self, text: str, **fields: Any) -> Post:
        """Write a text in a private chat. `fields` are added to the Message or replace its own."""
        number, name = _rising(), self.name.title()
        sender = {"is_bot": False, "first_name": name, "language_code": "en"}
        message = {
            "message_id": number % 2**31,
            "date": int(time.time()),
            "from": {"id": self.telegram_id, **sender},
            "chat": {"id": self.telegram_id, "type": "private", "first_name": name},
            **({"text": text} if text else {}),
            **_command_entity(text),
            **fields,
        }
        return self.telegram_update({"update_id": number, "message": message})

    def telegram_edit(self, written: Post, text: str) -> Post:
        """Edit the text of a message that was written by `telegram`, some seconds later."""
        message = json.loads(written.body)["message"]
        edited = {**message, "text": text, "edit_date": message["date"] + 3}
        return self.telegram_update({"update_id": _rising(), "edited_message": edited})

    def telegram_album(self, sources: Sequence[str], caption: str) -> list[Post]:
        """Send photos as one album: a message for each, the caption with the first."""
        album = str(_rising())
        return [
            self.telegram(
                "",
                media_group_id=album,
                photo=[{"file_id": source, "file_unique_id": source, "width": 64, "height": 64}],
                **({"caption": caption} if number == 0 else {}),
            )
            for number, source in enumerate(sources)
        ]

    def telegram_update(self, update: Mapping[str, Any]) -> Post:
        """Make the request with which Telegram posts `update`, an Update of the Bot API."""
        body = json.dumps(update).encode()
        return _post("/telegram", self.signer.telegram(), body, f"{update['update_id']:012d}")

    def messenger(self, text: str, **fields: Any) -> Post:
        """Write a text. `fields` are added to the `message` object."""
        mid = f"m_{_rising()}"
        words = {"text": text} if text else {}
        return self.messenger_event({"message": {"mid": mid, **words, **fields}}, mid)

    def messenger_event(self, event: Mapping[str, Any], marker: str) -> Post:
        """Post an item of a webhook event's `messaging`. Its ids and time may be left out."""
        page = self.signer.settings.get("MESSENGER_PAGE_ID", "")
        now = time.time_ns() // 1_000_000
        sent = {"sender": {"id": self.psid}, "recipient": {"id": page}, "timestamp": now, **event}
        entry = {"id": page, "time": now, "messaging": [sent]}
        body = json.dumps({"object": "page", "entry": [entry]}).encode()
        return _post("/messenger", self.signer.messenger(body), body, marker)

    def web(self, text: str, origin: str, **fields: Any) -> Post:
        """Write a text on the web page. `fields` are added to the JSON body."""
        message_id = f"local-{_rising()}"
        now = time.time_ns() // 1_000_000
        data = {"text": text, "id": message_id, "sent_at": now, **fields}
        return self.web_post("/web/messages", origin, message_id, **data)

    def web_post(self, path: str, origin: str, marker: str, **data: Any) -> Post:
        """Post `data` as JSON to the web API, with the person's cookie."""
        cookie = self.signer.web_cookie(self.session, secure=origin.startswith("https:"))
        headers = {"cookie": cookie, "origin": origin}
        return _post(path, headers, json.dumps(data).encode(), marker)

    def press(self, channel: str, payload: str, origin: str) -> Post:
        """Press a button below an answer. `payload` is the button's."""
        if channel == "web":
            return self.web(payload, origin)
        if channel == "messenger":
            return self.messenger("a button", quick_reply={"payload": payload})
        number, sender = _rising(), {"id": self.telegram_id, "is_bot": False, "first_name": "Ada"}
        chat = {"id": self.telegram_id, "type": "private"}
        query = {"id": str(number), "from": sender, "chat_instance": "1", "data": payload}
        message = {"message_id": 1, "date": 0, "chat": chat}
        update = {"update_id": number, "callback_query": {**query, "message": message}}
        return self.telegram_update(update)

    def react(self, channel: str, answer: str, rating: int, origin: str, sent_at: int = 0) -> Post:
        """Rate an answer: 1 thumb up, -1 down, 0 none.

        `answer` is the id of the platform's message; on the web page, of the person's message that
        was answered. `sent_at` is in epoch milliseconds.
        """
        if channel == "web":
            thumb = {"id": answer, "sent_at": sent_at, "rating": rating}
            return self.web_post("/web/rating", origin, answer, **thumb)
        if channel == "messenger":
            name = {1: "like", -1: "dislike"}.get(rating)
            action = {"action": "react", "reaction": name} if name else {"action": "unreact"}
            return self.messenger_event({"reaction": {"mid": answer, **action}}, answer)
        emoji = [{"type": "emoji", "emoji": {1: "👍", -1: "👎"}[rating]}] if rating else []
        reaction = {
            "chat": {"id": self.telegram_id, "type": "private"},
            "message_id": int(answer),
            "user": {"id": self.telegram_id, "is_bot": False, "first_name": "Ada"},
            "date": int(time.time()),
            "old_reaction": [] if rating else [{"type": "emoji", "emoji": "👍"}],
            "new_reaction": emoji,
        }
        return self.telegram_update({"update_id": _rising(), "message_reaction": reaction})


@dataclass(frozen=True)
class Simulated:
    """How a person appears on a channel."""

    person_id: Callable[[Person], object]
    """Returns the person's id in the key of a private conversation."""
    write: Callable[[Person, str, str], Post]
    """Makes the request with a text, for the origin of the web page."""


SIMULATED = {
    "telegram": Simulated(
        lambda person: person.telegram_id, lambda person, text, _: person.telegram(text)
    ),
    "messenger": Simulated(
        lambda person: person.psid, lambda person, text, _: person.messenger(text)
    ),
    "web": Simulated(lambda person: person.session, Person.web),
}
"""How people appear on each channel on which `local send` and the playground can write."""
CHANNELS = tuple(each.name for each in channels.CHANNELS if each.name in SIMULATED)
"""Names of those channels, in the order of the list of channels."""


def _post(path: str, headers: Mapping[str, str], body: bytes, marker: str) -> Post:
    return Post(path, {"content-type": "application/json", **headers}, body, marker)


def _command_entity(text: str) -> dict[str, Any]:
    if not text.startswith("/"):
        return {}
    return {"entities": [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]}


class _Rising:
    """Numbers that increase with each call and from run to run, by about a thousand per second."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1_000_000 - 1_700_000_000_000)
            return self._last


_rising = _Rising()
