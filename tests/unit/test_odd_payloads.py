"""A missing or odd part of an event never costs its message: only who, where and when are needed.

Each event of tests/payloads/ and each sample in events/ is changed in one part at any depth.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.core.message import Envelope
from chatbot.core.work import Done
from tests import oddities
from tests.fakes.clock import NOON
from tests.inbox import PAGE, Inbox

ROOT = Path(__file__).parents[2]
EXAMPLES = 400
SENDER = "6001"
NEEDED: tuple[oddities.Path, ...] = (
    ("sender",),
    ("sender", "id"),
    ("message",),
    ("message", "mid"),
    ("postback",),
    ("reaction",),
    ("reaction", "mid"),
    ("message_edit",),
    ("message_edit", "mid"),
)
"""Who wrote, and what makes the key of the event."""
DECIDING: tuple[oddities.Path, ...] = (
    *NEEDED,
    ("recipient",),
    ("recipient", "id"),
    ("message", "is_echo"),
    ("reaction", "reaction"),
    ("reaction", "action"),
)
"""By these the webhook decides whether an event is to be answered at all."""


def _events() -> list[dict[str, Any]]:
    published = json.loads((ROOT / "tests/payloads/messenger.json").read_text(encoding="utf-8"))
    events = [each["event"] for each in published]
    for sample in sorted((ROOT / "events/messenger").glob("*.json")):
        body = json.loads(json.loads(sample.read_text(encoding="utf-8")).get("body") or "{}")
        events += [event for entry in body.get("entry", ()) for event in entry.get("messaging", ())]
    return events


def _envelopes() -> list[Envelope]:
    bodies = [{"object": "page", "entry": [_entry(event)]} for event in _events()]
    return [envelope for body in bodies for envelope in Inbox({}).receive(body).envelopes]


def _entry(event: Any) -> dict[str, Any]:
    return {"id": PAGE, "time": NOON, "messaging": [event]}


def _web_envelopes() -> list[Envelope]:
    payload = {"text": "Hello", "id": "m1", "sent_at": NOON, "language": "de"}
    rating = {"id": "m1", "sent_at": NOON, "rating": 1}
    return [
        Envelope("web", "web:abc", "m1:message", NOON, payload),
        Envelope("web", "web:abc", f"m1:{NOON}:rating", NOON, rating),
    ]


ENVELOPES = [*_envelopes(), *_web_envelopes()]


@st.composite
def odd_envelopes(draw: st.DrawFn) -> Envelope:
    envelope = draw(st.sampled_from(ENVELOPES))
    payload: Any = envelope.payload
    for _ in range(draw(st.integers(1, 3))):
        paths = list(oddities.parts(payload))
        if paths:
            path = draw(st.sampled_from(paths))
            payload = oddities.changed(payload, path, draw(st.sampled_from(oddities.VALUES)))
    return replace(envelope, payload=payload)


@pytest.mark.long
@given(odd_envelopes())
@settings(max_examples=EXAMPLES)
def test_the_worker_answers_whatever_is_missing(envelope: Envelope) -> None:
    inbox = Inbox({})
    assert inbox.handle(envelope) == Done(), inbox.journal.warnings
    silent = envelope.event_id.endswith((":reaction", ":rating", ":echo", ":edit"))
    turn = inbox.history.find(envelope.key)
    if not silent:
        assert turn is not None
        assert turn.reply.text.strip()
    if envelope.channel == "messenger":
        assert bool(inbox.posted) == (not silent)


@st.composite
def odd_events(draw: st.DrawFn) -> tuple[Any, oddities.Path, Any]:
    event = draw(st.sampled_from(_EVENTS))
    path = draw(st.sampled_from(list(oddities.parts(event))))
    return event, path, draw(st.sampled_from(oddities.VALUES))


_EVENTS = _events()


@pytest.mark.long
@given(odd_events())
@settings(max_examples=EXAMPLES)
def test_the_webhook_queues_whatever_it_can_key(case: tuple[Any, oddities.Path, Any]) -> None:
    event, path, value = case
    before = Inbox({}).receive({"object": "page", "entry": [_entry(event)]})
    odd = oddities.changed(event, path, value)
    after = Inbox({}).receive({"object": "page", "entry": [_entry(odd)]})
    assert len([*after.envelopes, *after.stops, *after.ignored]) == 1
    staff = any(envelope.event_id.endswith(":echo") for envelope in before.envelopes)
    if path not in DECIDING and before.envelopes and not staff:
        assert len([*after.envelopes, *after.stops]) == 1, after.ignored
    for envelope in after.envelopes:
        assert Envelope.from_json(envelope.to_json()) == envelope
        assert Inbox({}).handle(envelope) == Done()


@st.composite
def odd_bodies(draw: st.DrawFn) -> Any:
    events = draw(st.lists(st.sampled_from(_EVENTS), min_size=1, max_size=3))
    body: Any = {"object": "page", "entry": [_entry(event) for event in events]}
    paths = [path for path in oddities.parts(body) if len(path) < 4 and path[0] == "entry"]
    path = draw(st.sampled_from([path for path in paths if len(path) > 1]))
    return oddities.changed(body, path, draw(st.sampled_from(oddities.VALUES)))


@given(odd_bodies())
@settings(max_examples=EXAMPLES // 4)
def test_an_odd_entry_never_fails_the_webhook(body: Any) -> None:
    Inbox({}).receive(body)
