"""Turns for tests of the conversation table, and a protocol that both it and its double fulfil."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from chatbot.core.files import StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Media
from chatbot.core.ports import History
from chatbot.core.timeline import TurnPage
from chatbot.core.turn import Button, Claim, Links, Origin, Reply, State, Turn, Usage
from tests.fakes.clock import NOON

CONVERSATION = "telegram:42"
DAYS = 90
LARGEST_ITEM = 409_600
"""Bytes of an item, with the names of its attributes (DynamoDB guide, "Item size")."""


class Store(History, Protocol):
    """The ports of the conversation table together, those of the page included."""

    def save_draft(self, key: TurnKey, text: str) -> None: ...

    def draft_of(self, conversation: str) -> tuple[str, str] | None: ...

    def turns_after(self, conversation: str, after: str, limit: int) -> TurnPage: ...

    def turns_before(self, conversation: str, before: str, limit: int) -> TurnPage: ...


def make(number: int = 1, conversation: str = CONVERSATION, **changes: Any) -> Turn:
    turn = Turn(
        key=TurnKey.of(conversation, NOON + number, f"{number:012d}:message"),
        channel="telegram",
        author=Author("7"),
        text=f"question {number}",
        reply=Reply(f"answer {number}"),
        state=State.SENDING,
        origin=Origin.MODEL,
        claim=Claim("mine", NOON + 1000),
        opened_at=NOON,
    )
    return replace(turn, **changes)


FULL = make(
    author=Author("7", "Ada", "en"),
    text="naïve 🎉\u0000 “text”",
    posted=("1", "2"),
    quote="99",
    links=Links(fresh_start=True, lifted_by="turn#1"),
    usage=Usage("a-model", tokens_in=12, tokens_out=34),
)
RICH = make(
    reply=Reply(
        "What now?",
        (Button("Start fresh", "/new fresh"), Button("Früheres", "/new earlier")),
        StoredFile("folder/name.png", "image/png", "a red fox"),
        plain=True,
    ),
    more="and this",
    since="turn#0",
    links=Links(resumed=True, replaces="turn#0"),
    rating=-1,
    usage=Usage(estimate=77),
    media=(Media("photo", "one"), Media("photo", "two")),
    html="<p>What now?</p>",
)
EMPTY = make(
    author=Author(""), text="", reply=Reply(""), claim=None, opened_at=0, state=State.ANSWERED
)
