"""What is posted to Telegram, as other people's libraries read it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from chatbot.channels.text.entities import MOST_ENTITIES
from chatbot.channels.text.split import most_posts
from local.standins.base import Call
from local.standins.contract import Upload
from tests.interop import telegram_talk
from tests.interop.desk import POSTS, open_desk
from tests.interop.other_clients import SECONDS, ask

pytestmark = pytest.mark.timeout(2 * SECONDS)

LIBRARIES = ("aiogram", "python-telegram-bot")


@dataclass(frozen=True)
class Read:
    """A call, why it was made, and what the libraries say about it (clients/calls.py)."""

    why: str
    call: Call
    problems: Sequence[str]
    shown: dict[str, list[list[Any]]]


@dataclass(frozen=True)
class Talk:
    """All calls, and why the stand-in refused others."""

    calls: Sequence[Read]
    refused: Sequence[str]


@pytest.fixture(scope="module")
def talk() -> Talk:
    plain = {"TELEGRAM_BOT_USERNAME": telegram_talk.NAME, "PERSONAS": telegram_talk.PERSONAS}
    with open_desk(**plain) as desk:
        said = [(why, call) for why, made in telegram_talk.everything(desk) for call in made]
    read = ask("calls", lines=[_line(call) for _, call in said])
    calls = [Read(why, call, **each) for (why, call), each in zip(said, read, strict=True)]
    return Talk(calls, desk.refused)


@pytest.fixture
def calls(talk: Talk) -> Sequence[Read]:
    return talk.calls


def _line(call: Call) -> dict[str, Any]:
    params = {
        name: {"upload": value.filename} if isinstance(value, Upload) else value
        for name, value in call.params.items()
    }
    return {"method": call.method, "params": params}


def test_the_stand_in_takes_every_call(talk: Talk) -> None:
    assert talk.refused == []


def test_both_libraries_take_every_call(calls: Sequence[Read]) -> None:
    assert [(each.why, each.call.params, each.problems) for each in calls if each.problems] == []


def test_every_method_and_every_parameter_that_we_use_was_called(calls: Sequence[Read]) -> None:
    params = defaultdict[str, set[str]](set)
    for each in calls:
        params[each.call.method] |= {*each.call.params}
    told = {"chat_id", "message_thread_id", "reply_parameters"}
    words = {"text", "entities", "reply_markup", "link_preview_options"}
    assert params["sendMessage"] == {*told, *words}
    assert params["sendMessageDraft"] >= {"draft_id", "text", "entities", "can_stop"}
    assert params["sendPhoto"] == {*told, "photo", "caption"}
    assert params["sendDocument"] == {*told, "document", "caption"}
    others = "answerCallbackQuery deleteWebhook getChatMember getFile getMe getWebhookInfo"
    assert params.keys() >= {*others.split(), "sendChatAction", "setMyCommands", "setWebhook"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_entities_are_of_the_words_that_were_meant(calls: Sequence[Read], library: str) -> None:
    posts = defaultdict[str, list[Read]](list)
    for each in calls:
        if each.call.method == "sendMessage":
            posts[each.why].append(each)
    for name, made in telegram_talk.generated().items():
        shown = [
            (kind, words, value)
            for each in posts[name]
            for kind, words, value in each.shown[library]
        ]
        if len(made.meant) > MOST_ENTITIES * most_posts(made.markdown, 4096):  # links come first
            assert _links(shown) == _links(made.meant), name
            assert len(shown) > len(_links(shown)), name
            continue
        assert _joined(shown) == _joined(made.meant), name
        if len(posts[name]) == 1:
            assert Counter(shown) == Counter(made.meant), name
        else:
            assert name.startswith("long")


def test_telegram_keeps_every_entity(calls: Sequence[Read]) -> None:
    links = []
    for each in calls:
        if each.call.method in POSTS:
            result = each.call.result
            for name in ("entities", "caption_entities"):
                assert result.get(name, []) == each.call.params.get(name, []), each.why
            if each.why == telegram_talk.MANY_LINKS:
                links += [entity["url"] for entity in result["entities"]]
    assert links == [*telegram_talk.LINKS]


def _links(entities: Iterable[tuple[str, str, str | None]]) -> dict[Any, str]:
    return _joined(each for each in entities if each[0] == "text_link")


def _joined(entities: Iterable[tuple[str, str, str | None]]) -> dict[Any, str]:
    """The words by type and address, as an entity may be cut where a message ends."""
    words = defaultdict[Any, str](str)
    for kind, each, value in entities:
        words[kind, value] += "".join(each.split())
    return words


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("sendMessage", {"chat_id": 7}, "text"),
    ("sendMessage", {"chat_id": 7, "text": "Hi", "colour": "red"}, "colour"),
    ("sendMessage", {"chat_id": 7, "text": 5}, "text"),
    ("sendMessage", {"chat_id": 7, "text": ""}, "length"),
    ("sendMessage", {"chat_id": 7, "text": "👋" * 2049}, "length"),
    ("sendPhoto", {"chat_id": 7, "photo": "x", "caption": "x" * 1025}, "length"),
    ("answerCallbackQuery", {"callback_query_id": 4}, "callback_query_id"),
    ("answerCallbackQuery", {"callback_query_id": "4", "text": "x" * 201}, "too long"),
    ("setWebhook", {"url": "https://example.com", "allowed_updates": ["mesage"]}, "mesage"),
    ("setMyCommands", {"commands": [{"command": "x", "description": ""}]}, "length"),
    ("setMyCommands", {"commands": [{"command": "x", "description": "x"}] * 101}, "too many"),
]


def bad_entity(**more: Any) -> dict[str, Any]:
    entity = {"type": "bold", "offset": 0, "length": 2, **more}
    around = {"type": "italic", "offset": 1, "length": 3}
    return {"chat_id": 7, "text": "Hi you 👋", "entities": [entity, around]}


def bad_button(**button: Any) -> dict[str, Any]:
    return {"chat_id": 7, "text": "Hi", "reply_markup": {"inline_keyboard": [[button]]}}


BAD += [
    ("sendMessage", bad_entity(), "change the text"),
    ("sendMessage", bad_entity(weight=700), "weight"),
    ("sendMessage", bad_entity(offset=7, length=1), "UnicodeDecodeError"),
    ("sendMessage", bad_entity(length="2"), "length"),
    ("sendMessage", bad_button(text="", callback_data="x"), "no text"),
    ("sendMessage", bad_button(text="x", callback_data="x" * 65), "wrong length"),
    ("sendMessage", bad_button(text="x", callback_data="x", color="red"), "color"),
]


def test_the_libraries_notice_what_is_wrong() -> None:
    lines = [{"method": method, "params": params} for method, params, _ in BAD]
    for (_, params, why), read in zip(BAD, ask("calls", lines=lines), strict=True):
        assert why in " ".join(read["problems"]), (params, read)
