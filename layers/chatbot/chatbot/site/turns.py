"""`GET /web/messages` and `GET /web/files/…`: turns and files of the cookie's conversation."""

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
from chatbot.core.markdown import unescaped
from chatbot.core.turn import Origin, Turn
from chatbot.edge.http import Request, Response

PAGE_TURNS = 50
"""Most turns in one response."""

_FILE = re.compile(r"/web/files/([0-9a-f]{32}\.[a-z]{3,5})")
_CURSOR = re.compile(r"(\d{13})\.([A-Za-z0-9_:-]{1,80})")


class TurnReader(Protocol):
    """The conversation table, as the page reads it. Every method may raise HistoryUnavailable."""

    def turns_after(self, conversation: str, after: str, limit: int) -> tuple[Turn, ...]:
        """Return the first `limit` turns whose sort key follows `after`, oldest first.

        For `after` "" these are the newest `limit` turns.
        """

    def turns_before(self, conversation: str, before: str, limit: int) -> tuple[Turn, ...]:
        """Return the newest `limit` turns whose sort key precedes `before`, oldest first."""

    def draft_of(self, conversation: str) -> tuple[str, str] | None:
        """Return event id of the message being answered, and the answer so far, or None."""


class FileLinks(Protocol):
    """The bucket, as the page reads it."""

    def link(self, name: str) -> str | None:
        """Return a presigned URL of the object, or None when there is none.

        Raises FilesUnavailable.
        """


def file(request: Request, key: str, links: FileLinks) -> Response | None:
    """Answer `GET /web/files/{name}` with a redirect to a file of the cookie's own conversation.

    `key` is WEB_SESSION_KEY. Returns None when the conversation has no such file. Raises Forged
    (401), FilesUnavailable.
    """
    session = session_of(request.cookies, key)
    if session is None:
        raise Forged("session")
    match = _FILE.fullmatch(request.path)
    url = match and links.link(f"{folder_of(conversation_of(session))}/{match[1]}")
    return Response(302, headers={"location": url}) if url else None


def messages(request: Request, key: str, reader: TurnReader, locked: bool = False) -> Response:
    """Answer `GET /web/messages` with at most PAGE_TURNS turns, oldest first.

    `key` is WEB_SESSION_KEY. The response is `{"turns", "cursor", "earlier", "draft", "locked"}`. A
    turn's `answer` is Markdown; its `html` is the same as safe HTML. `draft` is the answer being
    written, `{"id", "html"}` or null.

    A cursor is `<sent_at, 13 digits>.<event id>`. `?after=` asks for the turns after a cursor,
    `?before=` for those before it; without either come the newest. `cursor` is to be used as the
    next `after`, `earlier` as the next `before`; it is "" when there are no earlier turns. A turn
    appears once its answer is stored, sorted by `sent_at`: a page that waits for an answer must
    read from before its message. While `locked`, the response has no turns.

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
        # Read before the turns: an answer stored in between then appears twice, rather than never.
        draft = reader.draft_of(conversation)
        turns = reader.turns_after(conversation, start, PAGE_TURNS)
    return Response.of_json(
        {
            "turns": [_turn_json(turn) for turn in turns],
            "cursor": _cursor(turns[-1]) if turns else after,
            "earlier": _cursor(turns[0]) if len(turns) == PAGE_TURNS else "",
            "draft": draft and {"id": _message_id(draft[0]), "html": safe_html(draft[1])},
            "locked": locked,
        }
    )


def _turn_json(turn: Turn) -> Mapping[str, Any]:
    reply = turn.reply
    file_json = reply.file and {
        "url": f"/web/files/{reply.file.name.rpartition('/')[2]}",
        "type": reply.file.type,
        "title": reply.file.title,
    }
    if turn.origin is Origin.MODEL:
        answer, html = reply.text, safe_html(reply.text)
    else:
        answer = unescaped(reply.text)
        html = plain_html(answer)
    return {
        "id": _message_id(turn.key.event_id),
        "sent_at": turn.key.occurred_at,
        "text": turn.text,
        "answer": answer,
        "html": html if answer else "",
        "state": turn.state.value,
        "origin": turn.origin.value,
        "buttons": [asdict(button) for button in reply.buttons],
        "made": file_json,
        "rating": turn.rating,
        "merged_into": _linked_message_id(turn.links.merged_into),
        "replaces": _linked_message_id(turn.links.replaces),
        "fresh_start": turn.links.fresh_start,
        "lifted": bool(turn.links.lifted_by),
        "resumed": turn.links.resumed,
    }


def _linked_message_id(sort: str) -> str:
    """Message id of the turn at this sort key; "" for no turn."""
    return _message_id(TurnKey("", sort).event_id) if sort else ""


def _message_id(event: str) -> str:
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
