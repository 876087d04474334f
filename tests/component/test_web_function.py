"""The web function whole: the page, its files, and the turns of its own conversation."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatbot.channels.web.session import new_session, session_of, set_cookie
from chatbot.history import Table
from chatbot.messages import Author, Origin, Reply, State, Turn, TurnKey
from chatbot.wiring.web import build
from tests.component.conftest import Aws
from tests.fakes import NOON

KEY = "web-session-key"
FOLDER = Path(__file__).parents[2] / "functions" / "web"
SESSION = new_session()
Call = Callable[..., dict[str, Any]]


class Context:
    aws_request_id = "request"


def website(environ: dict[str, str]) -> Call:
    handler = build(environ, FOLDER)

    def call(path: str, session: str | None = SESSION, method: str = "GET", **more: Any) -> Any:
        cookie = set_cookie(session, KEY, secure=True).partition(";")[0] if session else "other=1"
        event = {
            "rawPath": path,
            "headers": {"x-forwarded-proto": "https", **more.pop("headers", {})},
            "cookies": [cookie],
            "requestContext": {"http": {"method": method}},
            **more,
        }
        return handler(event, Context())

    return call


@pytest.fixture
def call(table: str) -> Call:
    return website({"TABLE_NAME": table, "WEB_SESSION_KEY": KEY})


def put(aws: Aws, table: str, number: int, session: str = SESSION, text: str = "") -> None:
    turn = Turn(
        key=TurnKey.of(f"web:{session}", NOON + number, f"m{number}:message"),
        channel="web",
        author=Author(session),
        text=text or f"question {number}",
        reply=Reply(f"answer {number}"),
        state=State.DELIVERED,
        origin=Origin.MODEL,
    )
    Table(aws.dynamodb, table, lambda: NOON, 90).put(turn)


def read(call: Call, after: str = "", session: str = SESSION) -> dict[str, Any]:
    query = {"after": after} if after else None
    response = call("/web/messages", session, queryStringParameters=query)
    assert response["statusCode"] == 200
    assert response["headers"]["cache-control"] == "no-store"
    answer: dict[str, Any] = json.loads(response["body"])
    return answer


def test_the_page_brings_a_conversation_where_there_is_none(call: Call) -> None:
    response = call("/", session=None)
    assert response["statusCode"] == 200
    [cookie] = response["cookies"]
    assert "Secure" in cookie
    value = cookie.partition(";")[0].partition("=")[2]
    assert session_of({"conversation": value}, KEY)
    assert "cookies" not in call("/")
    assert (
        "Secure" not in call("/", session=None, headers={"x-forwarded-proto": "http"})["cookies"][0]
    )


def test_a_forged_cookie_is_replaced(call: Call) -> None:
    response = call("/", cookies=[f"conversation={SESSION}.{'0' * 64}"])
    assert response["cookies"]


def test_the_page_is_served_under_a_strict_policy(call: Call) -> None:
    for path in ("/", "/assets/chat.js"):
        headers = call(path)["headers"]
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    page = call("/")["body"]
    assert "style=" not in page
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|//", page)


def test_every_file_that_the_page_names_is_served(call: Call) -> None:
    named = re.findall(r'(?:src|href)="(/assets/[^"]+)"', call("/")["body"])
    assert len(named) == 3
    types = {path: call(path)["headers"]["content-type"].partition(";")[0] for path in named}
    assert set(types.values()) == {"image/svg+xml", "text/css", "text/javascript"}


def test_a_file_the_browser_has_is_not_sent_again(call: Call) -> None:
    first = call("/assets/style.css")
    assert "max-age" in first["headers"]["cache-control"]
    headers = {"If-None-Match": first["headers"]["etag"]}
    again = call("/assets/style.css", headers=headers)
    assert (again["statusCode"], again["body"]) == (304, "")


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/assets/none.js",
        "/assets/../app.py",
        "/assets/..%2fapp.py",
        "/assets//etc/passwd",
        "/index.html",
        "/x",
    ],
)
def test_nothing_else_is_served(call: Call, path: str) -> None:
    assert call(path)["statusCode"] == 404


def test_the_turns_of_the_cookies_conversation(call: Call, aws: Aws, table: str) -> None:
    stranger = new_session()
    put(aws, table, 1, text="<b>/start</b>")
    put(aws, table, 2)
    put(aws, table, 3, stranger)
    first = read(call)
    assert first["turns"][0] == {
        "id": "m1",
        "sent_at": NOON + 1,
        "text": "<b>/start</b>",
        "answer": "answer 1",
        "html": "<p>answer 1</p>\n",
        "state": "delivered",
        "origin": "model",
    }
    assert [turn["id"] for turn in first["turns"]] == ["m1", "m2"]
    assert [turn["id"] for turn in read(call, session=stranger)["turns"]] == ["m3"]


def test_a_cursor_goes_on_where_the_last_answer_ended(call: Call, aws: Aws, table: str) -> None:
    assert read(call) == {"turns": [], "cursor": ""}
    put(aws, table, 1)
    cursor = read(call)["cursor"]
    assert read(call, cursor) == {"turns": [], "cursor": cursor}
    put(aws, table, 2)
    assert [turn["id"] for turn in read(call, cursor)["turns"]] == ["m2"]


def test_the_newest_fifty_and_then_page_by_page(call: Call, aws: Aws, table: str) -> None:
    for number in range(110):
        put(aws, table, number)
    newest = read(call)
    assert [turn["id"] for turn in newest["turns"]] == [f"m{number}" for number in range(60, 110)]
    cursor = f"{NOON:013d}.m0:message"
    second = read(call, cursor)
    assert [turn["id"] for turn in second["turns"]] == [f"m{number}" for number in range(1, 51)]
    assert read(call, second["cursor"])["turns"][0]["id"] == "m51"


@pytest.mark.parametrize("after", ["x", "1.m", "~state", "1795262400000.", "é", "1795262400000.#"])
def test_another_cursor_is_refused(call: Call, after: str) -> None:
    response = call("/web/messages", queryStringParameters={"after": after})
    assert response["statusCode"] == 400
    assert json.loads(response["body"])["error"]


def test_without_a_valid_cookie_nothing_is_read(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("/web/messages", session=None)["statusCode"] == 401
    forged = f"conversation={SESSION}.{'0' * 64}"
    assert call("/web/messages", cookies=[forged])["statusCode"] == 401
    assert capsys.readouterr().out.count('"Refused":[1.0]') == 2


def test_a_table_that_is_gone(table: str) -> None:
    call = website({"TABLE_NAME": "none", "WEB_SESSION_KEY": KEY})
    response = call("/web/messages")
    assert response["statusCode"] == 503
    assert response["headers"]["retry-after"]
    assert call("/")["statusCode"] == 200


def test_without_its_key_the_page_is_off(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = website({"TABLE_NAME": table})
    for path in ("/", "/web/messages", "/assets/chat.js"):
        assert call(path)["statusCode"] == 404
    assert capsys.readouterr().out.count("channel_off") == 1


def test_no_words_in_the_log(
    call: Call, aws: Aws, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(aws, table, 1)
    read(call)
    written = capsys.readouterr().out
    assert "question" not in written
    assert KEY not in written
