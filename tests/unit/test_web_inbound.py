import json
from dataclasses import replace
from typing import Any

import pytest

from chatbot.channels.web.inbound import MAX_AHEAD, MAX_BODY, MAX_OLD, MAX_TEXT, WebInbound, read
from chatbot.channels.web.outbound import WebChannel
from chatbot.channels.web.session import ACCESS, COOKIE, HOST, address_hash, is_open, set_cookie
from chatbot.core.errors import Forged, Unreadable
from chatbot.core.message import Envelope, Kind, Stop
from chatbot.core.ports import Settling
from chatbot.core.settings import Settings
from chatbot.core.turn import Reply
from chatbot.edge.http import Guess, Received, Request
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.history import MemoryHistory
from tests.services import services

KEY = "a key"
SESSION = "s" * 22
BODY: dict[str, Any] = {"text": "Grüße 😀", "id": "a-1_B", "sent_at": NOON}


def cookie(session: str = SESSION, key: str = KEY) -> str:
    return set_cookie(session, key, secure=True).partition(";")[0].partition("=")[2]


def over_http() -> str:
    """What the page sets over http; over https, somebody else has planted it."""
    return set_cookie(SESSION, KEY, secure=False).partition(";")[0].partition("=")[2]


def post(body: object = BODY, **headers: str) -> Request:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Request(
        "POST",
        "/web/messages",
        headers={
            "content-type": "application/json; charset=utf-8",
            "host": "chat.example",
            "origin": "https://chat.example",
            "x-forwarded-proto": "https",
            **named,
        },
        cookies={HOST + COOKIE: cookie()},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )


def receive(request: Request, web_origin: str = "") -> Received:
    settings = Settings(web_session_key=KEY, web_origin=web_origin, web_access="open")
    return WebInbound(settings, FakeClock()).receive(request)


def test_a_message_becomes_an_envelope_of_the_cookies_conversation() -> None:
    received = receive(post())
    [envelope] = received.envelopes
    assert envelope == Envelope("web", f"web:{SESSION}", "a-1_B:message", NOON, BODY)
    assert received.response is not None
    assert received.response.status == 202
    assert json.loads(received.response.body) == {"id": "a-1_B"}


def test_what_else_the_body_holds_is_not_passed_on() -> None:
    [envelope] = receive(post({**BODY, "admin": True})).envelopes
    assert envelope.payload == BODY


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://chat.example",
        "https://chat.example:8443",
        "null",
        "",
        "é",
    ],
)
def test_a_missing_or_foreign_origin_is_refused(origin: str) -> None:
    with pytest.raises(Forged) as refusal:
        receive(post(origin=origin))
    assert refusal.value.status == 403


def test_no_origin_header_at_all() -> None:
    request = post()
    headers = {name: text for name, text in request.headers.items() if name != "origin"}
    with pytest.raises(Forged):
        receive(replace(request, headers=headers))


def test_the_own_origin_over_plain_http_on_this_machine() -> None:
    request = post(host="127.0.0.1:8000", origin="http://127.0.0.1:8000", x_forwarded_proto="http")
    assert receive(request).envelopes


def test_a_set_origin_counts_instead_of_the_host() -> None:
    own = "https://bot.example"
    assert receive(post(origin=own), web_origin=own).envelopes
    with pytest.raises(Forged):
        receive(post(), web_origin=own)


@pytest.mark.parametrize(
    "cookies",
    [
        {},
        {HOST + COOKIE: ""},
        {HOST + COOKIE: cookie(key="another")},
        {HOST + COOKIE: "x" + cookie()[1:]},
        {COOKIE: cookie()},
        {COOKIE: over_http()},
    ],
)
def test_without_a_cookie_of_ours_nobody_is_served(cookies: dict[str, str]) -> None:
    with pytest.raises(Forged) as refusal:
        receive(replace(post(), cookies=cookies))
    assert refusal.value.status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b'{"text": ' + b"[" * 60_000, 400),
        (b" " * (MAX_BODY + 1), 413),
        ({**BODY, "text": ""}, 400),
        ({**BODY, "text": " \n"}, 400),
        ({**BODY, "text": None}, 400),
        ({**BODY, "text": ["a"]}, 400),
        ({**BODY, "text": "x" * (MAX_TEXT + 1)}, 400),
        ({**BODY, "id": ""}, 400),
        ({**BODY, "id": "x" * 65}, 400),
        ({**BODY, "id": "a\n"}, 400),
        ({**BODY, "id": "é"}, 400),
        ({**BODY, "id": 7}, 400),
        ({**BODY, "sent_at": str(NOON)}, 400),
        ({**BODY, "sent_at": float(NOON)}, 400),
        ({**BODY, "sent_at": True}, 400),
        ({**BODY, "sent_at": None}, 400),
        ({**BODY, "sent_at": 10**400}, 400),
        ({**BODY, "sent_at": NOON + MAX_AHEAD + 1}, 400),
        ({**BODY, "sent_at": NOON - MAX_OLD - 1}, 400),
        ({"text": "a"}, 400),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_bad_input_is_refused_with_a_reason_for_the_page(body: object, status: int) -> None:
    with pytest.raises(Unreadable) as refusal:
        receive(post(body))
    assert refusal.value.status == status
    assert refusal.value.reason


@pytest.mark.parametrize("sent_at", [NOON + MAX_AHEAD, NOON - MAX_OLD])
def test_the_edges_of_the_time_are_taken(sent_at: int) -> None:
    assert receive(post({**BODY, "sent_at": sent_at, "text": "x" * MAX_TEXT})).envelopes


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_only_json_is_taken(media_type: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        receive(post(content_type=media_type))
    assert refusal.value.status == 415


def envelope(text: object) -> Envelope:
    return Envelope("web", f"web:{SESSION}", "1:message", NOON, {"text": text})


def test_reads_text_and_commands() -> None:
    said = read(envelope("hello"))
    assert (said.kind, said.text, said.author.id) == (Kind.TEXT, "hello", SESSION)
    command = read(envelope("/Reset now"))
    assert (command.kind, *command.command) == (Kind.COMMAND, "reset", "now")
    assert command.key == envelope("").key


@pytest.mark.parametrize("text", [None, "", 7])
def test_an_envelope_without_text_gets_a_sentence(text: object) -> None:
    said = read(envelope(text))
    assert (said.kind, said.author.id) == (Kind.UNSUPPORTED, SESSION)


def test_there_is_nothing_to_post() -> None:
    channel = WebChannel(services())
    assert channel.settling is Settling.NOTHING_TO_POST
    assert channel.split(Reply("words")) == ()


def test_what_is_written_so_far_is_kept_for_the_page() -> None:
    history = MemoryHistory()
    message = read(envelope("Hello"))
    assert WebChannel(services(history=history)).preview(message, "so far")
    assert history.draft_of(message.key.conversation) == (message.key.event_id, "so far")


# Stopping


def stop(body: object, **headers: str) -> Request:
    return replace(post(body, **headers), path="/web/stop")


def test_a_wish_to_stop_names_its_message_and_is_not_queued() -> None:
    received = receive(stop({"id": "a-1_B"}))
    assert received.stops == (Stop(f"web:{SESSION}", "a-1_B:message", NOON),)
    assert (received.envelopes, received.ignored) == ((), ())
    assert received.response is not None
    assert (received.response.status, received.response.body) == (202, "{}")


@pytest.mark.parametrize("body", [b"{", {}, {"id": ""}, {"id": 7}, {"id": "a b"}])
def test_a_wish_to_stop_nothing(body: object) -> None:
    with pytest.raises(Unreadable) as refusal:
        receive(stop(body))
    assert refusal.value.status == 400


def test_a_stop_is_as_authentic_as_a_message() -> None:
    with pytest.raises(Forged):
        receive(stop({"id": "a"}, origin="https://evil.example"))
    with pytest.raises(Forged):
        receive(replace(stop({"id": "a"}), cookies={}))


def test_a_typed_stop_is_heard_at_once_and_answered_like_a_command() -> None:
    received = receive(post({**BODY, "text": "/stop"}))
    assert received.stops == (Stop(f"web:{SESSION}", "", NOON),)
    assert len(received.envelopes) == 1
    assert receive(post()).stops == ()


LOCKED = Settings(web_session_key=KEY, web_access="code", web_access_code="sesame")


def knock(body: object, settings: Settings = LOCKED) -> Received:
    request = replace(post(body), path="/web/access", address="192.0.2.7")
    return WebInbound(settings, FakeClock()).receive(request)


def test_who_knows_the_code_gets_a_cookie_and_sends_nothing() -> None:
    received = knock({"code": "sesame"})
    assert received.envelopes == ()
    assert received.response is not None
    assert received.response.status == 204
    assert received.guess == Guess(address_hash("192.0.2.7", KEY), True)
    cookies = {
        HOST + ACCESS: received.response.headers["set-cookie"].partition(";")[0].partition("=")[2]
    }
    assert is_open(cookies, LOCKED)


@pytest.mark.parametrize("body", [{"code": "open"}, {"code": 7}, {}, b"\xff"])
def test_a_wrong_code_is_counted_by_its_address(body: object) -> None:
    guess = Guess(address_hash("192.0.2.7", KEY), False)
    assert knock(body) == Received(guess=guess)


@pytest.mark.parametrize(
    "settings", [replace(LOCKED, web_access="open"), replace(LOCKED, web_access_code="")]
)
def test_where_no_code_opens_none_is_looked_at(settings: Settings) -> None:
    for code in ("sesame", ""):
        with pytest.raises(Forged) as refusal:
            knock({"code": code}, settings)
        assert (str(refusal.value), refusal.value.status) == ("code", 403)


def test_a_message_to_a_locked_page_is_refused() -> None:
    with pytest.raises(Forged) as refusal:
        WebInbound(LOCKED, FakeClock()).receive(post())
    assert (str(refusal.value), refusal.value.status) == ("access", 403)
