"""Conversations through the whole stack, with the signatures that the platforms would make."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import pytest
import requests

from local.stack import Stack
from local.standins.people import CHANNELS, Person
from tests.e2e.chat import Chat, send

Chats = Callable[[str], Chat]
LIMITS = {"telegram": 4096, "messenger": 2000}


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_second_prompt_holds_the_first_turn(chat: Chats, channel: str) -> None:
    chatting = chat(channel)
    marker = str(uuid.uuid4())
    assert chatting.say("My name is Ada") == ["You said: My name is Ada"]
    assert chatting.say(f"What is my name? {marker}") == ["Your name is Ada."]
    (prompt,) = chatting.prompts(marker)
    assert [line["content"] for line in prompt if line["role"] == "assistant"] == [
        "You said: My name is Ada"
    ]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_fresh_start_forgets(chat: Chats, channel: str) -> None:
    chatting = chat(channel)
    chatting.say("My name is Ada")
    assert "fresh start" in chatting.say("/reset")[0]
    assert chatting.say("What is my name?") == ["You said: What is my name?"]


@pytest.mark.parametrize("channel", ["telegram", "messenger"])
def test_answers_come_in_the_order_of_the_messages(chat: Chats, channel: str) -> None:
    chatting = chat(channel)
    for number in range(5):
        post = chatting.person.write(channel, f"Number {number}", chatting.stack.url)
        assert chatting.post(post).status_code == HTTPStatus.OK
    chatting.say("That is all")
    # Those that waited together were answered together.
    answers = [answer.split("\n\n")[0] for answer in chatting.received(2)]
    told = "\n".join(answer.removeprefix("You said: ") for answer in answers)
    assert told.split("\n") == [*(f"Number {number}" for number in range(5)), "That is all"]


@pytest.mark.parametrize("channel", ["telegram", "messenger"])
def test_a_long_answer_is_split(chat: Chats, channel: str) -> None:
    parts = chat(channel).say("[[length:500]]")
    whole = " ".join(f"word{number}" for number in range(1, 501))
    assert len(parts) == -(-len(whole) // LIMITS[channel])
    assert all(0 < len(part) <= LIMITS[channel] for part in parts)
    assert " ".join(" ".join(parts).split()) == whole


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_message_sent_again_is_answered_once(chat: Chats, channel: str) -> None:
    chatting = chat(channel)
    marker = str(uuid.uuid4())
    post = chatting.person.write(channel, f"Once, please: {marker}", chatting.stack.url)
    with ThreadPoolExecutor(3) as together:
        replies = list(together.map(chatting.post, [post] * 3))
    assert all(reply.ok for reply in replies)
    assert chatting.post(post).ok
    # What comes after it in the conversation shows that all before is done.
    chatting.say("And then?")
    assert len(chatting.prompts(f"Once, please: {marker}")) == 1
    if channel != "web":
        assert [text.split("\n")[0] for text in chatting.received(2)] == [
            f"You said: Once, please: {marker}",
            "You said: And then?",
        ]


def test_a_group_is_answered_when_it_addresses_the_bot(chat: Chats) -> None:
    chatting = chat("telegram")
    group: dict[str, Any] = {
        "id": -chatting.person.telegram_id,
        "type": "supergroup",
        "title": "A group",
    }
    username = chatting.stack.settings["TELEGRAM_BOT_USERNAME"]
    talk = chatting.person.telegram("Nobody asked", chat=group)
    mention = {"type": "mention", "offset": 6, "length": len(username) + 1}
    asked = chatting.person.telegram(
        f"Hello @{username}", chat=group, entities=[mention], message_id=77
    )
    assert chatting.post(talk).ok
    assert chatting.post(asked).ok
    (answer,) = chatting.messages(1, group["id"])
    assert answer["reply_parameters"]["message_id"] == 77
    assert not chatting.prompts("Nobody asked")


def test_a_pressed_button_is_acknowledged_and_answered(chat: Chats) -> None:
    chatting = chat("telegram")
    person = chatting.person
    asked: dict[str, Any] = {
        "message_id": 5,
        "date": int(time.time()) - 60,
        "chat": {"id": person.telegram_id, "type": "private", "first_name": "Ada"},
    }
    query = {
        "id": str(person.telegram_id),
        "from": {"id": person.telegram_id, "is_bot": False, "first_name": "Ada"},
        "chat_instance": "1",
        "data": "/help",
        "message": asked,
    }
    update_id = int(time.time())
    assert chatting.post(
        person.telegram_update({"update_id": update_id, "callback_query": query})
    ).ok
    assert "/reset" in chatting.received(1)[0]
    acknowledged = chatting.stack.telegram.wait(0, "answerCallbackQuery")
    assert query["id"] in [call.params["callback_query_id"] for call in acknowledged]


def test_what_the_page_sent_is_not_answered_but_the_staffs_is_remembered(chat: Chats) -> None:
    chatting = chat("messenger")
    person, settings = chatting.person, chatting.stack.settings
    ends = {
        "sender": {"id": settings["MESSENGER_PAGE_ID"]},
        "recipient": {"id": person.psid},
    }
    marker = str(uuid.uuid4())
    for mid, app, text in (
        (f"m_own_{marker}", int(settings["MESSENGER_APP_ID"]), "I said this"),
        (f"m_staff_{marker}", 263902037430900, f"Our shop opens at nine {marker}"),
    ):
        echo = {"mid": mid, "is_echo": True, "app_id": app, "text": text}
        assert chatting.post(person.messenger_event({**ends, "message": echo}, mid)).ok
    chatting.say(f"When do you open? {marker}")
    (prompt,) = chatting.prompts(f"When do you open? {marker}")
    told = " ".join(line["content"] for line in prompt)
    assert f"Our shop opens at nine {marker}" in told
    assert "I said this" not in told
    assert len(chatting.received(1)) == 1


def test_two_people_are_not_mixed_up(stack: Stack, person: Person) -> None:
    other = Person(f"{person.name}-other", person.signer)
    chats = [Chat(stack, who, "telegram") for who in (person, other)]
    with ThreadPoolExecutor(2) as together:
        list(together.map(Chat.say, chats, ["My name is Ada", "My name is Bob"]))
        answers = list(together.map(Chat.say, chats, ["What is my name?"] * 2))
    assert answers == [["Your name is Ada."], ["Your name is Bob."]]


def test_the_page_brings_a_conversation_of_its_own(stack: Stack) -> None:
    with requests.Session() as browser:
        page = browser.get(stack.url, timeout=30)
        assert page.ok
        attributes = page.headers["set-cookie"].split("; ")
        assert {"HttpOnly", "SameSite=Lax"} <= {*attributes}
        assert "Secure" not in attributes  # which a browser would not send back over http
        turns = browser.get(f"{stack.url}/web/messages", timeout=30).json()["turns"]
    assert turns == []


def test_a_page_reads_its_own_conversation_only(chat: Chats) -> None:
    chatting = chat("web")
    chatting.say("My name is Ada")
    url = f"{chatting.stack.url}/web/messages"
    own = {"cookie": chatting.person.signer.web_cookie(chatting.person.session)}
    forged = {"cookie": own["cookie"][:-1] + ("0" if own["cookie"][-1] != "0" else "1")}
    (turn,) = requests.get(url, headers=own, timeout=30).json()["turns"]
    assert turn["text"] == "My name is Ada"
    assert requests.get(url, headers=forged, timeout=30).status_code == HTTPStatus.UNAUTHORIZED
    assert requests.get(url, timeout=30).status_code == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    ("channel", "header", "value", "status"),
    [
        ("telegram", "x-telegram-bot-api-secret-token", "wrong", HTTPStatus.UNAUTHORIZED),
        ("messenger", "x-hub-signature-256", "sha256=" + "0" * 64, HTTPStatus.UNAUTHORIZED),
        ("web", "origin", "http://elsewhere.example", HTTPStatus.FORBIDDEN),
        ("web", "cookie", "conversation=AAAAAAAAAAAAAAAAAAAAAA.0", HTTPStatus.UNAUTHORIZED),
    ],
)
def test_a_forgery_goes_no_further(
    stack: Stack, person: Person, channel: str, header: str, value: str, status: HTTPStatus
) -> None:
    marker = str(uuid.uuid4())
    post = person.write(channel, marker, stack.url)
    before = stack.recorder.last
    assert send(stack, post, **{header: value}).status_code == status
    queued = [
        record
        for record in stack.recorder.after(before)
        if record.operation.startswith("SendMessage") and marker in record.request
    ]
    assert not queued


def test_messenger_shakes_hands(stack: Stack) -> None:
    query = {
        "hub.mode": "subscribe",
        "hub.verify_token": stack.settings["MESSENGER_VERIFY_TOKEN"],
        "hub.challenge": "1158201444",
    }
    answer = requests.get(f"{stack.url}/messenger", params=query, timeout=30)
    assert (answer.status_code, answer.text) == (HTTPStatus.OK, "1158201444")
    query["hub.verify_token"] = "wrong"
    answer = requests.get(f"{stack.url}/messenger", params=query, timeout=30)
    assert answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
