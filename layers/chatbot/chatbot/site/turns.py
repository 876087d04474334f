"""`GET /web/messages`: the turns of the cookie's own conversation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

from chatbot.channels.text.html import plain_html, safe_html
from chatbot.channels.web.inbound import conversation_of, event_id_of
from chatbot.channels.web.session import session_of
from chatbot.core.errors import Forged, Unreadable
from chatbot.core.key import TURN_PREFIX, TurnKey, folder_of
from chatbot.core.turn import Origin, Turn
from chatbot.edge.http import Request, Response

PAGE_TURNS = 50

_FILE = re.compile(r"/web/files/([0-9a-f]{32}\.[a-z]{3,5})")
_CURSOR = re.compile(r"(\d{13})\.([A-Za-z0-9_:-]{1,80})")


class TurnReader(Protocol):
    def turns_after(self, conversation: str, after: str, limit: int) -> tuple[Turn, ...]:
        """Turns whose sort key follows `after`, oldest first; the newest `limit` when it is ""."""

    def turns_before(self, conversation: str, before: str, limit: int) -> tuple[Turn, ...]:
        """The newest `limit` turns whose sort key comes before `before`, oldest first."""

    def draft_of(self, conversation: str) -> tuple[str, str] | None:
        """Event id of the message that is being answered, and what is written so far."""


class FileLinks(Protocol):
    def link(self, name: str) -> str | None:
        """A short-lived address of what is in the bucket; None when nothing is."""


def file(request: Request, key: str, links: FileLinks) -> Response | None:
    """`GET /web/files/{name}` leads to a file of the cookie's own conversation, and to no other.

    None when there is no such file. Raises Forged (401), FilesUnavailable.
    """
    session = session_of(request.cookies, key)
    if session is None:
        raise Forged("session")
    match = _FILE.fullmatch(request.path)
    url = match and links.link(f"{folder_of(conversation_of(session))}/{match[1]}")
    return Response(302, headers={"location": url}) if url else None


def messages(request: Request, key: str, reader: TurnReader, locked: bool = False) -> Response:
    """`{"turns", "cursor", "earlier", "draft", "locked"}`, oldest first, at most PAGE_TURNS.

    A turn's `html` is its answer, safe to be shown as it is; `answer` is the Markdown.

    `?after=` takes a cursor, `<sent_at, 13 digits>.<id>`: turns come from there on; `?before=`
    those before it; without either the newest. `earlier` is the cursor to read back from, "" at
    the beginning. A turn is there as soon as its answer is stored, in its place by `sent_at`: a
    page that awaits an answer reads from before its message. Nobody reads while `locked`.
    Raises Forged (401), Unreadable (400), HistoryUnavailable.
    """
    session = session_of(request.cookies, key)
    if session is None:
        raise Forged("session")
    after, before = request.query.get("after", ""), request.query.get("before", "")
    start, end = _sort_key(after), _sort_key(before)
    conversation, turns = conversation_of(session), tuple[Turn, ...]()
    draft = None
    if not locked and before:
        turns = reader.turns_before(conversation, end, PAGE_TURNS)
    elif not locked:
        # Before the turns: an answer that is stored in between is better seen twice than never.
        draft = reader.draft_of(conversation)
        turns = reader.turns_after(conversation, start, PAGE_TURNS)
    return Response.of_json(
        {
            "turns": [_shown(turn) for turn in turns],
            "cursor": _cursor(turns[-1]) if turns else after,
            "earlier": _cursor(turns[0]) if len(turns) == PAGE_TURNS else "",
            "draft": draft and {"id": _id(draft[0]), "html": safe_html(draft[1])},
            "locked": locked,
        }
    )


def _shown(turn: Turn) -> Mapping[str, Any]:
    reply = turn.reply
    made = reply.file and {
        "url": f"/web/files/{reply.file.name.rpartition('/')[2]}",
        "type": reply.file.type,
        "title": reply.file.title,
    }
    formatted = safe_html if turn.origin is Origin.MODEL else plain_html
    return {
        "id": _id(turn.key.event_id),
        "sent_at": turn.key.occurred_at,
        "text": turn.text,
        "answer": reply.text,
        "html": formatted(reply.text) if reply.text else "",
        "state": turn.state.value,
        "origin": turn.origin.value,
        "buttons": [asdict(button) for button in reply.buttons],
        "made": made,
        "rating": turn.rating,
        "merged_into": _id_of(turn.links.merged_into),
        "replaces": _id_of(turn.links.replaces),
        "fresh_start": turn.links.fresh_start,
        "lifted": bool(turn.links.lifted_by),
        "resumed": turn.links.resumed,
    }


def _id_of(sort: str) -> str:
    """Of the turn at this sort key, "" for none."""
    return _id(TurnKey("", sort).event_id) if sort else ""


def _id(event: str) -> str:
    return event.removesuffix(event_id_of(""))


def _cursor(turn: Turn) -> str:
    return f"{turn.key.occurred_at:013d}.{turn.key.event_id}"


def _sort_key(cursor: str) -> str:
    if not cursor:
        return ""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise Unreadable("not a cursor of ours")
    return f"{TURN_PREFIX}{match[1]}#{match[2]}"
