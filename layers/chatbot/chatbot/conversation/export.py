"""Convert stored data of a conversation to JSON, for /export and `ops conversation export`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from chatbot.core.timeline import ConversationProfile
from chatbot.core.turn import Reply, Turn


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
