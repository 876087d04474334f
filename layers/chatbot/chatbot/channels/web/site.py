"""The web page: its files, its cookie, and the turns of its own conversation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from chatbot.channels.web.formatting import plain_html, safe_html
from chatbot.channels.web.inbound import conversation_of, event_id_of
from chatbot.channels.web.session import new_session, session_of, set_cookie
from chatbot.errors import Forged, Unreadable
from chatbot.http import Request, Response
from chatbot.messages import TURN_PREFIX, Origin, Turn

PAGE_TURNS = 50
ASSET_SECONDS = 300

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_CURSOR = re.compile(r"(\d{13})\.([A-Za-z0-9_:-]{1,80})")
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class TurnReader(Protocol):
    def turns_after(self, conversation: str, after: str, limit: int) -> tuple[Turn, ...]:
        """Turns whose sort key follows `after`, oldest first; the newest `limit` when it is ""."""


class Website:
    """Serves `index.html` and the files in `assets/` of `folder`, read once."""

    def __init__(self, folder: Path) -> None:
        self._page = (folder / "index.html").read_text(encoding="utf-8")
        self._assets = {
            f"/assets/{file.name}": _asset(file) for file in sorted((folder / "assets").iterdir())
        }

    def page(self, request: Request, key: str) -> Response:
        """The page; it brings a new conversation where the browser shows no valid cookie."""
        headers = {**_HEADERS, "content-type": _MEDIA_TYPES[".html"], "cache-control": "no-store"}
        if session_of(request.cookies, key) is None:
            secure = request.scheme == "https"
            headers["set-cookie"] = set_cookie(new_session(), key, secure=secure)
        return Response(200, self._page, headers)

    def asset(self, request: Request) -> Response | None:
        """None when there is no such file."""
        found = self._assets.get(request.path)
        if found is None:
            return None
        if request.headers.get("if-none-match") == found.headers["etag"]:
            return Response(304, "", found.headers)
        return found


def _asset(file: Path) -> Response:
    text = file.read_text(encoding="utf-8")
    headers = {
        **_HEADERS,
        "content-type": _MEDIA_TYPES[file.suffix],
        "cache-control": f"public, max-age={ASSET_SECONDS}",
        "etag": f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"',
    }
    return Response(200, text, headers)


def messages(request: Request, key: str, reader: TurnReader) -> Response:
    """`{"turns", "cursor"}` of the cookie's conversation, oldest first, at most PAGE_TURNS.

    A turn's `html` is its answer, safe to be shown as it is; `answer` is the Markdown.

    `?after=` takes a cursor of an earlier answer; without it the newest turns come. A turn is
    there as soon as its answer is stored, in its place by `sent_at`: a page that awaits an answer
    goes on reading from the cursor it had before it sent the message.
    Raises Forged (401), Unreadable (400), HistoryUnavailable.
    """
    session = session_of(request.cookies, key)
    if session is None:
        raise Forged("session")
    after = request.query.get("after", "")
    turns = reader.turns_after(conversation_of(session), _sort_key(after), PAGE_TURNS)
    cursor = _cursor(turns[-1]) if turns else after
    return Response.of_json(
        {"turns": [_shown(turn) for turn in turns], "cursor": cursor},
        headers={**_HEADERS, "cache-control": "no-store"},
    )


def _shown(turn: Turn) -> Mapping[str, Any]:
    answer = turn.reply.text
    return {
        "id": turn.key.event_id.removesuffix(event_id_of("")),
        "sent_at": turn.key.occurred_at,
        "text": turn.text,
        "answer": answer,
        "html": safe_html(answer) if turn.origin is Origin.MODEL else plain_html(answer),
        "state": turn.state.value,
        "origin": turn.origin.value,
    }


def _cursor(turn: Turn) -> str:
    return f"{turn.key.occurred_at:013d}.{turn.key.event_id}"


def _sort_key(cursor: str) -> str:
    if not cursor:
        return ""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise Unreadable("after is not a cursor of ours")
    return f"{TURN_PREFIX}{match[1]}#{match[2]}"
