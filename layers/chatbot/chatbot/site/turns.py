"""`GET /web/messages` and `GET /web/files/…`: turns and files of the cookie's conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

from chatbot.channels.text.html import plain_html, safe_html
from chatbot.channels.web.inbound import conversation_of, event_id_of
from chatbot.core.errors import Forged, Unreadable
from chatbot.core.key import TURN_PREFIX, TurnKey, folder_of
from chatbot.core.limits import (
    DRAFT_FORMATTED,
    LONGEST_ANSWER,
    READING_BYTES,
    READING_CONVERTED,
)
from chatbot.core.markdown import shortened
from chatbot.core.timeline import TurnPage
from chatbot.core.turn import LONGEST_TEXT, Turn
from chatbot.edge.http import Request, Response

PAGE_TURNS = 50
"""Most turns in one response."""
LONGEST_CONVERTED = LONGEST_ANSWER + 2_000
"""Characters of an answer, and of the sentences beside it, up to which it is formatted.

A longer one was stored by an earlier version. It is shown as it is written, and only its beginning
where it would not fit into a response otherwise.
"""

# Control characters show nothing, and each takes six bytes of JSON.
_CONTROLS = {code: "\ufffd" for code in (*range(32), 127) if chr(code) not in "\t\n\r"}
_MOST_DRAFT = 75_000  # bytes of JSON that a draft of DRAFT_FORMATTED characters may take
_MOST_AROUND = _MOST_DRAFT + 5_000  # and cursors and names
_FILE = re.compile(r"/web/files/([0-9a-f]{32}\.[a-z]{3,5})")
_CURSOR = re.compile(r"(\d{13})\.([A-Za-z0-9_:-]{1,80})")


class TurnReader(Protocol):
    """The conversation table, as the page reads it. Every method may raise HistoryUnavailable."""

    def turns_after(self, conversation: str, after: str, limit: int) -> TurnPage:
        """Return the first turns whose sort key follows `after`, at most `limit`.

        For `after` "" these are the newest turns, and `more` is about those before them.
        """

    def turns_before(self, conversation: str, before: str, limit: int) -> TurnPage:
        """Return the newest turns whose sort key precedes `before`, at most `limit`."""

    def draft_of(self, conversation: str) -> tuple[str, str] | None:
        """Return event id of the message being answered, and the answer so far, or None."""


class FileLinks(Protocol):
    """The bucket, as the page reads it."""

    def link(self, name: str) -> str | None:
        """Return a presigned URL of the object, or None when there is none.

        Raises FilesUnavailable.
        """


def file(request: Request, session: str | None, links: FileLinks) -> Response | None:
    """Answer `GET /web/files/{name}` with a redirect to a file of the cookie's own conversation.

    `session` is the cookie's. Returns None when the conversation has no such file. Raises Forged
    (401), FilesUnavailable.
    """
    if session is None:
        raise Forged("session")
    match = _FILE.fullmatch(request.path)
    url = match and links.link(f"{folder_of(conversation_of(session))}/{match[1]}")
    return Response(302, headers={"location": url}) if url else None


def messages(
    request: Request, session: str | None, reader: TurnReader, locked: bool = False
) -> Response:
    """Answer `GET /web/messages` with at most PAGE_TURNS turns, oldest first, and READING_BYTES.

    `session` is the cookie's. The response is `{"turns", "cursor", "more", "earlier", "draft",
    "locked"}`. A turn's `answer` is Markdown; its `html` is the same as safe HTML. `draft` is the
    answer being written, `{"id", "html"}` or null.

    A cursor is `<sent_at, 13 digits>.<event id>`. `?after=` asks for the turns after a cursor,
    `?before=` for those before it; without either come the newest. `cursor` is to be used as the
    next `after`, at once while `more` is true. `earlier` is to be used as the next `before`; it is
    "" when there are no earlier turns, and in answers to `?after=`. A turn appears once its answer
    is stored, sorted by `sent_at`: a page that waits for an answer must read from before its
    message. While `locked`, the response has no turns.

    Raises Forged (401), Unreadable (400), HistoryUnavailable.
    """
    if session is None:
        raise Forged("session")
    after, before = request.query.get("after", ""), request.query.get("before", "")
    start, end = _sort_key(after), _sort_key(before)
    conversation, page = conversation_of(session), TurnPage()
    draft = None
    if not locked and before:
        page = reader.turns_before(conversation, end, PAGE_TURNS)
    elif not locked:
        # Read before the turns: an answer stored in between then appears twice, rather than never.
        draft = reader.draft_of(conversation)
        page = reader.turns_after(conversation, start, PAGE_TURNS)
    forward = bool(after) and not before
    turns, shown, left = _within_bytes(page.turns if forward else page.turns[::-1])
    more = page.more or len(turns) < len(page.turns)
    oldest_first = slice(None, None, 1 if forward else -1)
    turns, shown = turns[oldest_first], shown[oldest_first]
    return Response.of_json(
        {
            "turns": shown,
            "cursor": _cursor(turns[-1]) if turns else after,
            "more": more and forward,
            "earlier": _cursor(turns[0]) if turns and more and not forward else "",
            "draft": draft and {"id": _message_id(draft[0]), "html": _draft_html(draft[1], left)},
            "locked": locked,
        }
    )


def _within_bytes(turns: Sequence[Turn]) -> tuple[list[Turn], list[Mapping[str, Any]], int]:
    """Convert the first of `turns` to JSON objects, at least one, until a bound is reached.

    The bounds are READING_BYTES, and READING_CONVERTED for answers without stored HTML. One turn
    never exceeds them. Also returns how many bytes are left for the draft.
    """
    shown: list[Mapping[str, Any]] = []
    left, to_convert = READING_BYTES - _MOST_AROUND, READING_CONVERTED
    for turn in turns:
        if _is_converted(turn):
            to_convert -= len(turn.reply.text)
        if to_convert < 0 and shown:
            break
        item = _turn_json(turn)
        size = _json_size(item)
        if size > left and not shown:  # of an earlier version
            item = _turn_json(_with_beginning(turn))
            size = _json_size(item)
        elif size > left:
            break
        left -= size
        shown.append(item)
    return list(turns[: len(shown)]), shown, left + _MOST_DRAFT


def _json_size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _is_converted(turn: Turn) -> bool:
    """Whether the page shows formatted HTML of the answer, and none is stored."""
    reply = turn.reply
    return not (turn.html or reply.plain or len(reply.text) > LONGEST_CONVERTED)


def _with_beginning(turn: Turn) -> Turn:
    """The turn with the beginning of its answer, as it is written."""
    text = shortened(turn.reply.text, LONGEST_CONVERTED)
    return replace(turn, html="", reply=replace(turn.reply, text=text, plain=True))


def _draft_html(draft: str, room: int) -> str:
    """The unfinished answer as HTML, a long one as it is written; its end where it has no room."""
    if len(draft) <= DRAFT_FORMATTED:
        return safe_html(draft)
    html = plain_html(draft)
    return html if _json_size(html) <= room else plain_html(f"… {draft[-DRAFT_FORMATTED:]}")


def _turn_json(turn: Turn) -> Mapping[str, Any]:
    reply = turn.reply
    file_json = reply.file and {
        "url": f"/web/files/{reply.file.name.rpartition('/')[2]}",
        "type": reply.file.type,
        "title": reply.file.title,
    }
    convert = safe_html if _is_converted(turn) else plain_html
    html = turn.html or convert(reply.text)
    text, answer, html = (
        each.translate(_CONTROLS) for each in (turn.text[:LONGEST_TEXT], reply.text, html)
    )
    return {
        "id": _message_id(turn.key.event_id),
        "sent_at": turn.key.occurred_at,
        "text": text,
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
