"""Register the stack's webhook and the page's menu with Meta (Graph API, Messenger Profile API).

https://developers.facebook.com/docs/graph-api/webhooks/getting-started,
https://developers.facebook.com/docs/messenger-platform/reference/messenger-profile-api.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from chatbot.channels.messenger.api import GraphApi, description_of
from chatbot.channels.registering import Tries
from chatbot.core.command_menu import MENU_COMMANDS
from chatbot.core.errors import AmbiguousPost, PostRefused
from chatbot.core.settings import Settings
from chatbot.core.translations import LANGUAGES, say
from chatbot.net.post import Answer, Session, send

FIELDS = [
    "messages",
    "messaging_postbacks",
    "message_echoes",
    "message_reactions",
    "message_edits",
]
"""Webhook fields to subscribe to."""
# In this order: Meta refuses to delete the button while there is a menu.
_PROFILE = ["persistent_menu", "get_started", "greeting"]
_LOCALES = {"en": "en_US", "de": "de_DE"}  # Messenger Platform, Supported Locales


class MessengerRegistration:
    """Registers webhook, subscriptions and menu (registering.Registration)."""

    needs = (
        "messenger_app_id",
        "messenger_app_secret",
        "messenger_page_id",
        "messenger_verify_token",
    )

    def __init__(self, settings: Settings, url: str, session: Session, tries: Tries) -> None:
        self._settings = settings
        self._address = f"{url}/messenger"
        self._session = session
        self.api = GraphApi(settings, session)
        self._tries = tries

    def register(self) -> str:
        """Subscribe app and page, once our own webhook answers: Meta calls it at once."""
        if not self._tries.wait_for(self.answers_handshake):
            raise PostRefused("our own address does not answer yet")
        subscription = {
            "object": "page",
            "callback_url": self._address,
            "verify_token": self._settings.messenger_verify_token,
            "fields": FIELDS,
        }
        self.ask(self.api.app, "POST", "subscriptions", fields=subscription)
        self.ask(self.api.page, "POST", "subscribed_apps", fields={"subscribed_fields": FIELDS})
        profile = _profile(self._settings.language)
        self.ask(self.api.page, "POST", "messenger_profile", fields=profile)
        return f"page {self._settings.messenger_page_id}"

    def unregister(self) -> None:
        """Remove both subscriptions and the page's profile."""
        self.ask(self.api.app, "DELETE", "subscriptions", fields={"object": "page"})
        self.ask(self.api.page, "DELETE", "subscribed_apps")
        self.ask(self.api.page, "DELETE", "messenger_profile", fields={"fields": _PROFILE})

    def points_here(self) -> bool:
        """Whether the app's subscription names this stack's webhook."""
        return self._address in [each.get("callback_url") for each in self.subscriptions()]

    def subscriptions(self) -> list[Mapping[str, Any]]:
        """Return the app's subscriptions to pages. Raises PostRefused, AmbiguousPost."""
        found = self.ask(self.api.app, "GET", "subscriptions")["data"]
        return [each for each in found if each.get("object") == "page"]

    def answers_handshake(self) -> bool:
        """Whether our own webhook accepts the verify token."""
        challenge = {"challenge": uuid.uuid4().hex}  # an object, as `send` returns no other JSON
        query = {
            "hub.mode": "subscribe",
            "hub.verify_token": self._settings.messenger_verify_token,
            "hub.challenge": json.dumps(challenge),
        }
        try:
            answer = self._tries.once(
                lambda limit: send(self._session, "GET", self._address, timeout=limit, params=query)
            )
        except (PostRefused, AmbiguousPost):
            return False
        return answer.status == 200 and answer.body == challenge

    def ask(self, call: Callable[..., Answer], *path: str, **request: Any) -> Mapping[str, Any]:
        """Call a method of `api` and return its JSON. Raises PostRefused, AmbiguousPost.

        Example: `ask(api.app, "GET", "subscriptions")["data"]`.
        """
        return self._tries.twice(
            lambda limit: call(*path, timeout=limit, **request), description_of
        )


def _profile(language: str) -> dict[str, Any]:
    """The profile in each language; `language` is the default for people of any other."""
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
