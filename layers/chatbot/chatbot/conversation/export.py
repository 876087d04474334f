"""Convert stored data of a conversation to JSON, for /export and `ops conversation export`.

One turn at a time: a conversation may be larger than the function's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from chatbot.core.printable import printable_json
from chatbot.core.timeline import ConversationProfile
from chatbot.core.turn import Reply, Turn


class Export:
    """A document with a conversation's turns, oldest first, in pieces.

    It ends before it has `most` bytes, and when `goes_on` is False; one turn it has at least.
    Afterwards `turns` is how many it has, and `next` the sort key of the first that it has not,
    None at the end of the conversation.
    """

    def __init__(self, most: int, goes_on: Callable[[], bool]) -> None:
        self.turns = 0
        self.next: str | None = None
        self._left = most
        self._goes_on = goes_on

    def chunks(
        self, conversation: str, profile: ConversationProfile, turns: Iterable[Turn]
    ) -> Iterator[bytes]:
        """Yield the document: `{"conversation": …, "person": …, "turns": […]}`."""
        head = {"conversation": conversation, "person": exported_profile(profile)}
        yield f'{_json(head)[:-2]},\n "turns": ['.encode(errors="replace")
        for turn in turns:
            text = f"{',' if self.turns else ''}\n{_json(exported(turn))}"
            content = text.encode(errors="replace")
            self._left -= len(content)
            if self.turns and (self._left < 0 or not self._goes_on()):
                self.next = turn.key.sort
                break
            self.turns += 1
            yield content
        yield b"\n]}\n"


def _json(value: dict[str, Any]) -> str:
    return printable_json(value, indent=1)


def exported(turn: Turn) -> dict[str, Any]:
    """All stored data of a turn as one flat JSON object.

    The field names stay the same in every version, even where the code has other names today.
    """
    links, usage = turn.links, turn.usage
    return {
        "at": datetime.fromtimestamp(turn.key.occurred_at / 1000, UTC).isoformat(),
        "key": asdict(turn.key),
        "channel": turn.channel,
        "author": asdict(turn.author),
        "text": turn.text,
        "reply": _renamed(turn.reply, file="made"),
        "state": turn.state,
        "origin": turn.origin,
        "claim": None,
        "posted": turn.posted,
        "opened_at": turn.opened_at,
        "quote": turn.quote,
        "fresh_start": links.fresh_start,
        "lifted_by": links.lifted_by,
        "leader": links.merged_into,
        "more": turn.more,
        "resumed": links.resumed,
        "replaces": links.replaces,
        "rating": turn.rating,
        "since": turn.since,
        **asdict(usage),
        **_media(turn),
    }


def exported_profile(profile: ConversationProfile) -> dict[str, Any]:
    """The profile as a JSON object, with the names of its stored attributes."""
    fields = _renamed(profile, asked_to_start="asked")
    if not profile.moved_from:
        del fields["moved_from"]
    return fields


def _media(turn: Turn) -> dict[str, Any]:
    """The pictures that came with the message; no field where there are none."""
    pictures = [{"kind": each.kind, "source": each.source} for each in turn.media]
    return {"media": pictures} if pictures else {}


def _renamed(record: ConversationProfile | Reply, **names: str) -> dict[str, Any]:
    """The record's fields, some of them under other names, without the form of its posts."""
    fields = asdict(record)
    fields.pop("plain", None)
    return {names.get(name, name): field for name, field in fields.items()}
