"""What Meta says of our token and our webhook (Graph API, /debug_token and subscriptions)."""

from __future__ import annotations

import time
from collections.abc import Iterator

from chatbot.channels.messenger.registration import FIELDS, MessengerRegistration
from chatbot.channels.registering import Tries, without_secrets
from chatbot.core.errors import AmbiguousPost, PostRefused
from chatbot.core.settings import Settings
from chatbot.net.post import Session
from ops.channels import REGISTER, SECONDS, STORE_A_GOOD_ONE, Checked
from ops.findings import Finding, broken, ok, warning

SCOPES = {"pages_messaging", "pages_manage_metadata"}
_SOON = 14 * 86400


def token(settings: Settings) -> Checked:
    """See ops.channels.Checks; tells the page's id."""
    name = "MESSENGER_PAGE_TOKEN"
    platform = _platform(settings)
    try:
        page = str(platform.ask(platform.api.as_page, "GET", "me")["id"])
        learned = (("MESSENGER_PAGE_ID", page),)
        if not (settings.messenger_app_id and settings.messenger_app_secret):
            return Checked(warning(name, "not checked without MESSENGER_APP_ID and _SECRET"))
        query = {"input_token": settings.messenger_page_token}
        told = platform.ask(platform.api.as_app, "GET", "debug_token", params=query)["data"]
    except (PostRefused, AmbiguousPost, LookupError) as error:
        text = without_secrets(settings, f"refused: {error}")
        return Checked(broken(name, text, STORE_A_GOOD_ONE))
    if not told.get("is_valid") or str(told.get("app_id")) != settings.messenger_app_id:
        return Checked(broken(name, "not valid, or another app's", STORE_A_GOOD_ONE))
    missing = SCOPES - set(told.get("scopes", ()))
    if missing:
        text = f"lacks {', '.join(sorted(missing))}"
        return Checked(broken(name, text, STORE_A_GOOD_ONE), learned)
    if settings.messenger_page_id not in ("", page):
        text = "is another page's than MESSENGER_PAGE_ID"
        return Checked(broken(name, text, "python -m ops secrets"), learned)
    ends = told.get("expires_at") or 0
    if ends and ends < time.time() + _SOON:
        return Checked(warning(name, "ends within two weeks", STORE_A_GOOD_ONE), learned)
    return Checked(ok(name, f"valid: page {page}"), learned)


def webhook(settings: Settings, url: str) -> Iterator[Finding]:
    """See ops.channels.Checks: the handshake, the app's and the page's subscription."""
    platform = _platform(settings, url)
    if platform.answers_handshake():
        yield ok("Messenger handshake", "our webhook takes the verify token")
    else:
        mend = "all of MESSENGER_* must be set; a change counts after SETTINGS_TTL"
        yield broken("Messenger handshake", "our webhook refuses the verify token", mend)
    yield _subscription(platform)
    apps = platform.ask(platform.api.page, "GET", "subscribed_apps")["data"]
    ours = [app for app in apps if str(app.get("id")) == settings.messenger_app_id]
    if ours and set(FIELDS) <= set(ours[0].get("subscribed_fields", ())):
        yield ok("Messenger page", "is subscribed to the app")
    else:
        # An hour of failures is enough for Meta to take the app off the page.
        yield broken("Messenger page", "is not subscribed to the app", REGISTER)


def _subscription(platform: MessengerRegistration) -> Finding:
    name = "Messenger webhook"
    if not platform.points_here():
        return broken(name, "is not registered at this address", REGISTER)
    of_page = platform.subscriptions()
    told = {field["name"] for each in of_page for field in each.get("fields", ())}
    if not all(each.get("active") for each in of_page):
        return broken(name, "is not active", REGISTER)
    if missing := set(FIELDS) - told:
        return broken(name, f"not told of {', '.join(sorted(missing))}", REGISTER)
    return ok(name, "is registered here")


def _platform(settings: Settings, url: str = "") -> MessengerRegistration:
    return MessengerRegistration(settings, url, Session(), Tries(SECONDS))
