"""Signed cookies of the web page: for its conversation and for access by code."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress

from chatbot.core.settings import Settings

COOKIE = "conversation"
ACCESS = "access"
MAX_AGE = 400 * 86_400
"""Seconds; browsers limit a cookie's lifetime to this (RFC 6265bis)."""
_ID = re.compile(r"[A-Za-z0-9_-]{22}")


def new_session() -> str:
    """Return a random id of 128 bits, 22 characters."""
    return secrets.token_urlsafe(16)


def session_of(cookies: Mapping[str, str], key: str) -> str | None:
    """Return the session of a cookie signed with `key` (WEB_SESSION_KEY), or None."""
    session, _, signature = cookies.get(COOKIE, "").partition(".")
    if not key or not _ID.fullmatch(session):
        return None
    return session if _equal(signature, _signature(session, key)) else None


def set_cookie(session: str, key: str, *, secure: bool) -> str:
    """Return the value of a Set-Cookie header for the session; `secure` where the page is on https.

    SameSite is Lax: with Strict, a browser that follows a link to the page would send no cookie,
    and the page would replace the conversation by a new one.
    """
    return _cookie(COOKIE, f"{session}.{_signature(session, key)}", secure)


def is_open(cookies: Mapping[str, str], settings: Settings) -> bool:
    """Whether the browser has access to the page; a change of the code revokes its cookies."""
    code, key = settings.web_access_code, settings.web_session_key
    if settings.web_access != "code" or not code or not key:
        return settings.web_access == "open"
    return _equal(cookies.get(ACCESS, ""), _signature(code, key, ACCESS))


def access_cookie(given: str, settings: Settings, *, secure: bool) -> str | None:
    """Return the value of a Set-Cookie header if `given` is the access code, else None."""
    code, key = settings.web_access_code, settings.web_session_key
    if not code or not key or not _equal(given, code):
        return None
    return _cookie(ACCESS, _signature(code, key, ACCESS), secure)


def address_hash(address: str, key: str) -> str:
    """Return what stands for a client's address in the table; without `key` it tells nothing.

    Of an IPv6 address its network counts: whoever has one has 2^64 addresses in it (RFC 4291,
    section 2.5.4).
    """
    if ":" in address:
        from ipaddress import IPv6Network  # not at each start

        with suppress(ValueError):
            address = str(IPv6Network(f"{address}/64", strict=False))
    return _signature(address, key, "address")[:32]


def _cookie(name: str, value: str, secure: bool) -> str:
    cookie = f"{name}={value}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax"
    return cookie + "; Secure" if secure else cookie


def _signature(text: str, key: str, purpose: str = COOKIE) -> str:
    return hmac.new(key.encode(), f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
