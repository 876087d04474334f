"""What the platforms say of our secrets: valid, whose, good for what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from chatbot.bootstrap.registration import Registration
from chatbot.core.errors import AmbiguousPost, PostRefused
from chatbot.core.settings import Settings
from chatbot.net.post import Session, send
from ops.findings import Finding, broken, ok, warning

SCOPES = {"pages_messaging", "pages_manage_metadata"}
SECONDS = 30.0
_SOON = 14 * 86400
_MEND = "store a good one: python -m ops secrets"


@dataclass(frozen=True)
class Checked:
    """A finding, and settings that the platform told on the way."""

    finding: Finding
    learned: tuple[tuple[str, str], ...] = ()


def calls(settings: Settings, url: str = "") -> Registration:
    return Registration(settings, url, Session(), SECONDS)


def telegram(settings: Settings) -> Checked:
    """Bot API, getMe."""
    name = "TELEGRAM_BOT_TOKEN"
    try:
        username = str(calls(settings).telegram("getMe")["username"])
    except (PostRefused, AmbiguousPost, LookupError, TypeError) as error:
        return Checked(broken(name, calls(settings).without_secrets(f"refused: {error}"), _MEND))
    learned = (("TELEGRAM_BOT_USERNAME", username),)
    if settings.telegram_bot_username.removeprefix("@").lower() not in ("", username.lower()):
        text = f"is @{username}, but TELEGRAM_BOT_USERNAME names another bot"
        return Checked(warning(name, text, "python -m ops secrets"), learned)
    return Checked(ok(name, f"valid: @{username}"), learned)


def messenger(settings: Settings) -> Checked:
    """Graph API, /me and /debug_token."""
    name = "MESSENGER_PAGE_TOKEN"
    platform = calls(settings)
    try:
        page = str(platform.graph("GET", "me", settings.messenger_page_token)["id"])
        learned = (("MESSENGER_PAGE_ID", page),)
        if not (settings.messenger_app_id and settings.messenger_app_secret):
            return Checked(warning(name, "not checked without MESSENGER_APP_ID and _SECRET"))
        app = f"{settings.messenger_app_id}|{settings.messenger_app_secret}"
        query = {"input_token": settings.messenger_page_token}
        told = platform.graph("GET", "debug_token", app, params=query)["data"]
    except (PostRefused, AmbiguousPost, LookupError) as error:
        return Checked(broken(name, platform.without_secrets(f"refused: {error}"), _MEND))
    if not told.get("is_valid") or str(told.get("app_id")) != settings.messenger_app_id:
        return Checked(broken(name, "not valid, or another app's", _MEND))
    missing = SCOPES - set(told.get("scopes", ()))
    if missing:
        return Checked(broken(name, f"lacks {', '.join(sorted(missing))}", _MEND), learned)
    if settings.messenger_page_id not in ("", page):
        text = "is another page's than MESSENGER_PAGE_ID"
        return Checked(broken(name, text, "python -m ops secrets"), learned)
    ends = told.get("expires_at") or 0
    if ends and ends < time.time() + _SOON:
        return Checked(warning(name, "ends within two weeks", _MEND), learned)
    return Checked(ok(name, f"valid: page {page}"), learned)


def model(settings: Settings) -> Iterator[Finding]:
    """List models: the key, then each model's name. Compatible servers need not have the list."""
    url = f"{settings.openai_base_url.rstrip('/')}/models"
    headers = {"Authorization": b"Bearer " + settings.openai_api_key.encode()}
    try:
        answer = send(Session(), "GET", url, timeout=10, headers=headers)
    except (PostRefused, AmbiguousPost) as error:
        yield broken("model server", f"does not answer: {error}", "look at OPENAI_BASE_URL")
        return
    if answer.status in (401, 403):
        yield broken("OPENAI_API_KEY", f"refused: {answer.status}", _MEND)
        return
    listed = (answer.body or {}).get("data")
    if not answer.good or not isinstance(listed, list):
        yield warning("model server", f"lists no models ({answer.status}): names are not checked")
        return
    yield ok("OPENAI_API_KEY", "valid")
    known = {each.get("id") for each in listed if isinstance(each, dict)}
    for wanted in (settings.openai_model, *settings.openai_fallback_models):
        if wanted in known:
            yield ok("model", f"{wanted} is there")
        else:
            mend = "python -m ops secrets --set OPENAI_MODEL=…"
            yield broken("model", f"the server has no {wanted}", mend)
