"""Checks of Messenger's token and webhook (Graph API, /debug_token, subscriptions)."""

from __future__ import annotations

import time
from collections.abc import Iterator

from chatbot.channels.messenger.registration import FIELDS, MessengerRegistration
from chatbot.channels.registering import Tries, without_secrets
from chatbot.core.errors import AmbiguousPost, PostRefused
from chatbot.core.settings import Settings
from chatbot.net.post import Session
from ops.channels import REGISTER, SECONDS, STORE_A_VALID_ONE, Checked
from ops.findings import OPS, Finding, broken, ok, warning

SCOPES = {"pages_messaging", "pages_manage_metadata"}
"""Permissions that the page token must have."""
_SOON = 14 * 86400  # seconds


def token(settings: Settings) -> Checked:
    """Check the page token (see ops.channels.Checks). Gives the setting MESSENGER_PAGE_ID."""
    name = "MESSENGER_PAGE_TOKEN"
    platform = _platform(settings)
    try:
        page = str(platform.ask(platform.api.as_page, "GET", "me")["id"])
        learned = (("MESSENGER_PAGE_ID", page),)
        if not (settings.messenger_app_id and settings.messenger_app_secret):
            text = "not checked: MESSENGER_APP_ID and MESSENGER_APP_SECRET are needed for that"
            return Checked(warning(name, text))
        query = {"input_token": settings.messenger_page_token}
        info = platform.ask(platform.api.as_app, "GET", "debug_token", params=query)["data"]
    except (PostRefused, AmbiguousPost, LookupError) as error:
        text = without_secrets(settings, f"refused: {error}")
        return Checked(broken(name, text, STORE_A_VALID_ONE))
    if not info.get("is_valid") or str(info.get("app_id")) != settings.messenger_app_id:
        return Checked(broken(name, "not valid, or of another app", STORE_A_VALID_ONE))
    missing = SCOPES - set(info.get("scopes", ()))
    if missing:
        text = f"lacks the permissions {', '.join(sorted(missing))}"
        return Checked(broken(name, text, STORE_A_VALID_ONE), learned)
    if settings.messenger_page_id not in ("", page):
        text = "belongs to another page than MESSENGER_PAGE_ID"
        fix = f"{OPS} secrets --set MESSENGER_PAGE_ID={page}, or a token of the other page"
        return Checked(broken(name, text, fix), learned)
    ends = info.get("expires_at") or 0
    if ends and ends < time.time() + _SOON:
        return Checked(warning(name, "expires within two weeks", STORE_A_VALID_ONE), learned)
    return Checked(ok(name, f"valid: page {page}"), learned)


def webhook(settings: Settings, url: str) -> Iterator[Finding]:
    """Check the webhook's verification, and the app's and the page's subscription.

    See ops.channels.Checks.
    """
    platform = _platform(settings, url)
    if platform.answers_handshake():
        yield ok("Messenger handshake", "the webhook accepts the verify token")
    else:
        fix = "set all of MESSENGER_*; a change takes effect after SETTINGS_TTL seconds"
        yield broken("Messenger handshake", "the webhook refuses the verify token", fix)
    yield _subscription(platform)
    apps = platform.ask(platform.api.page, "GET", "subscribed_apps")["data"]
    ours = [app for app in apps if str(app.get("id")) == settings.messenger_app_id]
    if ours and set(FIELDS) <= set(ours[0].get("subscribed_fields", ())):
        yield ok("Messenger page", "is subscribed to the app")
    else:
        # Meta ends the subscription after an hour of failing webhook calls.
        yield broken("Messenger page", "is not subscribed to the app", REGISTER)


def _subscription(platform: MessengerRegistration) -> Finding:
    name = "Messenger webhook"
    if not platform.points_here():
        return broken(name, "is not registered at this address", REGISTER)
    of_page = platform.subscriptions()
    subscribed = {field["name"] for each in of_page for field in each.get("fields", ())}
    if not all(each.get("active") for each in of_page):
        return broken(name, "is not active", REGISTER)
    if missing := set(FIELDS) - subscribed:
        return broken(name, f"is not subscribed to {', '.join(sorted(missing))}", REGISTER)
    return ok(name, "is registered at this address")


def _platform(settings: Settings, url: str = "") -> MessengerRegistration:
    return MessengerRegistration(settings, url, Session(), Tries(SECONDS))
