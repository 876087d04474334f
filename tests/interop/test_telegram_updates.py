"""Updates that other people's libraries make, from the webhook to the answer.

The libraries say what a message is: aiogram its kind of content, python-telegram-bot whether it is
a service message, which nobody wrote to the bot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from chatbot.channels.telegram.inbound import _IGNORED
from chatbot.channels.telegram.registration import UPDATES
from chatbot.core.work import Done
from tests.interop.desk import BOT, Handled, open_desk
from tests.interop.other_clients import SECONDS, ask

pytestmark = pytest.mark.timeout(2 * SECONDS)

NOT_WRITTEN = {
    # Service messages that python-telegram-bot does not list as such (Bot API, Message).
    "boost_added",
    "successful_payment",
    "user_shared",
    # Service messages since Bot API 10.2 and 10.3, which python-telegram-bot does not know yet.
    "community_chat_added",
    "community_chat_joined",
    "community_chat_removed",
    # What a person shares by a form that the bot would have to ask for (Telegram Passport).
    "passport_data",
}
"""Kinds of content that are no message to the bot."""
NOBODYS = {"is_automatic_forward"}
"""Fields of messages that no person wrote: a channel's posts in its discussion group."""


@dataclass(frozen=True)
class Case:
    """An update with the description by clients/updates.py, and what became of it."""

    about: dict[str, Any]
    handled: Handled

    @property
    def title(self) -> str:
        """Which update it is."""
        names = ("by", "kind", "field", "amount", "content")
        return " ".join(str(self.about[name]) for name in names if name in self.about)

    @property
    def message(self) -> Any:
        return self.about["update"].get("message")


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    made = ask("updates", str(BOT))
    with open_desk(TELEGRAM_BOT_USERNAME="interop_bot") as desk:
        for number, each in enumerate(made, 1):
            each["update"]["update_id"] = number
        return [Case(each, desk.handle(each["update"])) for each in made]


def test_every_update_is_taken_and_none_becomes_a_dead_letter(cases: list[Case]) -> None:
    assert {case.title: case.handled.status for case in cases if case.handled.status != 200} == {}
    ends = {case.title: case.handled.outcomes for case in cases}
    assert {title: end for title, end in ends.items() if {*end} - {Done()}} == {}


def test_every_kind_of_update_is_made(cases: list[Case]) -> None:
    made = {by: {case.about["kind"] for case in cases if case.about["by"] == by} for by in BOTH}
    assert made["aiogram"] >= made["python-telegram-bot"] >= {"message", "callback_query"}
    assert made["aiogram"] == {*UPDATES, *_IGNORED}
    assert len(cases) > 1500


BOTH = ("aiogram", "python-telegram-bot")


@pytest.mark.parametrize("by", BOTH)
def test_what_a_person_writes_to_the_bot_is_answered(cases: list[Case], by: str) -> None:
    written = [
        case
        for case in cases
        if case.about["by"] == by
        and not case.about.get("service", True)
        and case.about["content"] not in {"unknown", *NOT_WRITTEN}
        and case.about["field"] not in {"", *NOBODYS}
    ]
    chats = [case.message["chat"]["type"] for case in written]
    assert min(chats.count(chat) for chat in ("private", "supergroup")) > 100
    assert {case.title for case in written if not case.handled.answered} == set()


def test_a_service_message_is_not_answered(cases: list[Case]) -> None:
    service = [
        case
        for case in cases
        if case.about.get("service") or case.about.get("content") in NOT_WRITTEN
    ]
    alone = [case for case in service if case.about["content"] != "text" and case.about["field"]]
    assert len({case.about["content"] for case in alone}) > 40
    assert {case.title for case in alone if case.handled.answered} == set()


def test_every_button_stops_to_wait(cases: list[Case]) -> None:
    pressed = [case for case in cases if case.about["kind"] == "callback_query"]
    inaccessible = [case for case in pressed if _date_of_button(case) == 0]
    assert inaccessible
    for case in pressed:
        calls = [call.method for call in case.handled.calls]
        ended = (case.handled.response or {}).get("method") == "answerCallbackQuery"
        assert ended or {"answerCallbackQuery", "sendMessage"} <= {*calls}, case.title


def _date_of_button(case: Case) -> int | None:
    date: int | None = case.about["update"]["callback_query"].get("message", {}).get("date")
    return date
