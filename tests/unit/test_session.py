import pytest

from chatbot.channels.web.session import COOKIE, new_session, session_of, set_cookie

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
