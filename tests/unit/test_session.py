from dataclasses import replace

import pytest

from chatbot.channels.web.session import (
    ACCESS,
    COOKIE,
    access_cookie,
    is_open,
    new_session,
    session_of,
    set_cookie,
)
from chatbot.core.settings import Settings

KEY = "a key"


def value_of(header: str) -> str:
    return header.partition(";")[0].partition("=")[2]


def test_a_cookie_of_ours_proves_its_session() -> None:
    session = new_session()
    cookies = {COOKIE: value_of(set_cookie(session, KEY, secure=True))}
    assert session_of(cookies, KEY) == session


def test_sessions_cannot_be_guessed() -> None:
    sessions = {new_session() for _ in range(100)}
    assert len(sessions) == 100
    assert {len(session) for session in sessions} == {22}


def test_the_cookies_attributes() -> None:
    attributes = set_cookie("x", KEY, secure=True).split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= set(attributes)
    assert "Secure" not in set_cookie("x", KEY, secure=False)


GOOD = value_of(set_cookie("A" * 22, KEY, secure=True))


@pytest.mark.parametrize(
    "forged",
    [
        "",
        ".",
        "A" * 22,
        "A" * 22 + ".",
        GOOD[:-1],
        GOOD + "0",
        "B" + GOOD[1:],
        GOOD.upper(),
        GOOD[:-1] + "é",
        GOOD[:-1] + "\udcff",
        "short." + GOOD.partition(".")[2],
        "A" * 22 + "\n." + GOOD.partition(".")[2],
    ],
)
def test_no_other_cookie_is_taken(forged: str) -> None:
    assert session_of({COOKIE: forged}, KEY) is None


def test_another_key_or_none_takes_no_cookie() -> None:
    assert session_of({COOKIE: GOOD}, "another key") is None
    assert session_of({COOKIE: value_of(set_cookie("A" * 22, "", secure=True))}, "") is None
    assert session_of({}, KEY) is None


OPEN = Settings(web_session_key=KEY, web_access="code", web_access_code="sesame")


def test_who_knows_the_code_gets_a_cookie_that_opens() -> None:
    header = access_cookie("sesame", OPEN, secure=True) or ""
    assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= set(header.split("; "))
    cookies = {ACCESS: value_of(header)}
    assert is_open(cookies, OPEN)
    assert not is_open(cookies, replace(OPEN, web_access_code="another"))
    assert not is_open(cookies, replace(OPEN, web_session_key="another"))
    assert not is_open(cookies, replace(OPEN, web_access="off"))


@pytest.mark.parametrize("code", ["", "Sesame", "sesame ", "é", "\udcff"])
def test_who_does_not_gets_none(code: str) -> None:
    assert access_cookie(code, OPEN, secure=True) is None
    assert access_cookie(code, replace(OPEN, web_access_code=""), secure=True) is None


@pytest.mark.parametrize("forged", ["", "sesame", "0" * 64, "é"])
def test_no_other_cookie_opens(forged: str) -> None:
    assert not is_open({ACCESS: forged}, OPEN)
    assert not is_open({ACCESS: forged}, replace(OPEN, web_access_code=""))
    assert is_open({ACCESS: forged}, replace(OPEN, web_access="open"))
