"""Whether the platforms call this stack, and how that goes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from chatbot.bootstrap.registration import MESSENGER_FIELDS, TELEGRAM_UPDATES, Registration
from chatbot.core.settings import Settings
from ops.findings import Finding, broken, ok, warning
from ops.platforms import calls

MANY = 20
"""Updates that may wait without it being remarkable."""
_RECENT = 3600
_REGISTER = "python -m ops register"


def telegram(settings: Settings, url: str) -> Iterator[Finding]:
    """Bot API, getWebhookInfo. Raises PostRefused, AmbiguousPost."""
    info = calls(settings, url).telegram("getWebhookInfo")
    name = "Telegram webhook"
    if not info["url"]:
        yield broken(name, "none is registered", _REGISTER)
    elif info["url"] != f"{url}/telegram":
        yield broken(name, "is registered at another address", _REGISTER)
    elif missing := set(TELEGRAM_UPDATES) - set(info.get("allowed_updates", TELEGRAM_UPDATES)):
        yield broken(name, f"not told of {', '.join(sorted(missing))}", _REGISTER)
    else:
        yield ok(name, "is registered here")
    waiting = info.get("pending_update_count", 0)
    if waiting > MANY:
        mend = "the webhook is refused or slow: python -m ops tail"
        yield warning("Telegram's queue", f"{waiting} updates wait", mend)
    else:
        yield ok("Telegram's queue", f"{waiting} updates wait")
    age = time.time() - info.get("last_error_date", 0)
    if age < _RECENT:
        text = calls(settings).without_secrets(str(info.get("last_error_message", "")))
        mend = "401: python -m ops register; 5xx: python -m ops tail"
        yield broken("Telegram's last error", f"{age / 60:.0f} min ago: {text}", mend)
    else:
        yield ok("Telegram's last error", "none within the hour")


def messenger(settings: Settings, url: str) -> Iterator[Finding]:
    """The handshake at our door, the app's and the page's subscription.

    Raises PostRefused, AmbiguousPost.
    """
    platform = calls(settings, url)
    if platform.answers_handshake():
        yield ok("Messenger handshake", "our door takes the verify token")
    else:
        mend = "all of MESSENGER_* must be set; a change counts after SETTINGS_TTL"
        yield broken("Messenger handshake", "our door refuses the verify token", mend)
    yield _subscription(platform)
    apps = platform.page("GET", "subscribed_apps")["data"]
    ours = [app for app in apps if str(app.get("id")) == settings.messenger_app_id]
    if ours and set(MESSENGER_FIELDS) <= set(ours[0].get("subscribed_fields", ())):
        yield ok("Messenger page", "is subscribed to the app")
    else:
        # An hour of failures is enough for Meta to take the app off the page.
        yield broken("Messenger page", "is not subscribed to the app", _REGISTER)


def _subscription(platform: Registration) -> Finding:
    name = "Messenger webhook"
    if not platform.points_here("messenger"):
        return broken(name, "is not registered at this address", _REGISTER)
    of_page = [
        each
        for each in platform.app("GET", "subscriptions")["data"]
        if each.get("object") == "page"
    ]
    told = {field["name"] for each in of_page for field in each.get("fields", ())}
    if not all(each.get("active") for each in of_page):
        return broken(name, "is not active", _REGISTER)
    if missing := set(MESSENGER_FIELDS) - told:
        return broken(name, f"not told of {', '.join(sorted(missing))}", _REGISTER)
    return ok(name, "is registered here")
