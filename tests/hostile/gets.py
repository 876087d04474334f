"""Judge GET requests to the page's function: any path, cursor and cookie."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from chatbot.bootstrap import web
from chatbot.channels.web.session import session_of, set_cookie
from chatbot.core.ports import now_ms
from chatbot.core.settings import Settings
from chatbot.edge.http import Handler
from tests.fuzz.bench import expect
from tests.fuzz.cases import PLAIN, SECRETS
from tests.hostile.findings import Findings
from tests.hostile.recorded import ROOT

SESSION = "A" * 22
_KEY = SECRETS["WEB_SESSION_KEY"]
_RIGHT = set_cookie(SESSION, _KEY, secure=True).partition(";")[0]
_FILE = f"/web/files/{'0a' * 16}.png"
_LINK = "https://bucket.example/presigned"
_PATHS = (
    *("/", "/web/messages", "/web/messages", "/web/messages", _FILE, _FILE, "/assets/chat.js"),
    *("/assets/chat.000000000000.js", "/assets/../index.html", "/assets/%2e%2e/app.py", "//", ""),
    *("/web/files/../../etc/passwd", _FILE + "/", _FILE.upper(), _FILE + "\n", "/web/files/"),
    *("/telegram", "/\0", "/\ud83d", "/" + "a" * 9_000, "/web/messages/", "/é", "/assets/" * 500),
)
_CURSORS = (
    *("", "0" * 13 + ".", "9" * 13 + ".a", "1795262400000.x:message", "'", "\0", "\ud83d", "é"),
    *("9" * 10_000, "-1.a", "turn#1", "1795262400000.../..", "１７９５２６２４０００００.a"),
)
_STATUSES = {"/": {200}, "/web/messages": {200, 400, 401}, _FILE: {302, 401}}


def request(rng: random.Random) -> dict[str, Any]:
    """A request as the HTTP API hands it over."""
    at = rng.randrange(len(_RIGHT))
    changed = _RIGHT[:at] + rng.choice("Ax0.é\ud83d") + _RIGHT[at + 1 :]
    name, _, value = _RIGHT.partition("=")
    other = f"{name}={'B' * len(SESSION)}{value[len(SESSION) :]}"
    cookie = rng.choice((_RIGHT, _RIGHT, changed, _RIGHT[:at], _RIGHT * 2, "", other))
    path = rng.choice(_PATHS)
    query = {name: rng.choice(_CURSORS) for name in ("after", "before") if rng.random() < 0.6}
    coding = rng.choice(("", "gzip", "*;q=0", "gzip;q=" + "1" * 5_000, "," * 5_000, "x" * 5_000))
    return {
        "rawPath": path,
        "requestContext": {"http": {"method": rng.choice(("GET", "GET", "GET", "PUT", "X"))}},
        "headers": {"x-forwarded-proto": "https", "accept-encoding": coding, "host": "\u202e"},
        "cookies": [rng.choice(("", "a=b", "=" * 500)), cookie],
        "queryStringParameters": query,
    }


class _Client:
    """In place of every SDK client: an empty table, and a bucket that has every file."""

    def query(self, **asked: Any) -> dict[str, list[object]]:
        low, high = (
            asked["ExpressionAttributeValues"][name]["S"].encode() for name in (":low", ":high")
        )
        expect(low <= high, "DynamoDB refuses a range that ends before it begins")
        expect(max(len(low), len(high)) <= 1024, "DynamoDB refuses a longer sort key")
        return {"Items": []}

    def get_item(self, **_: object) -> dict[str, object]:
        return {"ConsumedCapacity": {}}

    def update_item(self, **_: object) -> dict[str, dict[str, dict[str, str]]]:
        return {"Attributes": {"n": {"N": "1"}}}

    def head_object(self, **_: object) -> dict[str, object]:
        return {}

    def generate_presigned_url(self, *_: object, **__: object) -> str:
        return _LINK


@cache
def handler() -> Handler:
    with pytest.MonkeyPatch.context() as patch:
        session = SimpleNamespace(client=lambda *_, **__: _Client())
        patch.setattr("boto3.DEFAULT_SESSION", session)
        environ = {**SECRETS, **PLAIN, "TABLE_NAME": "table", "FILES_BUCKET": "bucket"}
        return web.build(environ, ROOT / "functions" / "web")


def _statuses(path: str) -> set[int]:
    """What is documented for a path; below /web/files/, the cookie is looked at first."""
    other = {401, 404} if path.startswith("/web/files/") else {200, 404}
    return _STATUSES.get(path, other)


def judge(event: Mapping[str, Any], findings: Findings) -> None:
    """Send a request to the page's function. Raises Broken."""
    with redirect_stdout(io.StringIO()):
        begun = time.thread_time()
        response = handler()(event, SimpleNamespace(aws_request_id="hostile"))
        seconds = time.thread_time() - begun
    status, path = response["statusCode"], event["rawPath"]
    findings.counts[f"page's function {status}"] += 1
    findings.measure("seconds in the page's function", seconds, f"{len(path)} characters")
    json.dumps(response, ensure_ascii=False).encode()  # Lambda could not send halves of characters
    get = event["requestContext"]["http"]["method"] == "GET"
    allowed = _statuses(path) if get else {404}
    expect(status in allowed, f"the page answers {path[:99]!r} with {status}")
    headers = response["headers"]
    expect(headers["x-content-type-options"] == "nosniff", "nothing is guessed from what is sent")
    policy = headers["content-security-policy"]
    expect(policy.startswith("default-src 'none'"), "every response has a policy")
    name, _, value = event["cookies"][1].partition("=")
    settings = Settings(web_session_key=_KEY)
    given = {name.strip(" \t"): value.strip(" \t")}
    ours = session_of(given, settings, now_ms(), secure=True) == SESSION
    known = event["cookies"][1] == _RIGHT
    expect(known == ours, "no other cookie is taken for ours")
    if get and path in ("/web/messages", _FILE):
        expect((status == 401) != known, "only our own cookie is let in")
