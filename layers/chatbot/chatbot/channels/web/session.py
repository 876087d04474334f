"""The web page's conversation: a cookie that only we can have written."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from chatbot.core.settings import Settings

COOKIE = "conversation"
ACCESS = "access"
MAX_AGE = 400 * 86_400
"""Seconds; browsers keep no cookie longer (RFC 6265bis)."""
_ID = re.compile(r"[A-Za-z0-9_-]{22}")


def new_session() -> str:
    """An id that cannot be guessed: 128 random bits, 22 characters."""
    return secrets.token_urlsafe(16)


def session_of(cookies: Mapping[str, str], key: str) -> str | None:
    """The session that the cookie proves, or None."""
    session, _, signature = cookies.get(COOKIE, "").partition(".")
    if not key or not _ID.fullmatch(session):
        return None
    return session if _same(signature, _signature(session, key)) else None


def set_cookie(session: str, key: str, *, secure: bool) -> str:
    """Value of a Set-Cookie header.

    SameSite is Lax: with Strict, following a link to the page would come without the cookie and
    start another conversation over the old one.
    """
    return _cookie(COOKIE, f"{session}.{_signature(session, key)}", secure)


def is_open(cookies: Mapping[str, str], settings: Settings) -> bool:
    """Whether the page is open to this browser; a cookie is worthless once the code changes."""
    code, key = settings.web_access_code, settings.web_session_key
    if settings.web_access != "code" or not code or not key:
        return settings.web_access == "open"
    return _same(cookies.get(ACCESS, ""), _signature(code, key, ACCESS))


def access_cookie(given: str, settings: Settings, *, secure: bool) -> str | None:
    """Value of a Set-Cookie header for who knows the code; None for others."""
    code, key = settings.web_access_code, settings.web_session_key
    if not code or not key or not _same(given, code):
        return None
    return _cookie(ACCESS, _signature(code, key, ACCESS), secure)


def _cookie(name: str, value: str, secure: bool) -> str:
    cookie = f"{name}={value}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax"
    return cookie + "; Secure" if secure else cookie


def _signature(text: str, key: str, purpose: str = COOKIE) -> str:
    return hmac.new(key.encode(), f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
