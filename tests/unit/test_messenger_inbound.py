"""Which events are authentic and need an answer, and how they are read."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from chatbot.channels.messenger.inbound import MessengerInbound, read
from chatbot.core.errors import Forged, Malformed, Unreadable
from chatbot.core.message import Author, Envelope, Kind, Message, Stop
from chatbot.core.settings import Settings
from chatbot.edge.http import Received, Request
from tests.fakes.clock import NOON, FakeClock

SECRET, PAGE, APP = "an app secret", "2000", "1000"
SETTINGS = Settings(
    messenger_app_secret=SECRET,
    messenger_verify_token="a-word",
    messenger_app_id=APP,
    messenger_page_id=PAGE,
)


def event(sender: str = "77", to: str = PAGE, at: int = NOON, **kind: Any) -> dict[str, Any]:
    return {"sender": {"id": sender}, "recipient": {"id": to}, "timestamp": at, **kind}


def text(words: str = "hi", mid: str = "m1", at: int = NOON, **fields: Any) -> dict[str, Any]:
    return event(at=at, message={"mid": mid, "text": words, **fields})


def entry(*events: Any, page: str = PAGE, key: str = "messaging") -> dict[str, Any]:
    return {"id": page, "time": NOON, key: list(events)}


def body(*entries: Any) -> bytes:
    return json.dumps({"object": "page", "entry": list(entries)}).encode()


def signature(raw: bytes, secret: str = SECRET, algorithm: str = "sha256") -> str:
    return f"{algorithm}={hmac.new(secret.encode(), raw, algorithm).hexdigest()}"


def post(
    raw: bytes, settings: Settings = SETTINGS, headers: dict[str, str] | None = None
) -> Received:
    given = headers or {"x-hub-signature-256": signature(raw)}
    return MessengerInbound(settings, FakeClock()).receive(
        Request("POST", "/messenger", given, body=raw)
    )


def read_back(**kind: Any) -> Message:
    """Return a single event's message, after it went through the queue."""
    [envelope] = post(body(entry(event(**kind)))).envelopes
    return read(Envelope.from_json(envelope.to_json()))


def handshake(**query: str) -> Received:
    named = {f"hub.{name}": value for name, value in query.items()}
    return MessengerInbound(SETTINGS).receive(Request("GET", "/messenger", query=named))


def test_the_handshake_returns_the_challenge_as_plain_text() -> None:
    response = handshake(mode="subscribe", verify_token="a-word", challenge="<b>1158").response
    assert response is not None
    assert (response.status, response.body) == (200, "<b>1158")
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"mode": "subscribe", "verify_token": "another", "challenge": "1"},
        {"mode": "subscribe", "verify_token": "ä", "challenge": "1"},
        {"mode": "unsubscribe", "verify_token": "a-word", "challenge": "1"},
        {"verify_token": "a-word", "challenge": "1"},
    ],
)
def test_any_other_handshake_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Forged) as refused:
        handshake(**query)
    assert refused.value.status == 403


def test_no_verify_token_set_shakes_no_hand() -> None:
    request = Request("GET", "/messenger", query={"hub.mode": "subscribe", "hub.verify_token": ""})
    with pytest.raises(Forged):
        MessengerInbound(Settings()).receive(request)


RAW = body(entry(text()))


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/json"},
        {"x-hub-signature": signature(RAW, algorithm="sha1")},
        {"x-hub-signature-256": signature(RAW, algorithm="sha1")},
        {"x-hub-signature-256": signature(RAW).removeprefix("sha256=")},
        {"x-hub-signature-256": signature(RAW, secret="another")},
        {"x-hub-signature-256": signature(RAW + b" ")},
        {"x-hub-signature-256": signature(RAW)[:-1]},
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": "sha256=ü"},
        {"x-hub-signature-256": ""},
    ],
    ids=str,
)
def test_only_a_sha256_signature_of_these_bytes_counts(headers: dict[str, str]) -> None:
    with pytest.raises(Forged) as refused:
        post(RAW, headers=headers)
    assert refused.value.status == 401


def test_one_changed_byte_is_a_forgery() -> None:
    with pytest.raises(Forged):
        post(RAW.replace(b"hi", b"ha"), headers={"x-hub-signature-256": signature(RAW)})


def test_no_app_secret_set_verifies_nothing() -> None:
    with pytest.raises(Forged):
        post(RAW, Settings(), {"x-hub-signature-256": signature(RAW, secret="")})


def test_the_signature_is_of_the_bytes_and_not_of_what_they_say() -> None:
    raw = '{ "object":"page",\n"entry":[] , "x":"\\u00fc ü"}'.encode()
    encoded = {
        "requestContext": {"http": {"method": "POST"}},
        "rawPath": "/messenger",
        "headers": {"X-Hub-Signature-256": signature(raw)},
        "body": base64.b64encode(raw).decode(),
        "isBase64Encoded": True,
    }
    assert (
        MessengerInbound(SETTINGS, FakeClock()).receive(Request.from_event(encoded)) == Received()
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b'{"object":"instagram","entry":[]}',
        b'{"object":"page","entry":{}}',
    ],
)
def test_other_bodies_are_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        post(raw)


def test_an_event_travels_untouched() -> None:
    said = text("Grüße 👋", field_of_tomorrow=[None])
    assert post(body(entry(said))).envelopes == (
        Envelope("messenger", "messenger:77", "m1:message", NOON, said),
    )


def test_every_event_of_every_entry_in_the_order_of_their_time() -> None:
    received = post(
        body(
            entry(text(mid="c", at=NOON + 3), text(mid="a", at=NOON + 1)),
            entry(event(delivery={}), *(text(mid=mid, at=NOON + 2) for mid in ("b1", "b2"))),
        )
    )
    ids = [envelope.event_id for envelope in received.envelopes]
    assert ids == ["a:message", "b1:message", "b2:message", "c:message"]
    assert received.ignored == ("delivery",)


def test_a_thousand_events_in_a_body() -> None:
    received = post(body(entry(*(text(mid=str(at), at=NOON + at) for at in range(1000)))))
    assert len(received.envelopes) == 1000


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "hi",
        {**text(), "sender": None},
        {**text(), "sender": "77"},
        {**text(), "sender": {"id": ""}},
        {**text(), "sender": {"id": True}},
        event(message=["hi"]),
        event(postback="hi"),
        event(message={"mid": "m1", "text": "hi", "is_echo": "yes"}),
    ],
    ids=str,
)
def test_one_bad_event_does_not_cost_the_others(bad: Any) -> None:
    received = post(body(entry(text(mid="before"), bad, text(mid="after"))))
    assert [envelope.event_id for envelope in received.envelopes] == [
        "before:message",
        "after:message",
    ]
    assert received.ignored == ("unreadable",)


@pytest.mark.parametrize("mid", [{}, {"mid": ""}, {"mid": ["m1"]}], ids=str)
def test_a_message_without_an_id_is_known_by_what_it_is(mid: dict[str, Any]) -> None:
    said = event(message={"text": "no mid", **mid})
    first, again = (post(body(entry(said))).envelopes for _ in range(2))
    assert first == again
    other = event(message={"text": "another", **mid})
    ids = {envelope.event_id for envelope in (*first, *post(body(entry(other))).envelopes)}
    assert len(ids) == 2


@pytest.mark.parametrize("field", ["postback", "message_edit", "reaction", "delivery", "read"])
@pytest.mark.parametrize("value", ["x", [], 5, None], ids=str)
def test_an_odd_part_beside_a_message_does_not_cost_it(field: str, value: object) -> None:
    received = post(body(entry({**text(mid="m1"), field: value})))
    assert [envelope.event_id for envelope in received.envelopes] == ["m1:message"]


@pytest.mark.parametrize("field", ["standby", "changes"])
@pytest.mark.parametrize("value", ["x", {}, 5], ids=str)
def test_an_odd_part_of_an_entry_does_not_cost_its_messages(field: str, value: object) -> None:
    received = post(body({**entry(text(mid="m1")), field: value}))
    assert [envelope.event_id for envelope in received.envelopes] == ["m1:message"]


def test_an_edit_to_a_wish_to_stop_stops() -> None:
    edit = {"mid": "m1", "text": "/stop", "num_edit": 1}
    received = post(body(entry(event(message_edit=edit))))
    assert (received.envelopes, len(received.stops)) == ((), 1)


@pytest.mark.parametrize(
    "bad", [None, [], {}, {"id": [], "messaging": []}, {"id": PAGE, "messaging": {}}], ids=str
)
def test_one_bad_entry_does_not_cost_the_others(bad: Any) -> None:
    received = post(body(bad, entry(text())))
    assert (len(received.envelopes), received.ignored) == (1, ("unreadable",))


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        (entry(event(delivery={})), ("delivery",)),
        (entry(event(read={})), ("read",)),
        (entry(event(reaction={"mid": "m_1", "reaction": "love"})), ("reaction",)),
        (entry(event(optin={})), ("optin",)),
        (entry(event(referral={})), ("referral",)),
        (entry(event(message_edit={})), ("unreadable",)),
        (entry(event(PAGE, "77", message_edit={"mid": "m1"})), ("message_edit",)),
        (entry(event(kind_of_tomorrow={})), ("unknown_kind",)),
        (entry({}), ("unknown_kind",)),
        (entry({"delivery": {"watermark": NOON}}), ("delivery",)),
        (entry(text(), text(), key="standby"), ("standby", "standby")),
        (entry({"field": "feed"}, key="changes"), ("changes",)),
        (entry(text(), page="2001"), ("foreign_page",)),
    ],
)
def test_what_is_not_worth_a_worker_is_named(
    given: dict[str, Any], reasons: tuple[str, ...]
) -> None:
    assert post(body(given)) == Received(ignored=reasons)


def echo(**fields: Any) -> dict[str, Any]:
    return event(PAGE, "77", message={"mid": "m1", "is_echo": True, "text": "hello", **fields})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (echo(app_id=int(APP)), "own_echo"),
        (echo(app_id=APP), "own_echo"),
        (echo(metadata="chatbot:m0:message"), "own_echo"),
        (echo(app_id=5, text=""), "echo_without_text"),
        (event(PAGE, PAGE, message={"mid": "m1", "app_id": int(APP)}), "own_echo"),
    ],
)
def test_own_echoes_are_never_answered(said: dict[str, Any], reason: str) -> None:
    assert post(body(entry(said))) == Received(ignored=(reason,))


@pytest.mark.parametrize("fields", [{"app_id": 5}, {}, {"app_id": 5, "metadata": "theirs"}])
def test_what_the_staff_wrote_joins_the_persons_conversation(fields: dict[str, Any]) -> None:
    [envelope] = post(body(entry(echo(**fields)))).envelopes
    assert (envelope.conversation, envelope.event_id) == ("messenger:77", "m1:echo")
    said = read(envelope)
    assert (said.kind, said.text, said.author) == (Kind.STAFF, "hello", Author(PAGE))


def test_with_no_app_id_set_an_echo_without_one_is_the_staffs() -> None:
    [envelope] = post(body(entry(echo())), replace(SETTINGS, messenger_app_id="")).envelopes
    assert envelope.event_id == "m1:echo"


def test_a_slash_of_the_staff_is_no_command() -> None:
    [envelope] = post(body(entry(echo(text="/reset")))).envelopes
    said = read(envelope)
    assert (said.kind, said.command.name) == (Kind.STAFF, "")


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ({"message": {"mid": "m1", "text": "hi"}}, (Kind.TEXT, "hi", "")),
        ({"message": {"mid": "m1", "text": "/Start now"}}, (Kind.COMMAND, "/Start now", "start")),
        (
            {"message": {"mid": "m1", "text": "Fresh", "quick_reply": {"payload": "/reset"}}},
            (Kind.COMMAND, "/reset", "reset"),
        ),
        (
            {"message": {"mid": "m1", "text": "Red", "quick_reply": {"payload": "COLOUR_1"}}},
            (Kind.TEXT, "Red", ""),
        ),
        (
            {"postback": {"mid": "m1", "title": "Get Started", "payload": "GET_STARTED"}},
            (Kind.COMMAND, "/start", "start"),
        ),
        (
            {"postback": {"mid": "m1", "title": "What can you do?", "payload": "ICE_1"}},
            (Kind.TEXT, "What can you do?", ""),
        ),
        ({"postback": {"mid": "m1", "payload": "Tell me"}}, (Kind.TEXT, "Tell me", "")),
        ({"message": {"mid": "m1", "attachments": [{}]}}, (Kind.UNSUPPORTED, "", "")),
        ({"message": {"mid": "m1"}}, (Kind.UNSUPPORTED, "", "")),
    ],
)
def test_an_event_is_read(kind: dict[str, Any], meant: tuple[Kind, str, str]) -> None:
    said = read_back(**kind)
    assert (said.kind, said.text, said.command.name) == meant
    assert said.author == Author("77")


@pytest.mark.parametrize(
    ("postback", "event_id"),
    [({"mid": "m1", "payload": "x"}, "m1:postback"), ({"payload": "x"}, f"{NOON}:postback")],
)
def test_a_postback_is_an_event_of_its_own(postback: dict[str, str], event_id: str) -> None:
    [envelope] = post(body(entry(event(postback=postback)))).envelopes
    assert envelope.event_id == event_id


@pytest.mark.parametrize("conversation", ["messenger:", "telegram:77"])
def test_an_envelope_that_names_nobody_is_malformed(conversation: str) -> None:
    with pytest.raises(Malformed):
        read(Envelope("messenger", conversation, "m1:message", NOON, text()))


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"sender": {"id": "77"}},
        event(message={"mid": "m1", "text": 1}),
        event(message={"mid": "m1", "text": None, "attachments": "none"}),
        event(message="hi"),
        event(postback=7),
    ],
    ids=str,
)
def test_an_event_of_which_nothing_can_be_read_gets_a_sentence(payload: dict[str, Any]) -> None:
    said = read(Envelope("messenger", "messenger:77", "m1:message", NOON, payload))
    assert (said.kind, said.author) == (Kind.UNSUPPORTED, Author("77"))


def test_ids_may_be_numbers() -> None:
    said = {**text(), "sender": {"id": 77}, "recipient": {"id": int(PAGE)}}
    said["message"]["mid"] = 5
    [envelope] = post(body({**entry(said), "id": int(PAGE)})).envelopes
    assert (envelope.conversation, envelope.event_id) == ("messenger:77", "5:message")
    assert read(envelope).author == Author("77")


@pytest.mark.parametrize(
    ("of_event", "of_entry", "occurred_at"),
    [
        (NOON - 5, NOON - 6, NOON - 5),
        ("1795262400001", NOON, NOON + 1),
        (None, NOON, NOON),
        ("now", NOON, NOON),
        (0, NOON, NOON),
        (NOON // 1000, NOON, NOON),
        (-1, NOON, NOON),
        (10**13, NOON, NOON),
        (1.5, NOON, NOON),
        (True, NOON, NOON),
        (None, None, NOON + 7),
        ({}, "9" * 5000, NOON + 7),
    ],
)
def test_without_a_time_the_entrys_counts_and_then_that_of_the_receipt(
    of_event: Any, of_entry: Any, occurred_at: int
) -> None:
    raw = body({**entry({**text(), "timestamp": of_event}), "time": of_entry})
    request = Request("POST", "/messenger", {"x-hub-signature-256": signature(raw)}, body=raw)
    [envelope] = MessengerInbound(SETTINGS, FakeClock(NOON + 7)).receive(request).envelopes
    assert envelope.occurred_at == occurred_at


_A_DAY = 86_400_000  # milliseconds


@pytest.mark.parametrize(
    "said",
    [
        text("hi"),
        text("/stop"),
        event(postback={"mid": "m1", "title": "Help", "payload": "/help"}),
        event(message_edit={"mid": "m1", "text": "hello", "num_edit": 1}),
        event(reaction={"mid": "m1", "action": "react", "reaction": "like"}),
        {**event(sender=PAGE, to="77", message={"mid": "m1", "text": "hi", "is_echo": True})},
    ],
)
def test_what_is_older_than_the_turns_that_are_kept_is_ignored(said: dict[str, Any]) -> None:
    """The turn that would show a body that is sent again to be a duplicate may be gone."""
    settings = replace(SETTINGS, retention_days=30)
    for at, ignored in [(NOON - 30 * _A_DAY, ()), (NOON - 30 * _A_DAY - 1, ("too_old",))]:
        received = post(body(entry({**said, "timestamp": at})), settings)
        assert received.ignored == ignored
        assert len(received.envelopes) + len(received.stops) == (0 if ignored else 1)


def test_an_event_that_lacks_the_times_and_the_sender_is_ignored() -> None:
    assert post(body(entry({"message": {"mid": "m1", "text": "hi"}}))).ignored == ("unreadable",)


@pytest.mark.parametrize(
    "said",
    [
        text("/stop"),
        text("Stop the answer", quick_reply={"payload": "/stop"}),
        event(postback={"mid": "m1", "title": "Stop the answer", "payload": "/stop"}),
    ],
)
def test_a_wish_to_stop_is_not_queued(said: dict[str, Any]) -> None:
    received = post(body(entry(text("hello", mid="m0"), said)))
    assert received.stops == (Stop("messenger:77", "", NOON),)
    assert [envelope.event_id for envelope in received.envelopes] == ["m0:message"]


def test_the_staff_stops_nothing() -> None:
    echo = {"mid": "m1", "text": "/stop", "is_echo": True}
    received = post(body(entry(event(PAGE, "77", message=echo))))
    assert (received.stops, len(received.envelopes)) == ((), 1)


def test_what_is_replied_to_comes_along() -> None:
    message = {"mid": "m1", "text": "Sure?", "reply_to": {"mid": "m0"}}
    assert read_back(message=message).reply_to.id == "m0"
    assert read_back(message={"mid": "m1", "text": "Sure?"}).reply_to.id == ""


@pytest.mark.parametrize(
    ("text", "kind"), [("Hi!", Kind.TEXT), ("/help", Kind.COMMAND), (None, Kind.UNSUPPORTED)]
)
def test_an_edit_names_the_message_that_it_replaces(text: str | None, kind: Kind) -> None:
    edit = {"mid": "m1", "text": text, "num_edit": 2}
    [envelope] = post(body(entry(event(message_edit=edit)))).envelopes
    assert envelope.event_id == "m1:2:edit"
    said = read(Envelope.from_json(envelope.to_json()))
    assert (said.kind, said.text, said.edits, said.id) == (kind, text or "", "m1", "")
    assert read_back(message={"mid": "m1", "text": "Hi"}).id == "m1"
