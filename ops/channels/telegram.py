"""What Telegram says of our token and our webhook (Bot API, getMe and getWebhookInfo)."""

from __future__ import annotations

import time
from collections.abc import Iterator

from chatbot.channels.registering import Tries, without_secrets
from chatbot.channels.telegram.registration import UPDATES, TelegramRegistration
from chatbot.core.errors import AmbiguousPost, PostRefused
from chatbot.core.settings import Settings
from chatbot.net.post import Session
from ops.channels import REGISTER, SECONDS, STORE_A_GOOD_ONE, Checked
from ops.findings import Finding, broken, ok, warning

MANY = 20
"""Updates that may wait without it being remarkable."""
_RECENT = 3600


def token(settings: Settings) -> Checked:
    """See ops.channels.Checks; tells the bot's name."""
    name = "TELEGRAM_BOT_TOKEN"
    try:
        username = str(_platform(settings).result("getMe")["username"])
    except (PostRefused, AmbiguousPost, LookupError, TypeError) as error:
        text = without_secrets(settings, f"refused: {error}")
        return Checked(broken(name, text, STORE_A_GOOD_ONE))
    learned = (("TELEGRAM_BOT_USERNAME", username),)
    if settings.telegram_bot_username.removeprefix("@").lower() not in ("", username.lower()):
        text = f"is @{username}, but TELEGRAM_BOT_USERNAME names another bot"
        return Checked(warning(name, text, "python -m ops secrets"), learned)
    return Checked(ok(name, f"valid: @{username}"), learned)


def webhook(settings: Settings, url: str) -> Iterator[Finding]:
    """See ops.channels.Checks."""
    platform = _platform(settings, url)
    info = platform.result("getWebhookInfo")
    name = "Telegram webhook"
    if not info["url"]:
        yield broken(name, "none is registered", REGISTER)
    elif info["url"] != platform.address:
        yield broken(name, "is registered at another address", REGISTER)
    elif missing := set(UPDATES) - set(info.get("allowed_updates", UPDATES)):
        yield broken(name, f"not told of {', '.join(sorted(missing))}", REGISTER)
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
        text = without_secrets(settings, str(info.get("last_error_message", "")))
        mend = "401: python -m ops register; 5xx: python -m ops tail"
        yield broken("Telegram's last error", f"{age / 60:.0f} min ago: {text}", mend)
    else:
        yield ok("Telegram's last error", "none within the hour")


def _platform(settings: Settings, url: str = "") -> TelegramRegistration:
    return TelegramRegistration(settings, url, Session(), Tries(SECONDS))
