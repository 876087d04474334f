"""Ratings of answers: read on every channel, stored with the turn, never answered."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from chatbot.channels.messenger.inbound import MessengerInbound
from chatbot.channels.messenger.inbound import read as read_messenger
from chatbot.channels.telegram.inbound import TelegramInbound
from chatbot.channels.telegram.inbound import read as read_telegram
from chatbot.channels.telegram.update import Bot
from chatbot.channels.web.inbound import WebInbound
from chatbot.channels.web.inbound import read as read_web
from chatbot.channels.web.session import COOKIE, set_cookie
from chatbot.conversation import ratings
from chatbot.core.errors import HistoryUnavailable, Unreadable
from chatbot.core.key import TurnKey
from chatbot.core.message import Envelope, Kind, Message
from chatbot.core.settings import Settings
from chatbot.core.turn import Links
from chatbot.core.work import Done
from chatbot.edge.http import Received, Request
from tests.fakes.clock import NOON, FakeClock
from tests.world import CONVERSATION, World

SETTINGS = Settings(
    telegram_bot_token="1:t",
    telegram_webhook_secret="a-secret",
    messenger_app_secret="a secret",
    messenger_page_id="200",
    web_session_key="a key",
    web_access="open",
)
UP, DOWN = {"type": "emoji", "emoji": "👍"}, {"type": "emoji", "emoji": "👎"}
HEART = {"type": "emoji", "emoji": "❤"}
PAID = {"type": "paid"}


def rate(world: World, rating: int, answer: str = "p1") -> Envelope:
    envelope = world.envelope("", kind=Kind.RATING, rating=rating, replied_to=answer)
    assert isinstance(world.handle(envelope), Done)
    return envelope


def test_a_thumb_is_kept_with_the_answer_and_counted() -> None:
    world = World(history_turns=1)
    hello = world.envelope("Hello")
    world.handle(hello)
    for number in range(40):
        world.handle(world.envelope(f"more {number}"))
    rated = rate(world, -1)
    assert world.turn(hello).rating == -1
    assert world.journal.metrics["RatedDown", "telegram"] == 1
    rate(world, -1)
    assert world.journal.counted("RatedDown") == 1
    rate(world, 1)
    rate(world, 0)
    assert world.turn(hello).rating == 0
    assert world.journal.counted("RatedUp") == 1
    assert len(world.model.prompts) == len(world.channel.received) == 41
    assert world.history.find(rated.key) is None


def test_it_may_be_for_any_part_of_the_answer() -> None:
    world = World("long " * 5, limit=10)
    hello = world.envelope("Hello")
    world.handle(hello)
    rate(world, 1, "p2")
    assert world.turn(hello).rating == 1


def test_a_thumb_for_what_is_not_known_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratings, "TURNS_SEARCHED", 3)
    world = World(history_turns=1)
    for number in range(20):
        world.handle(world.envelope(f"message {number}"))
    rate(world, 1, "p1")
    rate(world, 1, "p999")
    assert not any(turn.rating for turn in world.history.all(CONVERSATION))
    assert not world.journal.counted("RatedUp")


def test_a_thumb_that_could_not_be_kept_comes_again_and_never_gets_a_fallback() -> None:
    world = World()
    world.handle(world.envelope("Hello"))

    def fault(step: str, moment: str) -> None:
        if step == "rate":
            raise HistoryUnavailable("UpdateItem")

    world.history.fault = fault
    envelope = world.envelope("", kind=Kind.RATING, rating=1, replied_to="p1")
    assert not isinstance(world.handle(envelope, age=3600), Done)
    world.history.fault = lambda step, moment: None
    assert isinstance(world.handle(envelope, 2, age=3600), Done)
    assert world.journal.counted("RatedUp") == 1
    assert len(world.channel.received) == 1


@pytest.mark.parametrize(
    ("before", "now", "rating"),
    [
        ([], [UP], 1),
        ([UP], [DOWN], -1),
        ([], [HEART, DOWN], -1),
        ([UP], [], 0),
        ([UP], [HEART], 0),
        ([HEART], [], None),
        ([], [PAID], None),
    ],
)
def test_telegram(before: list[Any], now: list[Any], rating: int | None) -> None:
    reaction = {
        "chat": {"id": -5, "type": "supergroup"},
        "message_id": 120,
        "date": 1795262400,
        "user": {"id": 7, "is_bot": False, "first_name": "Ada"},
        "old_reaction": before,
        "new_reaction": now,
    }
    headers = {"x-telegram-bot-api-secret-token": "a-secret"}
    body = json.dumps({"update_id": 5, "message_reaction": reaction}).encode()
    received = TelegramInbound(SETTINGS).receive(Request("POST", "/telegram", headers, body=body))
    if rating is None:
        assert received.ignored == ("message_reaction",)
        return
    message = read_telegram(only(received), Bot.of(SETTINGS))
    check(message, "telegram:-5", "120", rating)
    assert message.key.event_id == "000000000005:reaction"
    assert message.author.id == "7"


@pytest.mark.parametrize(
    ("reaction", "rating"),
    [
        ({"action": "react", "reaction": "like", "emoji": "👍"}, 1),
        ({"action": "react", "reaction": "dislike", "emoji": "👎"}, -1),
        ({"action": "unreact"}, 0),
        ({"action": "react", "reaction": "love"}, None),
        ({"action": "react"}, None),
    ],
)
@pytest.mark.parametrize("sender", ["300", "200"])
def test_messenger(reaction: dict[str, str], rating: int | None, sender: str) -> None:
    event = {
        "sender": {"id": sender},
        "recipient": {"id": "200"},
        "timestamp": NOON,
        "reaction": {"mid": "m_1", **reaction},
    }
    body = json.dumps({"object": "page", "entry": [{"id": "200", "messaging": [event]}]}).encode()
    digest = hmac.new(b"a secret", body, "sha256").hexdigest()
    headers = {"x-hub-signature-256": f"sha256={digest}"}
    request = Request("POST", "/messenger", headers, body=body)
    received = MessengerInbound(SETTINGS, FakeClock()).receive(request)
    if rating is None or sender == "200":
        assert received.ignored == ("reaction",)
    else:
        check(read_messenger(only(received)), "messenger:300", "m_1", rating)


def web(clock: FakeClock, **data: Any) -> Received:
    cookie = set_cookie("A" * 22, "a key", secure=False).partition(";")[0].partition("=")[2]
    headers = {"origin": "http://here", "host": "here", "content-type": "application/json"}
    body = json.dumps(data).encode()
    request = Request("POST", "/web/rating", headers, cookies={COOKIE: cookie}, body=body)
    return WebInbound(SETTINGS, clock).receive(request)


@pytest.mark.parametrize("rating", [1, 0, -1])
def test_web_names_the_turn_however_old(rating: int) -> None:
    clock = FakeClock()
    sent_at = NOON - 80 * 86_400_000
    received = web(clock, id="m1", sent_at=sent_at, rating=rating)
    conversation = f"web:{'A' * 22}"
    sort = TurnKey.of(conversation, sent_at, "m1:message").sort
    check(read_web(only(received)), conversation, sort, rating)
    clock.advance(0.001)
    again = web(clock, id="m1", sent_at=sent_at, rating=rating)
    assert only(again).event_id != only(received).event_id


@pytest.mark.parametrize(
    "wrong",
    [
        {"rating": 2},
        {"rating": True},
        {"rating": "1"},
        {"sent_at": NOON + 61_000},
        {"sent_at": -1},
        {"sent_at": "1"},
        {"id": ""},
        {"id": None},
    ],
)
def test_the_page_is_told_what_is_wrong(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unreadable) as refusal:
        web(FakeClock(), **{"id": "m1", "sent_at": NOON, "rating": 1, **wrong})
    assert refusal.value.status == 400


def test_the_page_rates_a_turn_by_its_key() -> None:
    world = World()
    hello = world.envelope("Hello")
    world.handle(hello)
    rate(world, 1, hello.key.sort)
    assert world.turn(hello).rating == 1


def test_a_merged_message_leads_to_the_answer() -> None:
    world = World()
    hello = world.envelope("Hello")
    world.handle(hello)
    turn = world.turn(hello)
    key = TurnKey.of(CONVERSATION, hello.occurred_at + 1, "2:message")
    world.history.put(replace(turn, key=key, links=Links(merged_into=turn.key.sort), posted=()))
    rate(world, -1, key.sort)
    assert world.turn(hello).rating == -1


def only(received: Received) -> Envelope:
    (envelope,) = received.envelopes
    return Envelope.from_json(envelope.to_json())


def check(message: Message, conversation: str, answer: str, rating: int) -> None:
    assert message.kind is Kind.RATING
    assert message.key.conversation == conversation
    assert (message.reply_to.id, message.rating) == (answer, rating)
