"""Checks of Telegram's token and webhook (Bot API, getMe and getWebhookInfo)."""

from __future__ import annotations

import time
from collections.abc import Iterator

from chatbot.channels.registering import Tries, without_secrets
from chatbot.channels.telegram.registration import UPDATES, TelegramRegistration
from chatbot.core.errors import AmbiguousPost, PostRefused
from chatbot.core.settings import Settings
from chatbot.net.post import Session
from ops.channels import REGISTER, SECONDS, STORE_A_VALID_ONE, Checked
from ops.findings import OPS, Finding, broken, ok, warning

MANY = 20
"""Updates that may wait at Telegram before that is worth a warning."""
_RECENT = 3600  # seconds


def token(settings: Settings) -> Checked:
    """Check the bot token (see ops.channels.Checks). Gives the setting TELEGRAM_BOT_USERNAME."""
    name = "TELEGRAM_BOT_TOKEN"
    try:
        username = str(_platform(settings).result("getMe")["username"])
    except (PostRefused, AmbiguousPost, LookupError, TypeError) as error:
        text = without_secrets(settings, f"refused: {error}")
        return Checked(broken(name, text, STORE_A_VALID_ONE))
    learned = (("TELEGRAM_BOT_USERNAME", username),)
    if settings.telegram_bot_username.removeprefix("@").lower() not in ("", username.lower()):
        text = f"belongs to @{username}, but TELEGRAM_BOT_USERNAME names another bot"
        fix = f"{OPS} secrets --set TELEGRAM_BOT_USERNAME={username}"
        return Checked(warning(name, text, fix), learned)
    return Checked(ok(name, f"valid: @{username}"), learned)


def webhook(settings: Settings, url: str) -> Iterator[Finding]:
    """Check the webhook's address and kinds of updates, the updates that wait, the last error.

    See ops.channels.Checks.
    """
    platform = _platform(settings, url)
    info = platform.result("getWebhookInfo")
    name = "Telegram webhook"
    if not info["url"]:
        yield broken(name, "none is registered", REGISTER)
    elif info["url"] != platform.address:
        yield broken(name, "is registered at another address", REGISTER)
    elif missing := set(UPDATES) - set(info.get("allowed_updates", UPDATES)):
        yield broken(name, f"does not get {', '.join(sorted(missing))}", REGISTER)
    else:
        yield ok(name, "is registered at this address")
    waiting = info.get("pending_update_count", 0)
    if waiting > MANY:
        fix = f"the webhook refuses them or is slow: {OPS} tail"
        yield warning("Telegram's queue", f"{waiting} updates wait", fix)
    else:
        yield ok("Telegram's queue", f"{waiting} updates wait")
    age = time.time() - info.get("last_error_date", 0)
    if age < _RECENT:
        text = without_secrets(settings, str(info.get("last_error_message", "")))
        fix = f"for 401: {OPS} register; for 5xx: {OPS} tail"
        yield broken("Telegram's last error", f"{age / 60:.0f} min ago: {text}", fix)
    else:
        yield ok("Telegram's last error", "none within the last hour")


def _platform(settings: Settings, url: str = "") -> TelegramRegistration:
    return TelegramRegistration(settings, url, Session(), Tries(SECONDS))
