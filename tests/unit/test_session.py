"""Which cookies prove a session, and which open the page."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import date, timedelta

import pytest

from chatbot.channels.web.session import (
    ACCESS,
    COOKIE,
    FIRST_DAY,
    HOST,
    access_cookie,
    cookie_to_set,
    is_open,
    new_session,
    session_of,
    set_cookie,
)
from chatbot.core.settings import Settings
from tests.fakes.clock import NOON

KEY = "a key"
SETTINGS = Settings(web_session_key=KEY, retention_days=30)
SESSION = "A" * 22
A_DAY = 86_400_000


def value_of(header: str) -> str:
    return header.partition(";")[0].partition("=")[2]


def cookie(days_ago: int = 0, *, secure: bool = True, key: str = KEY) -> dict[str, str]:
    """A browser's cookie, whose session was used so many days ago."""
    header = set_cookie(SESSION, key, secure=secure, now=NOON - days_ago * A_DAY)
    return {header.partition("=")[0]: value_of(header)}


def before() -> str:
    """The value of the cookie that earlier versions gave."""
    return f"{SESSION}.{hmac.digest(KEY.encode(), f'{COOKIE}:{SESSION}'.encode(), 'sha256').hex()}"


def seen(
    cookies: dict[str, str], settings: Settings = SETTINGS, *, secure: bool = True, now: int = NOON
) -> str | None:
    return session_of(cookies, settings, now, secure=secure)


@pytest.mark.parametrize("secure", [True, False])
def test_a_cookie_of_ours_proves_its_session(secure: bool) -> None:
    assert seen(cookie(secure=secure), secure=secure) == SESSION


def test_sessions_cannot_be_guessed() -> None:
    sessions = {new_session() for _ in range(100)}
    assert len(sessions) == 100
    assert {len(session) for session in sessions} == {22}


def test_the_cookies_attributes() -> None:
    name, *attributes = set_cookie("x", KEY, secure=True).split("; ")
    assert name.startswith("__Host-conversation=x.")
    assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= set(attributes)
    assert not [each for each in attributes if each.startswith("Domain")]  # __Host- forbids it
    assert "Secure" not in set_cookie("x", KEY, secure=False)
    assert set_cookie("x", KEY, secure=False).startswith("conversation=x.")


GOOD = cookie()[HOST + COOKIE]
DAY = str(NOON // A_DAY)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        ".",
        SESSION,
        f"{SESSION}.",
        f"{SESSION}.{DAY}",
        f"{SESSION}.{DAY}.",
        GOOD[:-1],
        GOOD + "0",
        "B" + GOOD[1:],
        GOOD.replace(DAY, str(int(DAY) + 1)),
        GOOD.replace(f"{DAY}.", ""),
        GOOD.replace(DAY, f"0{DAY}"),
        GOOD.replace(DAY, "9" * 5000),
        GOOD.replace(DAY, "\u0661"),
        GOOD.upper(),
        GOOD[:-1] + "é",
        GOOD[:-1] + "\udcff",
        "short." + GOOD.partition(".")[2],
        SESSION + "\n." + GOOD.partition(".")[2],
    ],
)
def test_no_other_cookie_is_taken(forged: str) -> None:
    assert seen({HOST + COOKIE: forged}) is None
    assert seen({COOKIE: forged}) is None
    assert seen({COOKIE: forged}, secure=False) is None


def test_another_key_or_none_takes_no_cookie() -> None:
    assert seen(cookie(), replace(SETTINGS, web_session_key="another key")) is None
    assert seen(cookie(key=""), replace(SETTINGS, web_session_key="")) is None
    assert seen({}) is None


def test_what_was_signed_for_one_name_says_nothing_under_the_other() -> None:
    """A neighbour under the same domain can plant a cookie without the prefix."""
    assert seen({COOKIE: GOOD}) is None
    assert seen({COOKIE: GOOD}, secure=False) is None
    assert seen({HOST + COOKIE: cookie(secure=False)[COOKIE]}) is None


def test_a_cookie_that_was_given_over_http_says_nothing_over_https() -> None:
    """It is signed for the plain name, so only the scheme tells that it was planted."""
    given = cookie(secure=False)
    assert seen(given, secure=False) == SESSION
    assert seen(given) is None
    new = cookie_to_set(given, SETTINGS, NOON, secure=True) or ""
    assert new.startswith(HOST)
    assert SESSION not in new


def test_beside_a_cookie_with_the_prefix_no_other_counts() -> None:
    planted = {COOKIE: before()}
    assert seen(planted | cookie()) == SESSION
    assert seen(planted | {HOST + COOKIE: "forged"}) is None
    assert seen(planted | cookie(31)) is None


@pytest.mark.parametrize("secure", [True, False])
def test_without_use_a_session_ends_when_its_turns_are_gone(secure: bool) -> None:
    assert seen(cookie(30, secure=secure), secure=secure) == SESSION
    assert seen(cookie(31, secure=secure), secure=secure) is None
    assert seen(cookie(-5, secure=secure), secure=secure) == SESSION, (
        "another process's clock is ahead"
    )


def test_use_renews_it_once_a_day() -> None:
    assert cookie_to_set(cookie(), SETTINGS, NOON, secure=True) is None
    renewed = cookie_to_set(cookie(1), SETTINGS, NOON, secure=True)
    assert renewed == set_cookie(SESSION, KEY, secure=True, now=NOON)
    for ended in (cookie(31), {}, {COOKIE: "forged"}):
        new = cookie_to_set(ended, SETTINGS, NOON, secure=True) or ""
        session = seen({HOST + COOKIE: value_of(new)})
        assert session not in (None, SESSION)


def test_the_first_day_of_0_10_is_the_date_that_it_says() -> None:
    assert date(1970, 1, 1) + timedelta(FIRST_DAY) == date(2026, 12, 1)


def test_a_cookie_of_earlier_versions_ends_some_time_after_the_release() -> None:
    cookies, last = {COOKIE: before()}, (FIRST_DAY + 30) * A_DAY
    for secure in (True, False):
        assert seen(cookies, secure=secure, now=last + A_DAY - 1) == SESSION
        assert seen(cookies, secure=secure, now=last + A_DAY) is None
    new = cookie_to_set(cookies, SETTINGS, last + A_DAY, secure=True) or ""
    assert SESSION not in new


def test_a_cookie_of_earlier_versions_is_taken_and_replaced() -> None:
    cookies = {COOKIE: before()}
    assert seen(cookies) == seen(cookies, secure=False) == SESSION
    for secure in (True, False):
        replaced = cookie_to_set(cookies, SETTINGS, NOON, secure=secure)
        assert replaced == set_cookie(SESSION, KEY, secure=secure, now=NOON)


OPEN = Settings(web_session_key=KEY, web_access="code", web_access_code="sesame")


@pytest.mark.parametrize("secure", [True, False])
def test_who_knows_the_code_gets_a_cookie_that_opens(secure: bool) -> None:
    header = access_cookie("sesame", OPEN, secure=secure) or ""
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(header.split("; "))
    name = header.partition("=")[0]
    assert (name, "Secure" in header) == (("__Host-access", True) if secure else (ACCESS, False))
    cookies = {name: value_of(header)}
    assert is_open(cookies, OPEN)
    assert not is_open(cookies, replace(OPEN, web_access_code="another"))
    assert not is_open(cookies, replace(OPEN, web_session_key="another"))
    assert not is_open(cookies, replace(OPEN, web_access="off"))


def test_an_access_cookie_of_earlier_versions_opens() -> None:
    header = access_cookie("sesame", OPEN, secure=False) or ""
    assert is_open({ACCESS: value_of(header)}, OPEN)


@pytest.mark.parametrize("code", ["", "Sesame", "sesame ", "é", "\udcff"])
def test_who_does_not_gets_none(code: str) -> None:
    assert access_cookie(code, OPEN, secure=True) is None
    assert access_cookie(code, replace(OPEN, web_access_code=""), secure=True) is None


@pytest.mark.parametrize("forged", ["", "sesame", "0" * 64, "é"])
@pytest.mark.parametrize("name", [ACCESS, HOST + ACCESS])
def test_no_other_cookie_opens(name: str, forged: str) -> None:
    assert not is_open({name: forged}, OPEN)
    assert not is_open({name: forged}, replace(OPEN, web_access_code=""))
    assert is_open({name: forged}, replace(OPEN, web_access="open"))
