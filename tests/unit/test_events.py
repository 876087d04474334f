"""Every sample event has the expected outcome; a new sample needs a row here."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatbot.adapters.sqs import group_of
from chatbot.channels.messenger import inbound as messenger
from chatbot.channels.telegram import inbound as telegram
from chatbot.channels.telegram.update import Bot
from chatbot.channels.web import inbound as web
from chatbot.channels.web.session import COOKIE, HOST, set_cookie
from chatbot.conversation.batch import records_of
from chatbot.core.errors import Malformed
from chatbot.core.message import Envelope, Kind, Message
from chatbot.core.settings import Settings
from chatbot.edge.http import Received, Request
from chatbot.site.pages import Website
from chatbot.site.turns import messages
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.history import MemoryHistory

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
# The samples name the bot, the app and the page of the local stack.
SETTINGS = Settings(
    telegram_bot_token="123456:token",
    telegram_webhook_secret="a-secret",
    telegram_bot_username="local_bot",
    messenger_app_secret="an app secret",
    messenger_verify_token="a-word",
    messenger_app_id="100000000000001",
    messenger_page_id="200000000000002",
    web_session_key="a key",
    web_access="open",
)
SESSION = "A" * 22
ADA, GROUP, PSID = "telegram:1001", "telegram:-1001234567890", "messenger:300000000000003"

Said = tuple[str, Kind, str]

TELEGRAM: dict[str, Said | str] = {
    "text": (ADA, Kind.TEXT, "My name is Ada"),
    "text_escaped": (ADA, Kind.TEXT, 'Zażółć gęślą jaźń 👩‍🚀 "quoted"\n日本語'),
    "text_base64": (ADA, Kind.TEXT, "Grüße aus Köln 👋"),
    "command_start": (ADA, Kind.COMMAND, "/start"),
    "group_command": (GROUP, Kind.COMMAND, "/help@local_bot"),
    "group_command_other_bot": "not_addressed",
    "group_mention": (GROUP, Kind.TEXT, "👋 what is the Analytical Engine?"),
    "group_text_mention": (GROUP, Kind.TEXT, ", are you there?"),
    "group_reply": (GROUP, Kind.TEXT, "And who built it?"),
    "group_talk": "not_addressed",
    "topic": (f"{GROUP}:77", Kind.TEXT, "summarise"),
    "topic_talk": "not_addressed",
    "anonymous_administrator": (GROUP, Kind.TEXT, "who am I?"),
    "callback_query": (ADA, Kind.COMMAND, "/reset"),
    "callback_query_inline": "callback_without_message",
    "callback_query_inaccessible": (ADA, Kind.COMMAND, "/new earlier"),
    "album_first": (ADA, Kind.TEXT, "[picture] What are these?"),
    "album_next": (ADA, Kind.TEXT, "[picture]"),
    "reply_to_photo": (ADA, Kind.TEXT, "What is this?"),
    "external_reply": (ADA, Kind.TEXT, "Sum it up"),
    "migrate_to": (GROUP, Kind.MOVED, ""),
    "migrate_from": (GROUP, Kind.MOVED, ""),
    "edited_message": (ADA, Kind.TEXT, "My name is Ada L."),
    "sticker": (ADA, Kind.TEXT, "👍"),
    "photo": (ADA, Kind.TEXT, "[picture]"),
    "photo_with_caption": (ADA, Kind.TEXT, "[picture] What is this?"),
    "location": (ADA, Kind.TEXT, "[location: 51.5014, -0.1419]"),
    "voice": (ADA, Kind.TEXT, "[recording]"),
    "document": (ADA, Kind.TEXT, "[document: notes.txt]"),
    "video": (ADA, Kind.UNSUPPORTED, ""),
    "new_chat_members": "service_message",
    "from_bot": "bot",
    "my_chat_member": "my_chat_member",
    "channel_post": "channel_post",
    "message_reaction": (ADA, Kind.RATING, ""),
    "message_reaction_heart": "message_reaction",
    "stopped_message_generation": f"stop 77 of {ADA}",
    "command_stop": f"stop any of {ADA}",
    "unknown_kind": "unknown_kind",
}
MESSENGER: dict[str, list[Said | str]] = {
    "handshake": [],
    "text": [(PSID, Kind.TEXT, "My name is Ada – grüß dich 👋")],
    "batch": [
        (PSID, Kind.TEXT, "first"),
        ("messenger:300000000000004", Kind.TEXT, "second, from another"),
        (PSID, Kind.TEXT, "third"),
        "delivery",
    ],
    "quick_reply": [(PSID, Kind.COMMAND, "/reset")],
    "postback_get_started": [(PSID, Kind.COMMAND, "/start")],
    "postback": [(PSID, Kind.TEXT, "What can you do?")],
    "echo_own": ["own_echo"],
    "echo_staff": [(PSID, Kind.STAFF, "Ada, we will call you.")],
    "echo_staff_photo": ["echo_without_text"],
    "attachment": [(PSID, Kind.TEXT, "[picture]")],
    "sticker": [(PSID, Kind.TEXT, "👍")],
    "sticker_twice": [(PSID, Kind.TEXT, "[picture]")],
    "link": [(PSID, Kind.TEXT, "[link: A recipe https://example.org/recipe] What do you think?")],
    "post": [
        (PSID, Kind.TEXT, "[post: Open on Sunday https://www.facebook.com/page/posts/1]"),
    ],
    "document_without_address": [(PSID, Kind.TEXT, "[document] My CV")],
    "without_time": [(PSID, Kind.TEXT, "My name is Ada")],
    "voice": [(PSID, Kind.TEXT, "[recording]")],
    "document": [(PSID, Kind.TEXT, "[document: notes.txt]")],
    "location": [(PSID, Kind.TEXT, "[location: 51.5014, -0.1419]")],
    "video": [(PSID, Kind.UNSUPPORTED, "")],
    "delivery": ["delivery"],
    "read": ["read"],
    "reaction": ["reaction"],
    "reaction_like": [(PSID, Kind.RATING, "")],
    "reaction_taken_back": [(PSID, Kind.RATING, "")],
    "optin": ["optin"],
    "referral": ["referral"],
    "message_edit": [(PSID, Kind.TEXT, "My name is Ada L.")],
    "standby": ["standby"],
    "changes": ["changes"],
    "foreign_page": ["foreign_page"],
    "unknown_kind": ["unknown_kind"],
}
WEB = ("asset", "message", "page", "rating", "read_turns", "read_turns_after", "stop")
WORKER: dict[str, list[Said | None]] = {
    "telegram": [(ADA, Kind.TEXT, "My name is Ada")],
    "all_channels": [
        (ADA, Kind.TEXT, "My name is Ada"),
        (ADA, Kind.COMMAND, "/start"),
        (PSID, Kind.TEXT, "My name is Ada – grüß dich 👋"),
        (f"web:{SESSION}", Kind.TEXT, "My name is Ada"),
        (GROUP, Kind.TEXT, "👋 what is the Analytical Engine?"),
    ],
    "poison": [None],
}


def event(name: str) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return sample


def read(envelope: Envelope) -> Message:
    if envelope.channel == "telegram":
        return telegram.read(envelope, Bot.of(SETTINGS))
    return messenger.read(envelope) if envelope.channel == "messenger" else web.read(envelope)


def ends(received: Received) -> list[Said | str]:
    queued = [Envelope.from_json(envelope.to_json()) for envelope in received.envelopes]
    said = [(envelope.conversation, read(envelope)) for envelope in queued]
    stops = [f"stop {stop.event or 'any'} of {stop.conversation}" for stop in received.stops]
    return [*((where, what.kind, what.text) for where, what in said), *received.ignored, *stops]


def test_every_sample_is_in_the_table() -> None:
    rows: dict[str, Iterable[str]] = {
        "telegram": TELEGRAM,
        "messenger": MESSENGER,
        "web": WEB,
        "worker": WORKER,
        "setup": ("create",),  # tests/component/test_setup.py
    }
    files = {str(file.relative_to(EVENTS).with_suffix("")) for file in EVENTS.glob("*/*.json")}
    assert files == {f"{folder}/{name}" for folder, names in rows.items() for name in names}


@pytest.mark.parametrize(("name", "end"), TELEGRAM.items(), ids=TELEGRAM)
def test_telegram(name: str, end: Said | str) -> None:
    request = Request.from_event(event(f"telegram/{name}"))
    headers = {**request.headers, "x-telegram-bot-api-secret-token": "a-secret"}
    assert request.headers.keys() == headers.keys()
    request = replace(request, headers=headers)
    assert ends(telegram.TelegramInbound(SETTINGS).receive(request)) == [end]


@pytest.mark.parametrize(("name", "end"), MESSENGER.items(), ids=MESSENGER)
def test_messenger(name: str, end: list[Said | str]) -> None:
    request = Request.from_event(event(f"messenger/{name}"))
    digest = hmac.new(b"an app secret", request.body, "sha256").hexdigest()
    headers = {**request.headers, "x-hub-signature-256": f"sha256={digest}"}
    if request.method == "GET":
        request = replace(request, query={**request.query, "hub.verify_token": "a-word"})
    else:
        assert request.headers.keys() == headers.keys()
    inbound = messenger.MessengerInbound(SETTINGS, FakeClock())
    received = inbound.receive(replace(request, headers=headers))
    assert ends(received) == end
    assert (received.response is not None) == (name == "handshake")


@pytest.mark.parametrize("name", WEB)
def test_web(name: str) -> None:
    request = Request.from_event(event(f"web/{name}"))
    cookie = set_cookie(SESSION, SETTINGS.web_session_key, secure=True).partition(";")[0]
    site = Website(ROOT / "functions/web")
    if request.cookies:
        assert request.cookies[HOST + COOKIE].startswith(SESSION)
        request = replace(request, cookies={HOST + COOKIE: cookie.partition("=")[2]})
    if name == "message":
        received = web.WebInbound(SETTINGS, FakeClock(NOON)).receive(request)
        assert ends(received) == [(f"web:{SESSION}", Kind.TEXT, "My name is Ada")]
    elif name == "stop":
        received = web.WebInbound(SETTINGS, FakeClock(NOON)).receive(request)
        assert ends(received) == [f"stop 9f1c2d3e-0001:message of web:{SESSION}"]
    elif name == "rating":
        received = web.WebInbound(SETTINGS, FakeClock(NOON)).receive(request)
        assert ends(received) == [(f"web:{SESSION}", Kind.RATING, "")]
    elif name.startswith("read_turns"):
        assert messages(request, SESSION, MemoryHistory()).status == 200
    else:
        page = request.path == "/"
        answer = site.page(request, SETTINGS, NOON) if page else site.asset(request, SETTINGS)
        assert answer is not None
        assert answer.status == 200


@pytest.mark.parametrize(("name", "end"), WORKER.items(), ids=WORKER)
def test_worker(name: str, end: list[Said | None]) -> None:
    records = records_of(event(f"worker/{name}"))
    assert len(records) == len(end)
    for record, said in zip(records, end, strict=True):
        if said is None:
            with pytest.raises(Malformed):
                Envelope.from_json(record.body)
            continue
        envelope = Envelope.from_json(record.body)
        assert record.group == group_of(envelope.conversation)
        what = read(envelope)
        assert (envelope.conversation, what.kind, what.text) == said
