"""Which updates are authentic and need an answer, and how they are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatbot.channels.telegram.inbound import Bot, TelegramInbound, chat_fields, read
from chatbot.core.errors import Forged, Malformed, Unreadable
from chatbot.core.message import Author, Envelope, Kind, Message, ReplyTo, Stop
from chatbot.core.settings import Settings
from chatbot.edge.http import Received, Request
from tests.fakes import NOON, FakeClock

SECRET = "a-secret"
SETTINGS = Settings(
    telegram_bot_token="99:token",
    telegram_webhook_secret=SECRET,
    telegram_bot_username="Ada_Bot",
)
BOT = Bot.of(SETTINGS)
ADA = {"id": 7, "is_bot": False, "first_name": "Ada", "language_code": "en"}
US = {"id": 99, "is_bot": True, "first_name": "Bot"}
PRIVATE = {"id": 42, "type": "private"}
GROUP = {"id": -100, "type": "supergroup"}
NAMED: dict[str, Any] = {
    "text": "@ada_bot hi",
    "entities": [{"type": "mention", "offset": 0, "length": 8}],
}


def message(chat: dict[str, Any] = PRIVATE, **fields: Any) -> dict[str, Any]:
    return {"message_id": 5, "date": NOON // 1000, "chat": chat, "from": ADA, **fields}


def update(**kinds: Any) -> dict[str, Any]:
    return {"update_id": 1234, **kinds}


def callback(**fields: Any) -> dict[str, Any]:
    pressed = {"id": "c1", "from": ADA, "message": message(GROUP, date=0), "data": "/reset now"}
    return {name: value for name, value in {**pressed, **fields}.items() if value is not None}


def receive(body: Any, settings: Settings = SETTINGS, **headers: str) -> Received:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"x-telegram-bot-api-secret-token": SECRET, **headers}
    request = Request("POST", "/telegram", headers=given, body=raw)
    return TelegramInbound(settings, FakeClock(NOON + 999)).receive(request)


def envelope_of(body: Any) -> Envelope:
    [envelope] = receive(body).envelopes
    return envelope


def read_back(**fields: Any) -> Message:
    """Return a message as read after it went through the queue."""
    envelope = envelope_of(update(message=message(**fields)))
    return read(Envelope.from_json(envelope.to_json()), BOT)


def test_the_update_travels_untouched() -> None:
    body = update(message=message(text="Grüße 👋 \\ud83d"), field_of_tomorrow=[None])
    assert envelope_of(body) == Envelope(
        "telegram", "telegram:42", "000000001234:message", NOON, body
    )


@pytest.mark.parametrize("secret", ["", "A-secret", "a-secret ", "ä-secret", "\ud800", None])
def test_only_the_right_secret_is_accepted(secret: str | None) -> None:
    headers = {} if secret is None else {"x-telegram-bot-api-secret-token": secret}
    request = Request("POST", "/telegram", headers=headers, body=b"not even read")
    with pytest.raises(Forged) as refused:
        TelegramInbound(SETTINGS).receive(request)
    assert refused.value.status == 401


def test_without_a_stored_secret_nothing_is_accepted() -> None:
    with pytest.raises(Forged):
        receive(update(), Settings(), **{"x-telegram-bot-api-secret-token": ""})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff{}",
        b"[]",
        b"null",
        {},
        {"update_id": "1234", "message": message(text="hi")},
        {"update_id": True, "message": message(text="hi")},
        update(message="hi"),
        update(message={}),
        update(message=message(chat={"id": "42", "type": "private"}, text="hi")),
        update(message=message(chat={"id": 42}, text="hi")),
        update(message=message(text="hi", date="today")),
        update(message=message(text=["hi"], chat=GROUP)),
        update(message=message(chat=GROUP, text="hi", entities={})),
        update(message=message(text="hi", is_topic_message=True)),
        update(message={**message(text="hi"), "from": None}),
        update(callback_query=[]),
        update(callback_query=callback(data=1)),
        update(callback_query=callback(message="old")),
    ],
    ids=lambda body: str(body)[:70],
)
def test_other_shapes_are_unreadable(body: Any) -> None:
    with pytest.raises(Unreadable):
        receive(body)


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        ({"edited_message": message(text="hi")}, "edited_message"),
        ({"channel_post": message(text="hi")}, "channel_post"),
        ({"my_chat_member": {}}, "my_chat_member"),
        ({"kind_of_tomorrow": {}}, "unknown_kind"),
        ({}, "unknown_kind"),
        ({"message": message(text="hi", **{"from": US})}, "bot"),
        ({"message": message(new_chat_members=[US])}, "service_message"),
        ({"message": message(text="hi", is_automatic_forward=True)}, "automatic_forward"),
        ({"callback_query": callback(data=None, game_short_name="x")}, "callback_without_data"),
        ({"callback_query": callback(data="")}, "callback_without_data"),
        (
            {"callback_query": callback(message=None, inline_message_id="i")},
            "callback_without_message",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_worth_a_worker_is_named(kinds: dict[str, Any], reason: str) -> None:
    assert receive(update(**kinds)) == Received(ignored=(reason,))


@pytest.mark.parametrize(
    ("fields", "addressed"),
    [
        (NAMED, True),
        ({"text": "hi"}, False),
        ({"text": "@ada_bot hi"}, False),  # in a code block, say: Telegram made no entity
        ({**NAMED, "text": "@eve_bot hi"}, False),
        ({"photo": [], "caption": "hi"}, False),
        (
            {"photo": [], "caption": NAMED["text"], "caption_entities": NAMED["entities"]},
            True,
        ),
        (
            {"text": "👋👋 @ada_bot", "entities": [{"type": "mention", "offset": 5, "length": 8}]},
            True,
        ),
        (
            {
                "text": "Bot, hi",
                "entities": [{"type": "text_mention", "offset": 0, "length": 3, "user": US}],
            },
            True,
        ),
        (
            {
                "text": "Eve, hi",
                "entities": [{"type": "text_mention", "offset": 0, "length": 3, "user": ADA}],
            },
            False,
        ),
        ({"text": "/help"}, True),
        ({"text": "/help@ADA_bot please"}, True),
        ({"text": "/help@eve_bot"}, False),
        ({"text": "/help@eve_bot", "reply_to_message": message(GROUP, **{"from": US})}, False),
        ({"text": "1/2 of it"}, False),
        ({"text": "hi", "reply_to_message": message(GROUP, **{"from": US})}, True),
        ({"text": "hi", "reply_to_message": message(GROUP)}, False),
        (
            {
                "text": "hi",
                "reply_to_message": message(GROUP, **{"from": US}, forum_topic_created={}),
            },
            False,
        ),
    ],
    ids=str,
)
def test_group_talk_counts_when_it_is_addressed_to_us(
    fields: dict[str, Any], addressed: bool
) -> None:
    received = receive(update(message=message(GROUP, **fields)))
    assert received.ignored == (() if addressed else ("not_addressed",))
    assert len(received.envelopes) == addressed


def test_without_a_known_name_nobody_else_is_taken_for_us() -> None:
    settings = Settings(telegram_webhook_secret=SECRET)
    strange = {"type": "mention", "offset": 0, "length": 0}
    asked = message(GROUP, text="hi", entities=[strange], reply_to_message={"from": {}})
    assert receive(update(message=asked), settings).ignored == ("not_addressed",)


def test_a_topic_is_a_conversation_and_a_thread_of_replies_is_not() -> None:
    topic = message(GROUP, **NAMED, is_topic_message=True, message_thread_id=3)
    thread = message(GROUP, **NAMED, message_thread_id=3)
    assert envelope_of(update(message=topic)).conversation == "telegram:-100:3"
    assert envelope_of(update(message=thread)).conversation == "telegram:-100"
    assert chat_fields("telegram:-100:3") == {"chat_id": -100, "message_thread_id": 3}
    assert chat_fields("telegram:-100") == {"chat_id": -100}


def test_a_button_press_has_the_time_at_which_it_came() -> None:
    envelope = envelope_of(update(callback_query=callback()))
    assert envelope.event_id == "000000001234:callback"
    assert envelope.occurred_at == NOON
    assert envelope.conversation == "telegram:-100"
    pressed = read(envelope, BOT)
    assert (pressed.kind, *pressed.command) == (Kind.COMMAND, "reset", "now")
    assert (pressed.handles.callback, pressed.handles.quote, pressed.author.id) == ("c1", "", "7")


def test_a_message_is_read() -> None:
    said = read_back(text="Hello")
    assert said == Message(
        said.key, "telegram", Kind.TEXT, "Hello", Author("7", "Ada", "en"), group=False
    )


def test_a_command_is_read() -> None:
    said = read_back(chat=GROUP, text="/Start@Ada_Bot from here")
    assert (said.kind, *said.command) == (Kind.COMMAND, "start", "from here")


@pytest.mark.parametrize(
    ("text", "offset", "meant"),
    [
        ("@ada_bot hi", 0, "hi"),
        ("👋 @ada_bot hi", 3, "👋 hi"),
        ("hi @ada_bot", 3, "hi"),
        ("hi\n@ada_bot\nyou", 3, "hi\n\nyou"),
        ("@ada_bot /help", 0, "/help"),
        ("@ada_bot", 0, "@ada_bot"),
    ],
)
def test_our_name_is_not_part_of_what_is_said(text: str, offset: int, meant: str) -> None:
    entities = [{"type": "mention", "offset": offset, "length": 8}]
    said = read_back(chat=GROUP, text=text, entities=entities)
    assert said.text == meant
    assert said.command.name == ("help" if "/help" in text else "")
    assert (said.group, said.handles.quote) == (True, "5")


def test_several_mentions_go_and_other_names_stay() -> None:
    entities = [{"type": "mention", "offset": at, "length": 8} for at in (0, 9, 18)]
    said = read_back(chat=GROUP, text="@ada_bot @eve_bot @ada_bot hi", entities=entities)
    assert said.text == "@eve_bot hi"


@pytest.mark.parametrize(
    "odd", [{"type": "mention"}, {"type": "text_mention", "offset": 0, "length": 2}, None, {}]
)
def test_an_entity_of_another_form_does_not_cost_the_message(odd: Any) -> None:
    entities = [odd, {"type": "mention", "offset": 0, "length": 8}]
    assert read_back(chat=GROUP, text="@ada_bot hi", entities=entities).text == "hi"


def test_an_anonymous_administrator_is_the_group() -> None:
    stand_in = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
    chat = {**GROUP, "title": "Engines"}
    said = read_back(chat=GROUP, **NAMED, sender_chat=chat, **{"from": stand_in})
    assert said.author == Author("-100", "Engines")


@pytest.mark.parametrize("content", [{"video": {}}, {"photo": []}, {"location": {}}])
def test_what_has_no_text_is_unsupported(content: dict[str, Any]) -> None:
    assert read_back(**content).kind is Kind.UNSUPPORTED


@pytest.mark.parametrize(
    ("conversation", "payload"),
    [
        ("telegram:42", {}),
        ("telegram:42", {"message": []}),
        ("telegram:42", {"message": message(text=1)}),
        ("telegram:42", {"callback_query": {"id": "c1"}}),
        ("telegram:42;DROP", {"message": message(text="hi")}),
        ("web:42", {"message": message(text="hi")}),
    ],
)
def test_a_payload_of_another_shape_is_malformed(
    conversation: str, payload: dict[str, Any]
) -> None:
    with pytest.raises(Malformed):
        read(Envelope("telegram", conversation, "1:message", NOON, payload), BOT)


STOPPED = {"chat": PRIVATE, "draft_id": 77}


@pytest.mark.parametrize(
    ("kinds", "stop"),
    [
        ({"message": message(text="/stop")}, Stop("telegram:42", "", NOON)),
        ({"message": message(text="/STOP@ada_bot now")}, Stop("telegram:42", "", NOON)),
        ({"message": message(GROUP, text="/stop")}, Stop("telegram:-100", "", NOON)),
        (
            {"message": message(GROUP, text="/stop", message_thread_id=3, is_topic_message=True)},
            Stop("telegram:-100:3", "", NOON),
        ),
        ({"callback_query": callback(data="/stop")}, Stop("telegram:-100", "", NOON)),
        ({"stopped_message_generation": STOPPED}, Stop("telegram:42", "77", NOON + 999)),
        (
            {"stopped_message_generation": {**STOPPED, "message_thread_id": 3}},
            Stop("telegram:42:3", "77", NOON + 999),
        ),
    ],
)
def test_a_wish_to_stop_is_not_queued(kinds: dict[str, Any], stop: Stop) -> None:
    assert receive(update(**kinds)) == Received(stops=(stop,))


@pytest.mark.parametrize("text", ["/stop@another_bot", "/stopped", "please /stop", "stop"])
def test_what_is_no_wish_to_stop(text: str) -> None:
    assert receive(update(message=message(text=text))).stops == ()


def test_a_wish_to_stop_for_another_bot() -> None:
    text = "/stop@another_bot"
    assert receive(update(message=message(GROUP, text=text))).ignored == ("not_addressed",)


@pytest.mark.parametrize("odd", [{}, {"chat": PRIVATE}, {"chat": PRIVATE, "draft_id": "7"}])
def test_an_odd_wish_to_stop(odd: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        receive(update(stopped_message_generation=odd))


@pytest.mark.parametrize(
    ("fields", "quoted", "replied_to"),
    [
        ({}, "", ""),
        ({"reply_to_message": {"message_id": 9, "text": "before"}}, "before", "9"),
        ({"reply_to_message": {"message_id": 9, "caption": "a fox"}}, "a fox", "9"),
        ({"reply_to_message": {"message_id": 9, "photo": []}}, "", "9"),
        (
            {
                "reply_to_message": {"message_id": 9, "text": "long before"},
                "quote": {"text": "before", "position": 5},
            },
            *("before", "9"),
        ),
        ({"quote": {"text": "elsewhere", "position": 0}}, "elsewhere", ""),
        ({"reply_to_message": {"message_id": 9, "forum_topic_created": {}}}, "", ""),
    ],
)
def test_what_is_replied_to_comes_along(
    fields: dict[str, Any], quoted: str, replied_to: str
) -> None:
    read = read_back(text="And then?", **fields)
    assert (read.text, read.reply_to) == ("And then?", ReplyTo(replied_to, quoted))


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [
        ("x" * 3999, False),
        ("x" * 4000, True),
        ("🎉" * 2000, True),
        ("🎉" * 1999, False),
        ("/image " + "x" * 4000, False),
    ],
)
def test_a_text_that_was_cut_has_more_to_come(text: str, unfinished: bool) -> None:
    assert read_back(text=text).unfinished is unfinished
