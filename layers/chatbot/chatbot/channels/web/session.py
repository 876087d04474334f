"""The web page's conversation: a cookie that only we can have written."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

COOKIE = "conversation"
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
    expected = _signature(session, key).encode()
    given = signature.encode("utf-8", "replace")
    return session if hmac.compare_digest(expected, given) else None


def set_cookie(session: str, key: str, *, secure: bool) -> str:
    """Value of a Set-Cookie header.

    SameSite is Lax: with Strict, following a link to the page would come without the cookie and
    start another conversation over the old one.
    """
    cookie = (
        f"{COOKIE}={session}.{_signature(session, key)}; Path=/; Max-Age={MAX_AGE}"
        "; HttpOnly; SameSite=Lax"
    )
    return cookie + "; Secure" if secure else cookie


def _signature(session: str, key: str) -> str:
    return hmac.new(key.encode(), f"{COOKIE}:{session}".encode(), hashlib.sha256).hexdigest()
