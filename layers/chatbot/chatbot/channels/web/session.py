"""Signed cookies of the web page: for its conversation and for access by code."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from chatbot.core.ports import now_ms
from chatbot.core.settings import Settings

COOKIE = "conversation"
"""Name of the conversation's cookie over http, and of the one that versions before 0.10 gave."""
ACCESS = "access"
"""The same for the cookie that proves the access code."""
HOST = "__Host-"
"""Prefix of both names over https: a browser takes such a cookie only from this very host, by https
(RFC 6265bis, section 4.1.3.2), so no neighbour under the same domain can plant one."""
MAX_AGE = 400 * 86_400
"""Seconds; browsers limit a cookie's lifetime to this (RFC 6265bis)."""
FIRST_DAY = 20_788
"""Day, counted from 1970, that a cookie of before 0.10 is taken to say: 2026-12-01, when 0.10 is
out. It says none itself, so without this a copy of it would open its conversation for ever."""
_A_DAY = 86_400_000  # milliseconds
_COOKIE = re.compile(r"(?P<id>[A-Za-z0-9_-]{22})(?:\.(?P<day>[1-9][0-9]{0,6}))?\.(?P<signature>.*)")


@dataclass(frozen=True, slots=True)
class _Use:
    """What a cookie with our signature says: its session, its name, and the day of its last use.

    `day` counts from 1970; None is unknown.
    """

    session: str
    day: int | None
    name: str


def new_session() -> str:
    """Return a random id of 128 bits, 22 characters."""
    return secrets.token_urlsafe(16)


def session_of(
    cookies: Mapping[str, str], settings: Settings, now: int, *, secure: bool
) -> str | None:
    """Return the session of a cookie signed with WEB_SESSION_KEY, or None.

    It has ended when it was not used for RETENTION_DAYS: its turns are gone, and a copy of the
    cookie that somebody has kept opens nothing. A cookie of before 0.10 is taken for RETENTION_DAYS
    after FIRST_DAY. `secure` is whether the request came over https.
    """
    use = _use_in(cookies, settings.web_session_key, secure)
    oldest = now // _A_DAY - settings.retention_days
    if use is None or (FIRST_DAY if use.day is None else use.day) < oldest:
        return None
    return use.session


def cookie_to_set(
    cookies: Mapping[str, str], settings: Settings, now: int, *, secure: bool
) -> str | None:
    """Return the value of a Set-Cookie header for the browser, None if it has the right cookie.

    Without a session it gets a new one. The cookie is renewed once a day, so that the session goes
    on; one of an earlier form is replaced.
    """
    key = settings.web_session_key
    session = session_of(cookies, settings, now, secure=secure)
    last = _use_in(cookies, key, secure)
    if session and last == _Use(session, now // _A_DAY, _name(COOKIE, secure)):
        return None
    return set_cookie(session or new_session(), key, secure=secure, now=now)


def set_cookie(session: str, key: str, *, secure: bool, now: int | None = None) -> str:
    """Return the value of a Set-Cookie header for the session; `secure` where the page is on https.

    SameSite is Lax: with Strict, a browser that follows a link to the page would send no cookie,
    and the page would replace the conversation by a new one.
    """
    day = (now_ms() if now is None else now) // _A_DAY
    use = _Use(session, day, _name(COOKIE, secure))
    return _cookie(use.name, f"{session}.{day}.{_signature_of(use, key)}", secure)


def is_open(cookies: Mapping[str, str], settings: Settings) -> bool:
    """Whether the browser has access to the page; a change of the code revokes its cookies."""
    code, key = settings.web_access_code, settings.web_session_key
    if settings.web_access != "code" or not code or not key:
        return settings.web_access == "open"
    given = cookies.get(HOST + ACCESS) or cookies.get(ACCESS, "")
    return _equal(given, _signature(code, key, ACCESS))


def access_cookie(given: str, settings: Settings, *, secure: bool) -> str | None:
    """Return the value of a Set-Cookie header if `given` is the access code, else None."""
    code, key = settings.web_access_code, settings.web_session_key
    if not code or not key or not _equal(given, code):
        return None
    return _cookie(_name(ACCESS, secure), _signature(code, key, ACCESS), secure)


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


def _use_in(cookies: Mapping[str, str], key: str, secure: bool) -> _Use | None:
    """What the browser's signed cookie says. Where it has one with the prefix, no other counts.

    Without one, https takes the cookie of before 0.10, but none that was given over http.
    """
    name = HOST + COOKIE if HOST + COOKIE in cookies else COOKIE
    found = _COOKIE.fullmatch(cookies.get(name, ""))
    if not key or not found:
        return None
    use = _Use(found["id"], int(found["day"]) if found["day"] else None, name)
    if secure and use.name == COOKIE and use.day is not None:
        return None
    return use if _equal(found["signature"], _signature_of(use, key)) else None


def _signature_of(use: _Use, key: str) -> str:
    """It holds for one name: what was signed for http says nothing on https."""
    if use.day is None:
        return _signature(use.session, key)
    return _signature(f"{use.session}.{use.day}", key, use.name)


def _name(name: str, secure: bool) -> str:
    return HOST + name if secure else name


def _cookie(name: str, value: str, secure: bool) -> str:
    cookie = f"{name}={value}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax"
    return cookie + "; Secure" if secure else cookie


def _signature(text: str, key: str, purpose: str = COOKIE) -> str:
    return hmac.new(key.encode(), f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
