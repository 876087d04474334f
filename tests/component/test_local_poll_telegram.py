"""Polling a real bot: no update is lost or skipped, no webhook is deleted unasked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from werkzeug.wrappers import Request, Response

from chatbot.channels.telegram.registration import UPDATES
from local import config
from local.cli.poll_telegram import Refused, Updates, start_polling
from local.http.server import Running, serve
from local.stack import Stack
from local.standins.telegram import TelegramStandIn

TOKEN = config.DEVELOPMENT["TELEGRAM_BOT_TOKEN"]
SECRET = config.DEVELOPMENT["TELEGRAM_WEBHOOK_SECRET"]


@dataclass
class Webhook:
    """A webhook that answers with the given statuses, then with 200."""

    statuses: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)

    def front(self, request: Request) -> Response:
        assert request.path == "/telegram"
        self.secrets.add(request.headers["x-telegram-bot-api-secret-token"])
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.taken.append(json.loads(request.get_data())["update_id"])
        return Response(status=status)


@pytest.fixture
def telegram() -> TelegramStandIn:
    return TelegramStandIn(TOKEN)


@pytest.fixture
def server(telegram: TelegramStandIn) -> Iterator[Running]:
    running = serve(telegram)
    yield running
    running.close()


@pytest.fixture
def webhook() -> Webhook:
    return Webhook()


@pytest.fixture
def stack(server: Running, webhook: Webhook) -> Iterator[Stack]:
    running = serve(Request.application(webhook.front))
    settings = {**config.DEVELOPMENT, "TELEGRAM_API_URL": server.url}
    servers = {"telegram": server}
    yield cast(Stack, SimpleNamespace(url=running.url, servers=servers, settings=settings))
    running.close()


def _written(*numbers: int) -> list[dict[str, Any]]:
    chat = {"id": 7, "type": "private", "first_name": "Ada"}
    return [
        {"update_id": number, "message": {"message_id": number, "date": 1, "chat": chat}}
        for number in numbers
    ]


def _queue(telegram: TelegramStandIn, *numbers: int) -> None:
    for update in _written(*numbers):
        telegram.learn(update, queue=True)


def test_updates_come_to_the_webhook_in_order_and_signed(
    stack: Stack, telegram: TelegramStandIn, webhook: Webhook
) -> None:
    _queue(telegram, 11, 12, 13)
    updates = Updates(stack)
    updates.once(hold=0)
    assert webhook.taken == [11, 12, 13]
    assert webhook.secrets == {SECRET}
    updates.once(hold=0)
    assert webhook.taken == [11, 12, 13]
    assert telegram.wait(2, "getUpdates")[-1].params["offset"] == 14


@pytest.mark.parametrize("status", [500, 503, 403, 302])
def test_what_was_not_taken_comes_again_before_what_follows(
    stack: Stack, telegram: TelegramStandIn, webhook: Webhook, status: int
) -> None:
    _queue(telegram, 11, 12, 13)
    webhook.statuses = [200, status]
    updates = Updates(stack)
    with pytest.raises(Refused, match=str(status)):
        updates.once(hold=0)
    assert webhook.taken == [11]
    updates.once(hold=0)
    assert webhook.taken == [11, 12, 13]
    assert [call.params["offset"] for call in telegram.wait(2, "getUpdates")] == [0, 12]


def test_a_registered_webhook_is_left_alone(stack: Stack, telegram: TelegramStandIn) -> None:
    telegram.webhook = {"url": "https://bot.example/telegram"}
    with pytest.raises(Refused, match=r"https://bot\.example/telegram.*--take-over"):
        start_polling(stack, take_over=False)
    assert telegram.webhook["url"]
    assert telegram.wait(0, "deleteWebhook", "getUpdates") == []


def test_unless_told_to_take_over_and_then_no_update_is_dropped(
    stack: Stack, telegram: TelegramStandIn, webhook: Webhook
) -> None:
    telegram.webhook = {"url": "https://bot.example/telegram"}
    _queue(telegram, 11)
    updates = Updates(stack)
    updates.claim(take_over=True)
    assert telegram.webhook["url"] == ""
    updates.once(hold=0)
    assert webhook.taken == [11]


def test_where_none_is_registered_nothing_is_deleted(
    stack: Stack, telegram: TelegramStandIn
) -> None:
    Updates(stack).claim(take_over=True)
    assert telegram.wait(0, "deleteWebhook") == []


def test_it_is_for_a_real_bot(stack: Stack) -> None:
    del stack.settings["TELEGRAM_API_URL"]
    with pytest.raises(Refused, match="TELEGRAM_API_URL"):
        start_polling(stack, take_over=False)


def test_the_token_is_in_no_complaint(stack: Stack, server: Running) -> None:
    server.refuse()
    with pytest.raises(Refused) as refused:
        Updates(stack).claim(take_over=False)
    assert TOKEN not in f"{refused.value!r} {refused.value.__cause__!r}"
    assert refused.value.__suppress_context__
    server.listen()


def test_only_what_the_bot_answers_is_asked_for(stack: Stack, telegram: TelegramStandIn) -> None:
    Updates(stack).once(hold=0)
    (call,) = telegram.wait(1, "getUpdates")
    assert call.params["allowed_updates"] == UPDATES
