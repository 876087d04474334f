"""Tells the platforms where the stack is and what its bot can do, and takes that back."""

from __future__ import annotations

import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from chatbot.core.command_menu import COMMANDS, MENU_COMMANDS
from chatbot.core.errors import AmbiguousPost, ChatbotError, PostRefused
from chatbot.core.settings import Settings, secrets_of
from chatbot.core.translations import LANGUAGES, say
from chatbot.net.post import Answer, Session, send

TELEGRAM_UPDATES = [
    "message",
    "callback_query",
    "message_reaction",
    "stopped_message_generation",
]
MESSENGER_FIELDS = ["messages", "messaging_postbacks", "message_echoes", "message_reactions"]
PROFILE = ["persistent_menu", "get_started", "greeting"]  # the button cannot go before the menu

_CALL = 5.0  # seconds for one call
_PAUSE = 1.0
_CONNECTIONS = 40
_LOCALES = {"en": "en_US", "de": "de_DE"}  # Messenger Platform, Supported Locales


class Registration:
    """What the stack at `url` has registered; everything is over within `seconds`.

    Each method may be called again and again. Reports are one short text by channel: `registered
    @name`, `off: no token`, `failed: …`; none holds a secret.
    """

    def __init__(self, settings: Settings, url: str, session: Session, seconds: float) -> None:
        self._settings = settings
        self._url = url.rstrip("/")
        self._session = session
        self._ends = time.monotonic() + seconds

    def register(self) -> dict[str, str]:
        return self._reports(self._register_telegram, self._register_messenger)

    def unregister(self) -> dict[str, str]:
        """Only what still points to this stack: another may have taken over since."""
        return self._reports(self._unregister_telegram, self._unregister_messenger)

    def telegram(self, method: str, **fields: Any) -> Any:
        """The result of a method of the Bot API. Raises PostRefused, AmbiguousPost."""
        base, token = self._settings.telegram_api_url, self._settings.telegram_bot_token
        url = f"{base.rstrip('/')}/bot{token}/{method}"
        return self._call("POST", url, fields=fields).get("result")

    def page(self, method: str, edge: str, **request: Any) -> Mapping[str, Any]:
        """An answer of the Graph API about the page. Raises PostRefused, AmbiguousPost."""
        settings = self._settings
        path = f"{settings.messenger_page_id}/{edge}"
        return self.graph(method, path, settings.messenger_page_token, **request)

    def app(self, method: str, edge: str, **request: Any) -> Mapping[str, Any]:
        """An answer of the Graph API about the app. Raises PostRefused, AmbiguousPost."""
        settings = self._settings
        token = f"{settings.messenger_app_id}|{settings.messenger_app_secret}"
        return self.graph(method, f"{settings.messenger_app_id}/{edge}", token, **request)

    def graph(self, method: str, path: str, token: str, **request: Any) -> Mapping[str, Any]:
        """An answer of the Graph API to `token`. Raises PostRefused, AmbiguousPost."""
        secret = self._settings.messenger_app_secret.encode()
        proof = hmac.digest(secret, token.encode(), "sha256").hex()
        request["params"] = {**request.get("params", {}), "appsecret_proof": proof}
        request["headers"] = {"Authorization": b"Bearer " + token.encode()}
        return self._call(method, f"{self._settings.graph_api_url.rstrip('/')}/{path}", **request)

    def points_here(self, channel: str) -> bool:
        """Whether the platform calls this stack. Raises PostRefused, AmbiguousPost."""
        if channel == "telegram":
            return bool(self.telegram("getWebhookInfo")["url"] == f"{self._url}/telegram")
        subscriptions = self.app("GET", "subscriptions")["data"]
        return f"{self._url}/messenger" in [
            each.get("callback_url") for each in subscriptions if each.get("object") == "page"
        ]

    def answers_handshake(self) -> bool:
        """Whether our own door takes the verify token."""
        challenge = {"challenge": uuid.uuid4().hex}  # an object: `send` reads nothing else
        query = {
            "hub.mode": "subscribe",
            "hub.verify_token": self._settings.messenger_verify_token,
            "hub.challenge": json.dumps(challenge),
        }
        try:
            answer = self._send("GET", f"{self._url}/messenger", params=query)
        except (PostRefused, AmbiguousPost):
            return False
        return answer.status == 200 and answer.body == challenge

    def without_secrets(self, text: str) -> str:
        """`text` as it may be shown: Meta quotes a token that it cannot read."""
        for name in secrets_of("setup"):
            text = text.replace(getattr(self._settings, name.lower()) or "\0", "…")
        return text[:200]

    def _reports(self, *steps: Callable[[], str]) -> dict[str, str]:
        reports = {}
        for name, step in zip(("Telegram", "Messenger"), steps, strict=True):
            try:
                reports[name] = step()
            except (ChatbotError, LookupError, TypeError) as error:
                reason = str(error) if isinstance(error, ChatbotError) else "unexpected answer"
                reports[name] = f"failed: {self.without_secrets(reason)}"
        return reports

    def _register_telegram(self) -> str:
        """Bot API, setWebhook and setMyCommands."""
        if not self._settings.telegram_bot_token:
            return "off: no token"
        self._need("telegram_webhook_secret")
        self.telegram(
            "setWebhook",
            url=f"{self._url}/telegram",
            secret_token=self._settings.telegram_webhook_secret,
            allowed_updates=TELEGRAM_UPDATES,
            max_connections=_CONNECTIONS,
        )
        for code in ("", *LANGUAGES):
            said = code or self._settings.language
            commands = [{"command": n, "description": say(f"/{n}", said)} for n in COMMANDS]
            self.telegram("setMyCommands", commands=commands, language_code=code)
        return f"registered @{self.telegram('getMe')['username']}"

    def _register_messenger(self) -> str:
        """Graph API, Webhooks and Messenger Profile."""
        settings = self._settings
        if not settings.messenger_page_token:
            return "off: no token"
        names = ("app_id", "app_secret", "page_id", "verify_token")
        self._need(*(f"messenger_{name}" for name in names))
        while not self.answers_handshake():
            if self._left() < 2 * _CALL:
                raise PostRefused("our own address does not answer yet")
            time.sleep(_PAUSE)
        subscription = {
            "object": "page",
            "callback_url": f"{self._url}/messenger",
            "verify_token": settings.messenger_verify_token,
            "fields": MESSENGER_FIELDS,
        }
        self.app("POST", "subscriptions", fields=subscription)
        self.page("POST", "subscribed_apps", fields={"subscribed_fields": MESSENGER_FIELDS})
        self.page("POST", "messenger_profile", fields=_profile(settings.language))
        return f"registered page {settings.messenger_page_id}"

    def _unregister_telegram(self) -> str:
        if not self._settings.telegram_bot_token or not self.points_here("telegram"):
            return "off: nothing points here"
        self.telegram("deleteWebhook")
        return "unregistered"

    def _unregister_messenger(self) -> str:
        if not self._settings.messenger_page_token or not self.points_here("messenger"):
            return "off: nothing points here"
        self.app("DELETE", "subscriptions", fields={"object": "page"})
        self.page("DELETE", "subscribed_apps")
        self.page("DELETE", "messenger_profile", fields={"fields": PROFILE})
        return "unregistered"

    def _need(self, *names: str) -> None:
        missing = [name.upper() for name in names if not getattr(self._settings, name)]
        if missing:
            raise PostRefused(f"{', '.join(missing)} not set")

    def _call(self, method: str, url: str, **request: Any) -> Mapping[str, Any]:
        """The JSON object that a platform answers; tried twice, as nothing here does it twice."""
        try:
            answer = self._send(method, url, **request)
            again = answer.status == 429 or answer.status >= 500
        except (PostRefused, AmbiguousPost):
            again = True
        if again:
            time.sleep(_PAUSE)
            answer = self._send(method, url, **request)
        if not answer.good or answer.body is None:
            raise PostRefused(_why(answer))
        return answer.body

    def _send(self, method: str, url: str, **request: Any) -> Answer:
        if self._left() <= 0:
            raise PostRefused("no time left")
        return send(self._session, method, url, timeout=min(_CALL, self._left()), **request)

    def _left(self) -> float:
        return self._ends - time.monotonic()


def _profile(language: str) -> dict[str, Any]:
    """In each language; `language` is for people of any other."""
    locales = {"default": language, **{_LOCALES[each]: each for each in LANGUAGES}}
    return {
        "get_started": {"payload": "GET_STARTED"},
        "greeting": [
            {"locale": locale, "text": say("greeting", said)} for locale, said in locales.items()
        ],
        "persistent_menu": [_menu(locale, said) for locale, said in locales.items()],
    }


def _menu(locale: str, language: str) -> dict[str, Any]:
    items = [
        {"type": "postback", "title": say(f"/{name}", language), "payload": f"/{name}"}
        for name in MENU_COMMANDS
    ]
    return {"locale": locale, "composer_input_disabled": False, "call_to_actions": items}


def _why(answer: Answer) -> str:
    """The platform's own words: Bot API `description`, Graph API `error.message`."""
    body = answer.body or {}
    error = body.get("error")
    words = error.get("message") if isinstance(error, dict) else body.get("description")
    return f"{answer.status} {words or ''}".strip()
