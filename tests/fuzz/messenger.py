"""Generate webhook bodies of Messenger from a grammar of its documentation (Webhooks)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.fuzz import words

PAGE = "200000000000002"
APP = "100000000000001"
_NOON = 1_795_262_400_000


def body(rng: random.Random) -> dict[str, Any]:
    """Generate a body, mostly with one or two events, rarely with hundreds."""
    entries = rng.choice((1, 1, 1, 2, 3))
    return {"object": "page", "entry": [_entry(rng) for _ in range(entries)]}


def _entry(rng: random.Random) -> dict[str, Any]:
    events = rng.choice((0, 1, 1, 1, 1, 2, 3, 12)) if rng.random() < 0.998 else 300
    entry: dict[str, Any] = {
        "id": PAGE if rng.random() < 0.95 else "another page",
        "time": _time(rng),
    }
    if events:
        entry["messaging"] = [_event(rng) for _ in range(events)]
    if rng.random() < 0.05:
        entry["standby"] = [_event(rng)]
    if rng.random() < 0.05:
        entry["changes"] = [{"field": "feed", "value": {"item": "status"}}]
    return entry


def _event(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice(_WEIGHTED)
    person = {"id": rng.choice(_PEOPLE)}
    event: dict[str, Any] = {"sender": person, "recipient": {"id": PAGE}, "timestamp": _time(rng)}
    event[kind] = _EVENTS[kind](rng)
    if kind == "message" and event[kind].get("is_echo"):
        event["sender"], event["recipient"] = event["recipient"], event["sender"]
    return event


def _message(rng: random.Random) -> dict[str, Any]:
    message: dict[str, Any] = {"mid": f"m_{rng.randrange(10**6)}"}
    may: dict[str, tuple[float, Callable[[], Any]]] = {
        "text": (0.8, lambda: words.text(rng)),
        "attachments": (0.2, lambda: [_attachment(rng)] * rng.choice((1, 1, 3))),
        "quick_reply": (0.1, lambda: {"payload": words.text(rng)}),
        "reply_to": (0.1, lambda: {"mid": "m_1"}),
        "is_echo": (0.1, lambda: True),
        "app_id": (0.1, lambda: rng.choice((int(APP), 263902037430900))),
        "metadata": (0.1, lambda: rng.choice(("chatbot:m_1:message", "another's", ""))),
        "nlp": (0.05, lambda: {"entities": {}}),
    }
    for name, (share, make) in may.items():
        if rng.random() < share:
            message[name] = make()
    return message


def _attachment(rng: random.Random) -> dict[str, Any]:
    """Generate an attachment of any type; whatever is in it may be missing."""
    payload = {
        "url": rng.choice(("https://cdn.example/x", "", None)),
        "title": words.text(rng),
        "sticker_id": rng.choice((369239263222822, "369239263222822", 7)),
        "coordinates": {"lat": 1.5, "long": rng.choice((2, None))},
        "product": {"elements": [{"title": words.text(rng), "subtitle": "7 €"}] * 2},
    }
    for name in rng.sample(list(payload), rng.randrange(len(payload) + 1)):
        del payload[name]
    attachment: dict[str, Any] = {"type": rng.choice(_ATTACHMENTS)}
    if rng.random() < 0.9:
        attachment["payload"] = payload if rng.random() < 0.9 else None
    if rng.random() < 0.2:
        attachment |= {"title": words.text(rng), "url": "https://a.example"}
    return attachment


def _postback(rng: random.Random) -> dict[str, Any]:
    postback: dict[str, Any] = {
        "title": words.text(rng) if rng.random() < 0.8 else "Start",
        "payload": words.text(rng),
    }
    if rng.random() < 0.7:
        postback["mid"] = f"m_{rng.randrange(10**6)}"
    if rng.random() < 0.2:
        postback["referral"] = {"ref": "x", "source": "SHORTLINK", "type": "OPEN_THREAD"}
    if rng.random() < 0.1:
        del postback["title"]
    return postback


def _time(rng: random.Random) -> int:
    return _NOON - rng.choice((0, 1, 1000, 86_400_000))


_ATTACHMENTS = (
    "image audio video file sticker reel ig_reel post ig_post appointment_booking"
    " fallback share template location like_heart new"
).split()
_PEOPLE = ("6001", "6002", "6003", "1" * 17)
_EVENTS: dict[str, Callable[[random.Random], Any]] = {
    "message": _message,
    "postback": _postback,
    "delivery": lambda rng: {"mids": ["m_1"], "watermark": _NOON},
    "read": lambda rng: {"watermark": _NOON},
    "reaction": lambda rng: {
        "reaction": rng.choice(("love", "like", "dislike")),
        "action": rng.choice(("react", "unreact")),
        "mid": "m_1",
    },
    "referral": lambda rng: {"ref": "x", "source": "SHORTLINK", "type": "OPEN_THREAD"},
    "optin": lambda rng: {"type": "notification_messages", "payload": "x"},
    "message_edit": lambda rng: {"mid": "m_1", "text": words.text(rng), "num_edit": 1},
    "account_linking": lambda rng: {"status": "linked", "authorization_code": "x"},
    "policy_enforcement": lambda rng: {"action": "warning", "reason": "x"},
    "pass_thread_control": lambda rng: {"new_owner_app_id": APP, "metadata": "x"},
    "take_thread_control": lambda rng: {"previous_owner_app_id": APP, "metadata": "x"},
    "request_thread_control": lambda rng: {"requested_owner_app_id": APP, "metadata": "x"},
    "app_roles": lambda rng: {APP: ["primary_receiver"]},
    "novelty": lambda rng: {"mid": "m_1"},
}
_WEIGHTED = (*_EVENTS, *["message"] * 14, *["postback"] * 4)
