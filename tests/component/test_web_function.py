"""The whole web function: the page, its files, and the turns of a visitor's conversation."""

import base64
import gzip
import hmac
import json
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chatbot.adapters.dynamodb.turns import Table
from chatbot.adapters.s3 import Bucket
from chatbot.bootstrap.web import build
from chatbot.channels.text.html import safe_html
from chatbot.channels.web.session import new_session, session_of, set_cookie
from chatbot.core.files import File, StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.limits import READING_CONVERTED
from chatbot.core.markdown import escaped
from chatbot.core.message import Author
from chatbot.core.ports import now_ms
from chatbot.core.settings import Settings
from chatbot.core.turn import Button, Links, Origin, Reply, State, Turn
from chatbot.site import turns
from tests.component.conftest import Aws
from tests.fakes.clock import NOON

KEY = "web-session-key"
FOLDER = Path(__file__).parents[2] / "functions" / "web"
SESSION = new_session()
Call = Callable[..., dict[str, Any]]
_EXPORTED = re.compile(r"^export (?:async )?(?:const|let|class|function) (\w+)", re.MULTILINE)


BROWSER = {"x-forwarded-proto": "https", "accept-encoding": "gzip, deflate, br, zstd"}


class Context:
    aws_request_id = "request"


def website(environ: dict[str, str]) -> Call:
    handler = build(environ, FOLDER)

    def call(path: str, session: str | None = SESSION, method: str = "GET", **more: Any) -> Any:
        cookie = set_cookie(session, KEY, secure=True).partition(";")[0] if session else "other=1"
        event = {
            "rawPath": path,
            "headers": {**BROWSER, **more.pop("headers", {})},
            "cookies": [cookie],
            "requestContext": {"http": {"method": method}},
            **more,
        }
        return handler(event, Context())

    return call


@pytest.fixture
def call(table: str) -> Call:
    return website({"TABLE_NAME": table, "WEB_SESSION_KEY": KEY, "WEB_ACCESS": "open"})


def put(
    aws: Aws,
    table: str,
    number: int,
    session: str = SESSION,
    text: str = "",
    answer: str = "",
    origin: Origin = Origin.MODEL,
    **more: Any,
) -> None:
    reply = more.pop("reply", Reply(answer or f"answer {number}"))
    turn = Turn(
        key=TurnKey.of(f"web:{session}", NOON + number, f"m{number}:message"),
        channel="web",
        author=Author(session),
        text=text or f"question {number}",
        reply=reply,
        state=State.DELIVERED,
        origin=origin,
        **more,
    )
    Table(aws.dynamodb, table, lambda: NOON, 90).put(turn)


def read(call: Call, after: str = "", session: str = SESSION, before: str = "") -> dict[str, Any]:
    query = {"after": after} if after else {"before": before} if before else None
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
    name, _, value = cookie.partition(";")[0].partition("=")
    assert name == "__Host-conversation"
    assert session_of({name: value}, Settings(web_session_key=KEY), now_ms(), secure=True)
    assert "cookies" not in call("/")
    assert (
        "Secure" not in call("/", session=None, headers={"x-forwarded-proto": "http"})["cookies"][0]
    )


def test_new_visitors_from_one_address_are_bounded(table: str) -> None:
    settings = {"TABLE_NAME": table, "WEB_SESSION_KEY": KEY, "WEB_ACCESS": "open"}
    processes = [website({**settings, "WEB_NEW_SESSIONS": "2"}) for _ in range(2)]
    for address, statuses in (("192.0.2.1", [200, 200, 429, 429]), ("192.0.2.2", [200])):
        http = {"http": {"method": "GET", "sourceIp": address}}
        said = [
            processes[number % 2]("/", session=None, requestContext=http)
            for number in range(len(statuses))
        ]
        assert [response["statusCode"] for response in said] == statuses
        assert ["cookies" in response for response in said] == [s == 200 for s in statuses]
    assert processes[0]("/", requestContext=http)["statusCode"] == 200


def test_a_session_is_renewed_by_its_use_and_ends_without_it(call: Call) -> None:
    def used(days: int, path: str) -> dict[str, Any]:
        at = now_ms() - days * 86_400_000
        cookie = set_cookie(SESSION, KEY, secure=True, now=at).partition(";")[0]
        return call(path, cookies=[cookie])

    for path in ("/", "/web/messages"):
        assert "cookies" not in used(0, path)
        [renewed] = used(89, path)["cookies"]
        assert renewed.startswith(f"__Host-conversation={SESSION}.{now_ms() // 86_400_000}.")
    assert used(91, "/web/messages")["statusCode"] == 401
    [new] = used(91, "/")["cookies"]
    assert SESSION not in new


def test_a_cookie_of_earlier_versions_is_taken_and_replaced(call: Call) -> None:
    signature = hmac.digest(KEY.encode(), f"conversation:{SESSION}".encode(), "sha256").hex()
    before = f"conversation={SESSION}.{signature}"
    for path in ("/", "/web/messages"):
        response = call(path, cookies=[before])
        assert response["statusCode"] == 200
        assert response["cookies"][0].startswith(f"__Host-conversation={SESSION}.")


def test_a_forged_cookie_is_replaced(call: Call) -> None:
    response = call("/", cookies=[f"conversation={SESSION}.{'0' * 64}"])
    assert response["cookies"]


def text_of(response: dict[str, Any]) -> str:
    """Return the response's body as a browser decodes it."""
    assert response["isBase64Encoded"]
    assert response["headers"]["content-encoding"] == "gzip"
    return gzip.decompress(base64.b64decode(response["body"])).decode()


def assets_of(call: Call) -> dict[str, str]:
    """Return the paths of files that the page names, by file name."""
    paths = re.findall(r'(?:src|href)="(/assets/[^"]+)"', text_of(call("/")))
    return {re.sub(r"/assets/(\w+)\.\w+", r"\1", path): path for path in paths}


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0, *", "*;q=0"])
def test_a_client_without_gzip_gets_text(call: Call, accepted: str) -> None:
    for path in ("/", assets_of(call)["chat.js"]):
        packed, response = call(path), call(path, headers={"accept-encoding": accepted})
        assert response["body"] == text_of(packed)
        assert not response["isBase64Encoded"]
        assert "content-encoding" not in response["headers"]
        assert response["headers"]["vary"] == packed["headers"]["vary"] == "accept-encoding"


def test_the_page_is_served_under_a_strict_policy(call: Call) -> None:
    for path in ("/", assets_of(call)["chat.js"]):
        headers = call(path)["headers"]
        assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    page = text_of(call("/"))
    assert "style=" not in page
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|//", page)


def test_every_file_that_the_page_names_is_served(call: Call) -> None:
    named = assets_of(call)
    assert set(named) == {"chat.js", "early.js", "favicon.svg", "style.css"}
    types = {call(path)["headers"]["content-type"].partition(";")[0] for path in named.values()}
    assert types == {"image/svg+xml", "text/css", "text/javascript"}


def test_the_modules_are_served_as_one(call: Call) -> None:
    whole = text_of(call(assets_of(call)["chat.js"]))
    assert not re.search(r"^(import|export)\b", whole, re.MULTILINE)
    declared = re.findall(r"^(?:async )?(?:const|let|class|function) (\w+)", whole, re.MULTILINE)
    assert len(declared) == len(set(declared)), "names are shared by all modules"
    for file in (FOLDER / "assets").glob("*.js"):
        exported = _EXPORTED.findall(file.read_text(encoding="utf-8"))
        assert set(exported) <= set(declared)


def test_comments_in_lines_of_their_own_are_not_served(call: Call) -> None:
    for name in ("chat.js", "early.js"):
        served = text_of(call(assets_of(call)[name]))
        assert not re.search(r"^ *(//|/\*\*.*\*/$|\*)", served, re.MULTILINE)
    assert "element.dataset.key = row.key;" in text_of(call(assets_of(call)["chat.js"]))


def test_files_are_kept_for_a_year_under_the_name_of_their_content(call: Call) -> None:
    path = assets_of(call)["chat.js"]
    assert call(path)["headers"]["cache-control"] == "public, max-age=31536000, immutable"
    of_another_deployment = re.sub(r"\.\w+\.js", ".0123456789ab.js", path)
    other = call(of_another_deployment)
    assert other["headers"]["cache-control"] == "no-store"
    assert text_of(other) == text_of(call(path))
    assert call("/")["headers"]["cache-control"] == "no-store"


def test_title_and_colour_are_the_operators(table: str) -> None:
    settings = {"TABLE_NAME": table, "WEB_SESSION_KEY": KEY, "WEB_ACCESS": "open"}
    call = website(settings | {"WEB_TITLE": "Ada <3", "WEB_COLOR": "#ffcc00"})
    assert "<title>Ada &lt;3</title>" in text_of(call("/"))
    assert "--accent: #ffcc00" in text_of(call(assets_of(call)["style.css"]))
    assert "#ffcc00" in text_of(call(assets_of(call)["favicon.svg"]))
    plain = website(settings)
    assert assets_of(plain)["style.css"] != assets_of(call)["style.css"]
    for name, path in assets_of(call).items():
        assert "{{" not in text_of(call(path)), name


def test_the_page_is_light(call: Call) -> None:
    """All of it as transmitted, at most 60 KB."""
    paths = ["/", *assets_of(call).values()]
    assert sum(len(base64.b64decode(call(path)["body"])) for path in paths) < 30_000


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/assets/none.0123456789ab.js",
        "/assets/chat.js",
        "/assets/index.0123456789ab.html",
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
        "buttons": [],
        "made": None,
        "rating": 0,
        "merged_into": "",
        "replaces": "",
        "fresh_start": False,
        "lifted": False,
        "resumed": False,
    }
    assert [turn["id"] for turn in first["turns"]] == ["m1", "m2"]
    assert [turn["id"] for turn in read(call, session=stranger)["turns"]] == ["m3"]


def test_every_answer_is_markdown(call: Call, aws: Aws, table: str) -> None:
    """`/history` has people's words, which are escaped, and the model's, which are not."""
    words, answer = escaped("*b* [c] <d>"), r"*a* \(x_1 + y\), `C:\\_tmp`, \[ a \\ b \]"
    put(aws, table, 1, answer="*a* <b>")
    put(aws, table, 2, answer=f"You: {words}\nI: {answer}", origin=Origin.COMMAND)
    turns = read(call)["turns"]
    assert [turn["html"] for turn in turns] == [
        "<p><em>a</em> &lt;b&gt;</p>\n",
        "<p>You: *b* [c] &lt;d&gt;<br>\n"
        r'I: <em>a</em> <span class="math">\(x_1 + y\)</span>, <code>C:\\_tmp</code>, '
        '<span class="math">\\[ a \\\\ b \\]</span></p>\n',
    ]
    assert turns[1]["answer"] == f"You: {words}\nI: {answer}"


def test_a_cursor_goes_on_where_the_last_answer_ended(call: Call, aws: Aws, table: str) -> None:
    nothing: dict[str, Any] = {
        "turns": [],
        "cursor": "",
        "more": False,
        "earlier": "",
        "draft": None,
        "locked": False,
    }
    assert read(call) == nothing
    put(aws, table, 1)
    cursor = read(call)["cursor"]
    assert read(call, cursor) == nothing | {"cursor": cursor}
    put(aws, table, 2)
    assert [turn["id"] for turn in read(call, cursor)["turns"]] == ["m2"]


def test_back_to_the_beginning(call: Call, aws: Aws, table: str) -> None:
    for number in range(120):
        put(aws, table, number)
    page = read(call)
    seen = page["turns"]
    while page["earlier"]:
        page = read(call, before=page["earlier"])
        seen = page["turns"] + seen
    assert [turn["id"] for turn in seen] == [f"m{number}" for number in range(120)]


def test_what_stands_in_a_turn(call: Call, aws: Aws, table: str) -> None:
    put(aws, table, 1, more="two")
    first = TurnKey.of(f"web:{SESSION}", NOON + 1, "m1:message").sort
    put(aws, table, 2, links=Links(merged_into=first))
    put(aws, table, 3, links=Links(replaces=first), rating=-1)
    reply = Reply(
        "Here.", (Button("Yes", "/yes"),), StoredFile("folder/name.json", "text/json", "a.json")
    )
    put(aws, table, 4, reply=reply, links=Links(fresh_start=True, lifted_by=first, resumed=True))
    _, second, third, fourth = read(call)["turns"]
    assert (second["merged_into"], third["replaces"], third["rating"]) == ("m1", "m1", -1)
    assert fourth["buttons"] == [{"label": "Yes", "payload": "/yes"}]
    assert fourth["made"] == {"url": "/web/files/name.json", "type": "text/json", "title": "a.json"}
    assert (fourth["fresh_start"], fourth["lifted"], fourth["resumed"]) == (True, True, True)


def test_the_answer_as_far_as_it_is_written(call: Call, aws: Aws, table: str) -> None:
    key = TurnKey.of(f"web:{SESSION}", NOON, "m1:message")
    history = Table(aws.dynamodb, table, lambda: time.time_ns() // 1_000_000, 90)
    history.save_draft(key, "Some *emph")
    assert read(call)["draft"] == {"id": "m1", "html": "<p>Some *emph</p>\n"}
    assert read(call, session=new_session())["draft"] is None


def test_the_newest_fifty_and_then_page_by_page(call: Call, aws: Aws, table: str) -> None:
    for number in range(110):
        put(aws, table, number)
    newest = read(call)
    assert [turn["id"] for turn in newest["turns"]] == [f"m{number}" for number in range(60, 110)]
    cursor = f"{NOON:013d}.m0:message"
    second = read(call, cursor)
    assert [turn["id"] for turn in second["turns"]] == [f"m{number}" for number in range(1, 51)]
    assert (second["more"], second["earlier"]) == (True, "")
    assert read(call, second["cursor"])["turns"][0]["id"] == "m51"


LONG = {
    "letters": "x" * 24_000,
    "emoji": "🦊" * 6_000,  # 24 KB in the table and in JSON, once in Markdown and once in HTML
    "quotes": '"' * 24_000,  # 144 KB in HTML
    "more than a response": '"' * 310_000,
}


def backwards(call: Call) -> list[dict[str, Any]]:
    """Read the pages from the newest turns to the first."""
    pages = [read(call)]
    while pages[-1]["earlier"]:
        pages.append(read(call, before=pages[-1]["earlier"]))
    return pages


def forwards(call: Call, cursor: str) -> list[dict[str, Any]]:
    """Read the pages after a cursor as the page's script does."""
    pages = [read(call, cursor)]
    while pages[-1]["more"]:
        pages.append(read(call, pages[-1]["cursor"]))
    return pages


@pytest.mark.parametrize(
    "name",
    [name if name == "letters" else pytest.param(name, marks=pytest.mark.long) for name in LONG],
)
def test_every_turn_is_reached_however_long_they_are(
    call: Call, aws: Aws, table: str, name: str
) -> None:
    """A query returns at most 1 MB: 20 turns of 24 KB, twice. Answers have their HTML."""
    count = 8 if name == "more than a response" else 60
    for number in range(count):
        put(aws, table, number, answer=LONG[name], html=safe_html(LONG[name]))
    older = backwards(call)
    assert [turn["id"] for page in older[::-1] for turn in page["turns"]] == [
        f"m{number}" for number in range(count)
    ]
    first = f"{NOON:013d}.m0:message"
    newer = forwards(call, first)
    assert [turn["id"] for page in newer for turn in page["turns"]] == [
        f"m{number}" for number in range(1, count)
    ]
    assert read(call, newer[-1]["cursor"])["turns"] == []
    for page in (*older, *newer):
        assert len(json.dumps(page, ensure_ascii=False).encode()) < 1_000_000
    assert len(older) <= {"letters": 4, "emoji": 4, "quotes": 15}.get(name, count)


WORST = [
    *(
        "🦊",
        '"',
        "&",
        "\x01",
        "\n",
        "é",
        "|a",
        "`a` ",
        "**🦊** ",
        "- [x] a\n",
        "[a](https://b.cd) ",
    ),
]


@pytest.mark.parametrize("unit", WORST)
@pytest.mark.parametrize("origin", [Origin.MODEL, Origin.COMMAND])
def test_one_reading_never_exceeds_its_bound(
    call: Call, aws: Aws, table: str, unit: str, origin: Origin
) -> None:
    """Not even with a single turn, a draft, and an answer of a version without bounds."""
    answer = unit * (310_000 // len(unit.encode()))
    put(aws, table, 0, text="\x01🦊" * 4_000, answer=answer, origin=origin)
    history = Table(aws.dynamodb, table, now_ms, 90)
    history.save_draft(TurnKey.of(f"web:{SESSION}", NOON + 5, "m5:message"), unit * 60_000)
    body = call("/web/messages")["body"]
    assert len(body.encode()) < 1_000_000
    page = json.loads(body)
    assert len(page["turns"]) == 1
    assert page["draft"]["html"]


def test_answers_without_html_are_converted_until_the_bound(
    call: Call, aws: Aws, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty small tables made each reading of a conversation take longer than it may."""
    cells = "|a|b|\n|-|-|\n" + "|c|d|\n" * 1_000
    for number in range(50):
        put(aws, table, number, answer=cells)
    converted: list[int] = []

    def counted(markdown: str) -> str:
        converted.append(len(markdown))
        return f"<p>{len(markdown)}</p>"

    monkeypatch.setattr(turns, "safe_html", counted)
    older: list[dict[str, Any]] = []
    for page in iter(partial(step, call, older), None):
        older.append(page)
        assert sum(converted) <= READING_CONVERTED
        converted.clear()
    assert sum(len(page["turns"]) for page in older) == 50
    assert len(older) == 6


def step(call: Call, pages: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not pages:
        return read(call)
    return read(call, before=pages[-1]["earlier"]) if pages[-1]["earlier"] else None


def test_html_is_made_once_when_the_answer_is_stored(
    call: Call, aws: Aws, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(aws, table, 0, answer="*a*", html="<p>made</p>")
    put(aws, table, 1, answer="*b*")

    def only_b(markdown: str) -> str:
        assert markdown == "*b*"
        return "<p>now</p>"

    monkeypatch.setattr(turns, "safe_html", only_b)
    assert [turn["html"] for turn in read(call)["turns"]] == ["<p>made</p>", "<p>now</p>"]


def test_new_turns_follow_the_cursor_of_a_page_that_was_cut(
    call: Call, aws: Aws, table: str
) -> None:
    for number in range(60):
        put(aws, table, number, answer="x" * 24_000)
    newest = read(call)
    assert newest["turns"][-1]["id"] == "m59"
    put(aws, table, 60)
    assert [turn["id"] for turn in read(call, newest["cursor"])["turns"]] == ["m60"]


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
    call = website({"TABLE_NAME": "none", "WEB_SESSION_KEY": KEY, "WEB_ACCESS": "open"})
    response = call("/web/messages")
    assert response["statusCode"] == 503
    assert response["headers"]["retry-after"]
    assert call("/")["statusCode"] == 200


def test_without_its_key_the_page_is_off(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    call = website({"TABLE_NAME": table})
    for path in ("/", "/web/messages", "/assets/chat.0123456789ab.js"):
        assert call(path)["statusCode"] == 404
    assert capsys.readouterr().out.count("channel_off") == 1


def test_the_page_can_be_switched_off(table: str) -> None:
    call = website({"TABLE_NAME": table, "WEB_SESSION_KEY": KEY, "WEB_ACCESS": "off"})
    assert call("/")["statusCode"] == call("/web/messages")["statusCode"] == 404


def test_no_words_in_the_log(
    call: Call, aws: Aws, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(aws, table, 1)
    read(call)
    written = capsys.readouterr().out
    assert "question" not in written
    assert KEY not in written


def test_a_file_of_ones_own_is_led_to(aws: Aws, table: str, bucket: Bucket) -> None:
    name = aws.names["FilesBucket"]
    environ = {"TABLE_NAME": table, "WEB_SESSION_KEY": KEY, "FILES_BUCKET": name}
    call = website({**environ, "WEB_ACCESS": "open"})
    key = TurnKey.of(f"web:{SESSION}", NOON, "m1:message")
    bucket.keep(key.file_name("png"), File(b"png", "image/png"))
    path = f"/web/files/{key.file_name('png').rpartition('/')[2]}"
    answer = call(path)
    assert answer["statusCode"] == 302
    assert answer["headers"]["location"].startswith(f"https://{name}.s3.")
    assert answer["headers"]["cache-control"] == "no-store"
    assert call(path, new_session())["statusCode"] == 404
    assert call(path, None)["statusCode"] == 401
    for other in ("..%2Fm.png", "a.png", f"{'0' * 32}.png", f"{'0' * 32}/a.png"):
        assert call(f"/web/files/{other}")["statusCode"] == 404
    assert website(environ)(path)["statusCode"] == 404  # nobody reads while it is locked


def test_pictures_come_from_the_bucket_alone(table: str) -> None:
    origin = "https://bucket.s3.eu-central-1.amazonaws.com"
    environ = {"TABLE_NAME": table, "WEB_SESSION_KEY": KEY, "FILES_ORIGIN": origin}
    policy = website(environ)("/")["headers"]["content-security-policy"]
    assert f"img-src 'self' {origin};" in policy
    assert policy.count("https:") == 1
