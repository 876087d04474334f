"""What is sent to Telegram, and how its responses are understood, with the stand-in."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from chatbot.channels.telegram import outbound
from chatbot.channels.telegram.outbound import TEXT_LIMIT, TelegramChannel
from chatbot.core.errors import (
    AmbiguousPost,
    ChatbotError,
    CredentialRefused,
    PostRefused,
    Undeliverable,
)
from chatbot.core.files import StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.limits import DRAFT_FORMATTED
from chatbot.core.message import Author, Handles, Kind, Message
from chatbot.core.ports import Channel, Settling
from chatbot.core.settings import Seconds, Settings
from chatbot.core.turn import Button, Origin, Part, Reply, State, Turn
from chatbot.net.post import Session
from local.http.server import Running, serve
from local.standins.faults import Fault
from local.standins.telegram import TelegramStandIn
from tests.fakes.clock import NOON
from tests.fakes.journal import FakeJournal
from tests.services import services

TOKEN = "99:a-token"
GROUP = -100


@pytest.fixture
def telegram() -> TelegramStandIn:
    return TelegramStandIn(TOKEN)


@pytest.fixture
def server(telegram: TelegramStandIn) -> Iterator[Running]:
    with closing(serve(telegram)) as running:
        yield running
        telegram.faults.release()


@pytest.fixture
def settings(server: Running) -> Settings:
    return Settings(telegram_bot_token=TOKEN, telegram_api_url=server.url + "/")


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


@pytest.fixture
def channel(settings: Settings, journal: FakeJournal) -> Iterator[TelegramChannel]:
    with Session() as session:
        yield TelegramChannel(services(settings, journal), session)


def turn(conversation: str = "telegram:42", **fields: object) -> Turn:
    fresh = Turn(
        key=TurnKey.of(conversation, NOON, "000000000001:message"),
        channel="telegram",
        author=Author("42"),
        text="Hi",
        reply=Reply("Hello"),
        state=State.SENDING,
        origin=Origin.MODEL,
    )
    return replace(fresh, **fields)  # type: ignore[arg-type]


def message(conversation: str = "telegram:42", callback: str = "") -> Message:
    key = TurnKey.of(conversation, NOON, "000000000001:message")
    return Message(
        key, "telegram", Kind.TEXT, "Hi", Author("42"), handles=Handles(callback=callback)
    )


def failure(channel: TelegramChannel, turn: Turn) -> ChatbotError:
    with pytest.raises(ChatbotError) as caught:
        channel.post(turn, Part("Hello"))
    return caught.value


def test_it_is_a_channel_whose_posts_cannot_be_read_back(channel: TelegramChannel) -> None:
    port: Channel = channel
    assert (port.name, port.settling) == ("telegram", Settling.OPERATOR)


def test_a_post(telegram: TelegramStandIn, channel: TelegramChannel) -> None:
    posted = channel.post(turn(), Part("Grüße 👋 *as it is*"))
    [call] = telegram.accepted
    assert call.params == {
        "chat_id": 42,
        "text": "Grüße 👋 *as it is*",
        "link_preview_options": {"is_disabled": True},
    }
    assert posted == str(call.result["message_id"])


@pytest.mark.parametrize("previews", ["off", "on"])
def test_no_address_of_an_answer_is_called_unless_a_setting_says_so(
    telegram: TelegramStandIn, settings: Settings, journal: FakeJournal, previews: str
) -> None:
    settings = replace(settings, link_previews=previews)  # type: ignore[arg-type]
    with Session() as session:
        channel = TelegramChannel(services(settings, journal), session)
        for part in channel.split(Reply("See [this](https://evil.example/?q=secret).")):
            channel.post(turn(), part)
        channel.preview(message(), "See https://evil.example/?q=secret")
    post, draft = (call.params for call in telegram.accepted)
    disabled = {"link_preview_options": {"is_disabled": True}} if previews == "off" else {}
    assert {name: post[name] for name in post if "preview" in name} == disabled
    # There is no such field: a draft has no preview (Bot API, sendMessageDraft).
    assert not any("preview" in name for name in draft)


def test_a_post_to_a_topic(telegram: TelegramStandIn, channel: TelegramChannel) -> None:
    channel.post(turn("telegram:-100:3"), Part("Hello"))
    assert telegram.accepted[0].params["message_thread_id"] == 3


def test_only_the_first_part_quotes(telegram: TelegramStandIn, channel: TelegramChannel) -> None:
    asked = turn(f"telegram:{GROUP}", quote="5")
    first = channel.post(asked, Part("one"))
    channel.post(replace(asked, posted=(first,)), Part("two"))
    quoting, plain = (call.params for call in telegram.accepted)
    assert quoting["reply_parameters"] == {"message_id": 5, "allow_sending_without_reply": True}
    assert "reply_parameters" not in plain


def test_parts_are_of_the_length_that_telegram_takes(
    telegram: TelegramStandIn, channel: TelegramChannel
) -> None:
    parts = channel.split(Reply("👍" * (TEXT_LIMIT + 1)))
    for part in parts:
        channel.post(turn(), part)
    assert [len(part.text) for part in parts] == [TEXT_LIMIT // 2, TEXT_LIMIT // 2, 1]
    assert len(telegram.accepted) == 3


def test_a_plain_answer_is_posted_as_it_is_written(channel: TelegramChannel) -> None:
    picture = StoredFile("folder/name.png", "image/png", "title")
    [part] = channel.split(Reply("*a* [b](https://c.de)", plain=True))
    assert (part.text, part.formatting) == ("*a* [b](https://c.de)", ())
    parts = channel.split(Reply("*a*\n\n`b`", file=picture, plain=True))
    assert [(part.text, part.formatting) for part in parts] == [("*a*", ()), ("`b`", ())]


def test_of_a_very_long_draft_only_the_end_is_converted(
    telegram: TelegramStandIn, channel: TelegramChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    converted: list[str] = []

    def recorded(text: str, *args: object, **more: object) -> list[Part]:
        converted.append(text)
        return [Part(text[-TEXT_LIMIT:])]

    monkeypatch.setattr(outbound, "parts_of", recorded)
    text = "A paragraph of the draft.\n\n" * 2_200
    for length in (DRAFT_FORMATTED, DRAFT_FORMATTED + 1, 30_000, 30_100, len(text)):
        channel.preview(message(), text[:length])
        assert text[:length].endswith(converted[-1])
        assert DRAFT_FORMATTED - 2 * TEXT_LIMIT < len(converted[-1]) <= DRAFT_FORMATTED
    assert 30_000 - len(converted[2]) == 30_100 - len(converted[3])  # it begins at the same place
    assert converted[2].startswith("\n\nA paragraph")


def test_typing_and_acknowledgement(telegram: TelegramStandIn, channel: TelegramChannel) -> None:
    channel.acknowledge(message())
    channel.acknowledge(message(callback="c1"))
    channel.show_typing(message("telegram:-100:3"))
    assert [(call.method, call.params) for call in telegram.accepted] == [
        ("answerCallbackQuery", {"callback_query_id": "c1"}),
        ("sendChatAction", {"chat_id": -100, "message_thread_id": 3, "action": "typing"}),
    ]


@pytest.mark.parametrize("kind", ["status", "hang_up_before", "malformed"])
def test_a_failed_typing_action_raises_nothing(
    kind: str, telegram: TelegramStandIn, channel: TelegramChannel, journal: FakeJournal
) -> None:
    telegram.faults.add(Fault(kind, times=2))  # type: ignore[arg-type]
    channel.acknowledge(message(callback="c1"))
    channel.show_typing(message())
    assert [facts["call"] for _, facts in journal.infos] == [
        "answerCallbackQuery",
        "sendChatAction",
    ]


# Drafts


def test_a_draft(telegram: TelegramStandIn, channel: TelegramChannel) -> None:
    asked = message()
    assert channel.preview(asked, "so **far**")
    [call] = telegram.accepted
    assert (call.method, call.params) == (
        "sendMessageDraft",
        {
            "chat_id": 42,
            "draft_id": int(channel.preview_id(asked.key)),
            "can_stop": True,
            "keep_on_stop": True,
            "text": "so far",
            "entities": [{"type": "bold", "offset": 3, "length": 3}],
        },
    )
    assert channel.preview_id(asked.key) != "0"


def test_a_draft_in_a_topic(telegram: TelegramStandIn, channel: TelegramChannel) -> None:
    channel.preview(message("telegram:42:3"), "so far")
    assert telegram.accepted[0].params["message_thread_id"] == 3


def test_a_group_has_no_place_for_drafts(
    telegram: TelegramStandIn, channel: TelegramChannel
) -> None:
    assert not channel.preview(message(f"telegram:{GROUP}"), "so far")
    assert telegram.accepted == []


def test_of_a_long_draft_the_end_is_shown(
    telegram: TelegramStandIn, channel: TelegramChannel
) -> None:
    text = "word " * 1000 + "the end"
    assert channel.preview(message(), text)
    [shown] = [call.params["text"] for call in telegram.accepted]
    assert shown == channel.split(Reply(text))[-1].text
    assert shown.endswith("the end")


def test_a_draft_without_words_is_not_sent(
    telegram: TelegramStandIn, channel: TelegramChannel
) -> None:
    assert channel.preview(message(), "\n")
    assert telegram.accepted == []


@pytest.mark.parametrize(
    ("fault", "meant"),
    [
        (Fault("status", status=429, retry_after=3), PostRefused),
        (Fault("status", status=403), Undeliverable),
        (Fault("status", status=400), Undeliverable),
        (Fault("hang_up_before"), AmbiguousPost),
    ],
)
def test_a_draft_that_fails(
    telegram: TelegramStandIn, channel: TelegramChannel, fault: Fault, meant: type[ChatbotError]
) -> None:
    telegram.faults.add(fault)
    with pytest.raises(meant) as caught:
        channel.preview(message(), "so far")
    if isinstance(caught.value, PostRefused):
        assert caught.value.retry_after == 3


NO_RIGHTS = "Bad Request: not enough rights to send text messages to the chat"


@pytest.mark.parametrize(
    ("fault", "meant", "reason"),
    [
        (Fault("status", status=429, retry_after=3), PostRefused, "status 429"),
        (Fault("status", status=401), CredentialRefused, "status 401"),
        (Fault("status", status=404, code="Not Found"), CredentialRefused, "status 404"),
        (Fault("status", status=500), AmbiguousPost, "status 500"),
        (Fault("status", status=502, body="<html>"), AmbiguousPost, "status 502"),
        (Fault("malformed"), AmbiguousPost, "status 200"),
        (Fault("malformed", body='{"ok":true,"result":true}'), AmbiguousPost, "answer without"),
        (Fault("hang_up_before"), AmbiguousPost, "ProtocolError"),
        (Fault("hang_up_after"), AmbiguousPost, "ProtocolError"),
        (Fault("reset"), AmbiguousPost, "ProtocolError"),
        (Fault("status", status=403), Undeliverable, "blocked"),
        (
            Fault("status", status=403, code="Forbidden: bot is not a member of the group chat"),
            Undeliverable,
            "removed",
        ),
        (Fault("status", status=403, code="Forbidden: something"), Undeliverable, "forbidden"),
        (
            Fault("status", status=400, code="Bad Request: chat not found"),
            Undeliverable,
            "no_chat",
        ),
        (Fault("status", status=400, code=NO_RIGHTS), Undeliverable, "no_rights"),
        (
            Fault("status", status=400, code="Bad Request: message thread not found"),
            Undeliverable,
            "no_topic",
        ),
        (Fault("status", status=400, code="Bad Request: what?"), Undeliverable, "bad_request"),
        (Fault("status", status=400, body="no JSON"), Undeliverable, "bad_request"),
    ],
    ids=str,
)
def test_what_an_answer_means(
    fault: Fault,
    meant: type[ChatbotError],
    reason: str,
    telegram: TelegramStandIn,
    channel: TelegramChannel,
) -> None:
    telegram.faults.add(fault)
    error = failure(channel, turn())
    assert type(error) is meant
    assert str(error).startswith(reason)
    assert getattr(error, "retry_after", None) == fault.retry_after
    assert len(telegram.faults.fired) == 1  # nothing was repeated


@pytest.mark.parametrize(
    ("state", "reason"),
    [("blocked", "blocked"), ("deactivated", "deactivated"), ("kicked", "removed")],
)
def test_people_who_are_gone(
    state: str, reason: str, telegram: TelegramStandIn, channel: TelegramChannel
) -> None:
    telegram.mark(42, state)  # type: ignore[arg-type]
    error = failure(channel, turn())
    assert isinstance(error, Undeliverable)
    assert error.reason == reason


def test_retry_after_of_the_body_counts_too(
    telegram: TelegramStandIn, channel: TelegramChannel
) -> None:
    body = '{"ok":false,"error_code":429,"description":"Too Many","parameters":{"retry_after":9}}'
    telegram.faults.add(Fault("status", status=429, body=body))
    error = failure(channel, turn())
    assert isinstance(error, PostRefused)
    assert error.retry_after == 9


def test_no_answer_within_the_post_timeout(
    telegram: TelegramStandIn, settings: Settings, journal: FakeJournal
) -> None:
    telegram.faults.add(Fault("no_answer"))
    with Session() as session:
        hasty = replace(settings, post_timeout=Seconds(0.3))
        error = failure(TelegramChannel(services(hasty, journal), session), turn())
    assert isinstance(error, AmbiguousPost)


def test_refused_formatting_is_posted_again_plain(
    telegram: TelegramStandIn, channel: TelegramChannel
) -> None:
    telegram.faults.add(Fault("status", status=400))
    channel.post(turn(), Part("*Hello_"))
    [call] = telegram.accepted
    assert call.params == {
        "chat_id": 42,
        "text": "*Hello_",
        "link_preview_options": {"is_disabled": True},
    }


def test_it_is_posted_again_once_only(telegram: TelegramStandIn, channel: TelegramChannel) -> None:
    telegram.faults.add(Fault("status", status=400, times=0))
    assert isinstance(failure(channel, turn()), Undeliverable)
    assert len(telegram.faults.fired) == 2


def test_a_second_post_without_time_is_not_begun(
    telegram: TelegramStandIn, settings: Settings, journal: FakeJournal
) -> None:
    telegram.faults.add(Fault("status", status=400))
    with Session() as session:
        hasty = replace(settings, post_timeout=Seconds(0.9))
        error = failure(TelegramChannel(services(hasty, journal), session), turn())
    assert type(error) is PostRefused
    assert not telegram.accepted


def test_a_group_that_moved_is_followed(
    telegram: TelegramStandIn, channel: TelegramChannel
) -> None:
    telegram.mark(GROUP, "migrated", migrate_to=-100200)
    channel.post(turn(f"telegram:{GROUP}", quote="5"), Part("Hello"))
    [call] = telegram.accepted
    assert call.params == {
        "chat_id": -100200,
        "text": "Hello",
        "link_preview_options": {"is_disabled": True},
    }


def test_a_refused_connection_does_not_tell_the_token(
    channel: TelegramChannel,
    settings: Settings,
    journal: FakeJournal,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with Session() as session:
        gone = TelegramChannel(
            services(replace(settings, telegram_api_url=closed), journal), session
        )
        error = failure(gone, turn())
        gone.show_typing(message())
    assert type(error) is PostRefused
    assert error.__suppress_context__
    assert "a-token" not in f"{error!r} {caplog.text} {journal.infos}"


def test_buttons_are_below_the_last_part(
    telegram: TelegramStandIn, channel: TelegramChannel
) -> None:
    buttons = (Button("Start fresh", "/new fresh"), Button("Früheres", "/new earlier"))
    first, last = channel.split(Reply("word " * 1000, buttons))
    assert (first.buttons, last.buttons) == ((), buttons)
    channel.post(turn(), last)
    assert telegram.accepted[0].params["reply_markup"] == {
        "inline_keyboard": [
            [{"text": "Start fresh", "callback_data": "/new fresh"}],
            [{"text": "Früheres", "callback_data": "/new earlier"}],
        ]
    }


@pytest.mark.parametrize(
    ("author", "rules"), [("7", True), ("8", False), (str(GROUP), True), ("-555", False)]
)
def test_who_rules_a_group(
    telegram: TelegramStandIn, channel: TelegramChannel, author: str, rules: bool
) -> None:
    telegram.administrators.add((GROUP, 7))
    asking = replace(message(f"telegram:{GROUP}:3"), author=Author(author), group=True)
    assert channel.is_administrator(asking) is rules


def test_who_rules_a_group_that_became_a_supergroup(
    telegram: TelegramStandIn, channel: TelegramChannel
) -> None:
    telegram.mark(GROUP, "migrated", migrate_to=-1002)
    telegram.administrators.add((-1002, 42))
    assert channel.is_administrator(message(f"telegram:{GROUP}"))


@pytest.mark.parametrize(
    ("fault", "known"),
    [
        (Fault("status", match="getChatMember", status=400), True),
        (Fault("status", match="getChatMember", status=429, retry_after=3), False),
        (Fault("status", match="getChatMember", status=502), False),
        (Fault("hang_up_before", match="getChatMember"), False),
    ],
)
def test_who_rules_is_asked_again_where_nobody_says(
    telegram: TelegramStandIn, channel: TelegramChannel, fault: Fault, known: bool
) -> None:
    telegram.administrators.add((GROUP, 42))
    telegram.faults.add(fault)
    asking = message(f"telegram:{GROUP}")
    if known:
        assert not channel.is_administrator(asking)
    else:
        with pytest.raises(PostRefused):
            channel.is_administrator(asking)
    assert channel.is_administrator(asking)
