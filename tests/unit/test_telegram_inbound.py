"""Which updates are authentic and need an answer, and how they are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatbot.channels.telegram.inbound import TelegramInbound, read
from chatbot.channels.telegram.update import Bot, chat_fields
from chatbot.core.errors import Forged, Malformed, Unreadable
from chatbot.core.message import Author, Envelope, Kind, Media, Message, ReplyTo, Stop
from chatbot.core.settings import Settings
from chatbot.edge.http import Received, Request
from tests.fakes.clock import NOON, FakeClock

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
        update(message=message(text="hi", date="today")),
        update(message={**message(text="hi"), "date": None}),
        update(message={**message(text="hi"), "from": None}),
        update(callback_query=[]),
        update(callback_query=callback(**{"from": None})),
        update(callback_query=callback(message={"chat": {}, "message_id": 1, "date": 0})),
        update(edited_message=message(text="hi", date=None)),
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
        ({"edited_message": message(text="hi", edit_date=NOON // 1000 + 901)}, "edited_message"),
        ({"edited_message": message(location={"live_period": 60})}, "edited_message"),
        ({"edited_message": message(GROUP, text="hi")}, "not_addressed"),
        ({"subscription": {}}, "subscription"),
        ({"channel_post": message(text="hi")}, "channel_post"),
        ({"my_chat_member": {}}, "my_chat_member"),
        ({"kind_of_tomorrow": {}}, "unknown_kind"),
        ({}, "unknown_kind"),
        ({"message": message(text="hi", **{"from": US})}, "bot"),
        ({"message": message(new_chat_members=[US])}, "service_message"),
        ({"message": message(text="hi", is_automatic_forward=True)}, "automatic_forward"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_worth_a_worker_is_named(kinds: dict[str, Any], reason: str) -> None:
    assert receive(update(**kinds)) == Received(ignored=(reason,))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"data": None, "game_short_name": "x"}, "callback_without_data"),
        ({"data": ""}, "callback_without_data"),
        ({"data": 1}, "callback_without_data"),
        ({"message": None, "inline_message_id": "i"}, "callback_without_message"),
    ],
)
def test_a_button_that_does_nothing_stops_waiting(fields: dict[str, Any], reason: str) -> None:
    """Telegram takes one call from the response to a webhook (Bot API)."""
    received = receive(update(callback_query=callback(**fields)))
    assert (received.ignored, received.envelopes) == ((reason,), ())
    assert received.response is not None
    assert json.loads(received.response.body) == {
        "method": "answerCallbackQuery",
        "callback_query_id": "c1",
    }


def test_the_button_of_an_inaccessible_message_works() -> None:
    """Bot API, InaccessibleMessage: only the chat, the id, and 0 for a date."""
    bare = {"chat": PRIVATE, "message_id": 3, "date": 0}
    envelope = envelope_of(update(callback_query=callback(message=bare)))
    pressed = read(envelope, BOT)
    assert (envelope.conversation, envelope.occurred_at) == ("telegram:42", NOON)
    assert (pressed.command.name, pressed.handles.callback) == ("reset", "c1")
    assert pressed.author == Author("7", "Ada", "en")


def test_a_press_without_an_id_is_answered_without_acknowledging_it() -> None:
    envelope = envelope_of(update(callback_query=callback(id=None)))
    assert read(envelope, BOT).handles.callback == ""


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
        said.key, "telegram", Kind.TEXT, "Hello", Author("7", "Ada", "en"), group=False, id="5"
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


def test_all_channels_of_a_chat_are_counted_as_one() -> None:
    stand_in = {"id": 136817688, "is_bot": True, "first_name": "Channel"}
    said = [
        read_back(chat=GROUP, **NAMED, sender_chat={"id": number}, **{"from": stand_in})
        for number in (-1001, -1002)
    ]
    assert [message.author.id for message in said] == ["-1001", "-1002"]
    assert [message.counted_as for message in said] == ["-100", "-100"]
    assert read_back(chat=GROUP, **NAMED).counted_as == ""


@pytest.mark.parametrize(
    "content",
    [
        {"video": {}},
        {"photo": []},
        {"location": {}},
        # People forward these to the bot.
        {"giveaway": {}},
        {"giveaway_winners": {}},
        {"invoice": {}},
    ],
    ids=str,
)
def test_what_has_no_text_is_unsupported(content: dict[str, Any]) -> None:
    assert read_back(**content).kind is Kind.UNSUPPORTED


@pytest.mark.parametrize(
    ("conversation", "payload"),
    [
        ("telegram:42", {}),
        ("telegram:42", {"message": []}),
        ("telegram:42", {"message": {**message(text="hi"), "from": 7}}),
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


def test_a_replied_file_comes_along() -> None:
    """Bot API, Message.reply_to_message; ExternalReplyInfo for a message of another chat."""
    photo = [{"file_id": "small", "file_size": 5}, {"file_id": "large", "file_size": 50}]
    replied = message(photo=photo, caption="a fox")
    said = read_back(text="What is it?", reply_to_message=replied)
    assert said.text == "What is it?"
    assert said.reply_to == ReplyTo("5", "a fox", (Media("photo", "large", 50),))
    voice = {"origin": {"type": "hidden_user"}, "voice": {"file_id": "v", "file_size": 7}}
    said = read_back(text="Sum it up", external_reply=voice, quote={"text": "q", "position": 0})
    assert said.reply_to == ReplyTo("", "q", (Media("audio", "v", 7),))
    document = message(document={"file_id": "d", "file_name": "n.txt"})
    said = read_back(text="/image it", reply_to_message=document)
    assert said.reply_to.media == (Media("document", "d", 0, "n.txt"),)


def test_an_album_part() -> None:
    """Bot API, Message.media_group_id."""
    photo = [{"file_id": "p"}]
    part = read_back(photo=photo, media_group_id="77")
    assert (part.album, part.unfinished, part.text) == ("77", True, "[picture]")
    video = read_back(video={"file_id": "v"}, media_group_id="77")
    assert (video.kind, video.text) == (Kind.UNSUPPORTED, "[video]")
    commanding = read_back(photo=photo, caption="/help", media_group_id="77")
    assert (commanding.kind, commanding.media, commanding.unfinished) == (Kind.COMMAND, (), True)


def test_in_a_group_every_part_of_an_album_is_queued() -> None:
    """Only one part has the caption that addresses the bot."""
    photo = {"photo": [{"file_id": "p"}], "media_group_id": "77"}
    named = {"caption": NAMED["text"], "caption_entities": NAMED["entities"]}
    parts = [read_back(chat=GROUP, **photo), read_back(chat=GROUP, **photo, **named)]
    assert [part.addressed for part in parts] == [False, True]


def test_an_edit_is_an_event_of_its_own_that_names_its_message() -> None:
    envelope = envelope_of(update(edited_message=message(text="Hi!", edit_date=NOON // 1000 + 9)))
    assert envelope.event_id == "000000001234:edit"
    assert envelope.occurred_at == NOON + 9_000
    edit = read(envelope, BOT)
    assert (edit.kind, edit.text, edit.id, edit.edits) == (Kind.TEXT, "Hi!", "", "5")
    stop = update(edited_message=message(text="/stop", edit_date=NOON // 1000 + 9))
    assert receive(stop).stops == (Stop("telegram:42", "", NOON + 9_000),)


@pytest.mark.parametrize(
    ("chat", "fields"),
    [
        ({"id": -100, "type": "supergroup"}, {"migrate_from_chat_id": -5}),
        ({"id": -5, "type": "group"}, {"migrate_to_chat_id": -100}),
    ],
)
def test_a_group_that_became_a_supergroup(chat: dict[str, Any], fields: dict[str, Any]) -> None:
    """Bot API, Message: one service message in the old chat, one in the new."""
    envelope = envelope_of(update(message=message(chat, **fields)))
    assert (envelope.conversation, envelope.event_id) == ("telegram:-100", "000000001234:moved")
    moved = read(envelope, BOT)
    assert (moved.kind, moved.moved_from) == (Kind.MOVED, "telegram:-5")


@pytest.mark.parametrize(
    "odd",
    [
        {"chat": {"id": 42}},
        {"text": ["hi"]},
        {"entities": {}},
        {"is_topic_message": True},
        {"is_topic_message": True, "message_thread_id": -3},
        {"message_id": "5"},
        {"reply_to_message": "x"},
        {"reply_to_message": {"message_id": {}, "text": 1, "photo": [1, {"file_id": 2}]}},
        {"external_reply": 1, "quote": []},
        {"photo": {}, "voice": [], "document": 1, "sticker": 2, "poll": [], "venue": 1},
        {"poll": {"options": [1, {"text": 2}]}, "dice": {}, "contact": {"first_name": 3}},
        {"media_group_id": 7},
        {"sender_chat": "x"},
        {"sender_chat": {"id": "x"}},
        {"migrate_to_chat_id": "x"},
        {"from": {"id": 7, "first_name": 1, "language_code": {}}},
    ],
    ids=str,
)
def test_a_part_of_another_form_costs_nothing_else(odd: dict[str, Any]) -> None:
    said = read_back(**{**NAMED, **odd})
    assert said.author.id == "7"
    assert said.kind in (Kind.TEXT, Kind.UNSUPPORTED)


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


@pytest.mark.parametrize("field", ["edited_message", "message_reaction", "callback_query"])
@pytest.mark.parametrize("value", ["x", [], 5, None], ids=str)
def test_an_odd_part_beside_a_message_does_not_cost_it(field: str, value: object) -> None:
    envelope = envelope_of(update(message=message(text="hi"), **{field: value}))
    assert read(envelope, BOT).text == "hi"


@pytest.mark.parametrize("field", ["edited_message", "message_reaction", "message"])
def test_an_update_of_an_unknown_form_alone_is_unreadable(field: str) -> None:
    with pytest.raises(Unreadable):
        receive(update(**{field: "x"}))


@pytest.mark.parametrize("content", [{"photo": [{}]}, {"document": {}}, {"voice": {"file_id": 5}}])
def test_an_attachment_without_an_id_is_known_to_have_been_sent(content: dict[str, Any]) -> None:
    [media] = read_back(**content, caption="What is it?").media
    assert media.source == ""
