"""Judge the page: a conversation is read by cursors, within the bounds of each response."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chatbot.adapters.dynamodb.fitting import fitted
from chatbot.channels.web.inbound import conversation_of
from chatbot.core.completion import Completion
from chatbot.core.key import TurnKey
from chatbot.core.limits import READING_BYTES
from chatbot.core.message import Author
from chatbot.core.turn import Origin, Reply, State, Turn
from chatbot.edge.http import Request
from chatbot.site.turns import PAGE_TURNS, messages
from tests.fakes.history import MemoryHistory
from tests.fuzz.bench import expect
from tests.hostile import answers
from tests.hostile.findings import Findings
from tests.hostile.requests import NOW

SESSION = "A" * 22
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def judge(
    turns: Sequence[Mapping[str, Any]], draft: str, forward: bool, findings: Findings
) -> None:
    """Read a conversation to its end. Raises Broken.

    Each of `turns` has "question", "answer" and "form": "stored" with its HTML, "earlier" without,
    or "plain".
    """
    history = MemoryHistory()
    stored = [_stored(number, each) for number, each in enumerate(turns)]
    for turn in stored:
        history.put(turn)
    if draft:
        answer = Completion(draft, "model").clamped().text
        history.save_draft(TurnKey.of(conversation_of(SESSION), NOW * 2, "new:message"), answer)
    seen: list[Mapping[str, Any]] = []
    query = {"after": f"{NOW - 1:013d}.first"} if forward else {}
    for _ in range(len(turns) + 2):
        page = _read(history, query, findings)
        shown = page["turns"]
        seen = [*seen, *shown] if forward else [*shown, *seen]
        if not (page["more"] if forward else page["earlier"]):
            break
        expect(shown, "a reading goes on")
        query = {"after": page["cursor"]} if forward else {"before": page["earlier"]}
    expect(
        [each["sent_at"] for each in seen] == [turn.key.occurred_at for turn in stored],
        "every turn is read once, in order",
    )
    for turn, each in zip(stored, seen, strict=True):
        _judge_turn(turn, each, findings)


def _stored(number: int, given: Mapping[str, Any]) -> Turn:
    reply = Reply(Completion(given["answer"], "model").clamped().text)
    turn = Turn(
        key=TurnKey.of(conversation_of(SESSION), NOW + number, f"m{number}:message"),
        channel="web",
        author=Author("A"),
        text=given["question"][:50_000],
        reply=replace(reply, plain=given["form"] == "plain"),
        state=State.DELIVERED,
        origin=Origin.MODEL,
    )
    if given["form"] == "stored":
        turn = turn.with_html(answers.channels()[2].html_of(reply))
    return fitted(turn)


def _read(history: MemoryHistory, query: Mapping[str, str], findings: Findings) -> dict[str, Any]:
    request = Request("GET", "/web/messages", query=query)
    begun = time.thread_time()
    response = messages(request, SESSION, history)
    seconds, size = time.thread_time() - begun, len(response.body.encode())
    page: dict[str, Any] = json.loads(response.body)
    findings.measure("seconds of a reading", seconds, f"{size} bytes")
    findings.measure("bytes of a reading", size, f"{len(page['turns'])} turns")
    findings.counts["readings of the page"] += 1
    expect(response.status == 200, f"the page is answered with {response.status}")
    expect(size <= READING_BYTES, f"a reading of {size} bytes")
    expect(len(page["turns"]) <= PAGE_TURNS, "a reading has so many turns at most")
    return page


def _judge_turn(turn: Turn, shown: Mapping[str, Any], findings: Findings) -> None:
    for name in ("text", "answer", "html"):
        found = _CONTROL.search(shown[name])
        expect(not found, f"the page shows {found and found[0]!r}")
    if shown["html"] and len(shown["answer"]) == len(turn.reply.text):
        answers.judge_html(shown["html"], shown["answer"], findings)
