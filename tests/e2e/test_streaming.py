"""Answers appear while they are generated, and can be stopped, on each channel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import requests

from local.stack import Stack
from local.standins.base import Call
from local.standins.faults import Fault
from local.standins.people import CHANNELS, Post
from tests.e2e.chat import Chat, until

pytestmark = pytest.mark.long

Chats = Callable[[str], Chat]
WORDS = 40
LONG = f"[[length:{WORDS}]]"
WHOLE = " ".join(f"word{number}" for number in range(1, WORDS + 1))


@contextmanager
def slowly(stack: Stack, token_s: float, first_token_s: float = 0) -> Iterator[None]:
    """Slow down the model inside the block, in seconds."""
    stack.openai.token_s, stack.openai.first_token_s = token_s, first_token_s
    try:
        yield
    finally:
        stack.openai.token_s = stack.openai.first_token_s = 0


def shown(chat: Chat, chat_id: int | None = None) -> list[Call]:
    """Return what the person saw on Telegram: drafts and messages, in order."""
    calls = chat.stack.telegram.wait(0, "sendMessageDraft", "sendMessage")
    where = chat_id or chat.person.telegram_id
    return [call for call in calls if call.params["chat_id"] == where]


def page(chat: Chat) -> dict[str, Any]:
    headers = {"cookie": chat.person.signer.web_cookie(chat.person.session)}
    reply = requests.get(f"{chat.stack.url}/web/messages", headers=headers, timeout=30)
    found: dict[str, Any] = reply.json()
    return found


def test_previews_grow_and_then_the_message_comes(chat: Chats) -> None:
    chatting = chat("telegram")
    with slowly(chatting.stack, 0.07):
        assert chatting.say(LONG) == [WHOLE]
    *previews, message = shown(chatting)
    assert [call.method for call in previews] == ["sendMessageDraft"] * len(previews)
    assert message.method == "sendMessage"
    assert len(previews) >= 3
    texts = [call.params["text"] for call in previews]
    assert all(WHOLE.startswith(text) for text in texts)
    assert texts == sorted(set(texts), key=len)
    assert len({call.params["draft_id"] for call in previews}) == 1
    gaps = [later.at - call.at for call, later in pairwise(previews)]
    assert min(gaps) > 0.8
    assert chatting.stack.telegram.draft(chatting.person.telegram_id) is None


def test_a_quick_answer_needs_no_preview(chat: Chats) -> None:
    chatting = chat("telegram")
    chatting.say("Hello")
    assert [call.method for call in shown(chatting)] == ["sendMessage"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", "sendMessageDraft", times=0, status=429, retry_after=1),
        Fault("status", "sendMessageDraft", times=0, status=500),
        Fault("hang_up_before", "sendMessageDraft", times=0),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_previews_that_fail_cost_nothing(chat: Chats, fault: Fault) -> None:
    chatting = chat("telegram")
    faults = chatting.stack.telegram.faults
    known = len(faults.fired)
    faults.add(fault)
    try:
        with slowly(chatting.stack, 0.07):
            assert chatting.say(LONG) == [WHOLE]
    finally:
        faults.clear()
    assert 1 <= len(faults.fired) - known <= 3
    assert len(chatting.prompts(LONG)) >= 1
    assert [call.method for call in shown(chatting)] == ["sendMessage"]


def test_a_group_sees_no_preview(chat: Chats) -> None:
    chatting = chat("telegram")
    chat_id = -chatting.person.telegram_id
    group = {"id": chat_id, "type": "supergroup", "title": "A group"}
    username = chatting.stack.settings["TELEGRAM_BOT_USERNAME"]
    mention = {"type": "mention", "offset": 0, "length": len(username) + 1}
    text = f"@{username} [[length:20]]"
    with slowly(chatting.stack, 0.07):
        assert chatting.post(chatting.person.telegram(text, chat=group, entities=[mention])).ok
        chatting.messages(1, chat_id)
    assert [call.method for call in shown(chatting, chat_id)] == ["sendMessage"]
    actions = chatting.stack.telegram.wait(0, "sendChatAction")
    assert chat_id in [call.params["chat_id"] for call in actions]


def test_the_page_shows_what_is_written_so_far(chat: Chats) -> None:
    chatting = chat("web")
    post = chatting.person.web(LONG, chatting.stack.url)
    seen: list[str] = []

    def draft() -> dict[str, Any]:
        found: dict[str, Any] = page(chatting)["draft"] or {}
        if found and found["html"] not in seen:
            assert found["id"] == post.marker
            seen.append(found["html"])
        return found

    with slowly(chatting.stack, 0.07):
        assert chatting.post(post).ok
        until(lambda: bool(draft() and len(seen) >= 2), True)
    until(lambda: bool(page(chatting)["turns"]), True)
    assert page(chatting)["draft"] is None
    assert page(chatting)["turns"][0]["answer"] == WHOLE
    assert 0 < len(seen[0]) < len(seen[1])


# Stopping


def telegram_button(chat: Chat, asked: Post) -> Post:
    until(lambda: bool(shown(chat)), True)
    draft_id = shown(chat)[-1].params["draft_id"]
    stopped = {"chat": {"id": chat.person.telegram_id, "type": "private"}, "draft_id": draft_id}
    update = {"update_id": int(asked.marker) + 1, "stopped_message_generation": stopped}
    return chat.person.telegram_update(update)


WAYS: dict[str, Callable[[Chat, Post], Post]] = {
    "telegram text": lambda chat, asked: chat.person.telegram("/stop"),
    "telegram button": telegram_button,
    "messenger text": lambda chat, asked: chat.person.messenger("/stop"),
    "messenger quick reply": lambda chat, asked: chat.person.messenger(
        "Stop the answer", quick_reply={"payload": "/stop"}
    ),
    "messenger menu": lambda chat, asked: chat.person.messenger_event(
        {"postback": {"mid": asked.marker + "-stop", "title": "Stop", "payload": "/stop"}}, "stop"
    ),
    "web button": lambda chat, asked: chat.person.web_post(
        "/web/stop", chat.stack.url, "stop", id=asked.marker
    ),
    "web text": lambda chat, asked: chat.person.web("/stop", chat.stack.url),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_stop_keeps_and_delivers_what_was_said(chat: Chats, way: str) -> None:
    chatting = chat(way.split()[0])
    marker = f"[[length:200]] {way} {chatting.person.name}"
    asked = chatting.person.write(chatting.channel, marker, chatting.stack.url)
    with slowly(chatting.stack, 0.05), ThreadPoolExecutor(1) as pool:
        answering = pool.submit(chatting.answers_to, asked)
        until(lambda: bool(chatting.prompts(marker)), True)
        assert chatting.post(WAYS[way](chatting, asked)).ok
        [answer] = answering.result()
    said = answer.removesuffix("…").split()
    assert answer.endswith("…")
    assert said == [f"word{number}" for number in range(1, len(said) + 1)]
    assert 1 <= len(said) < 150
    chatting.say("And then?")
    assert len(chatting.prompts(marker)) == 1
    (prompt,) = chatting.prompts("And then?")[-1:]
    assert answer in [line["content"] for line in prompt]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_stop_before_the_first_word(chat: Chats, channel: str) -> None:
    chatting = chat(channel)
    marker = f"Hello from {chatting.person.name}"
    asked = chatting.person.write(channel, marker, chatting.stack.url)
    with slowly(chatting.stack, 0.05, first_token_s=2.5), ThreadPoolExecutor(1) as pool:
        answering = pool.submit(chatting.answers_to, asked)
        until(lambda: bool(chatting.prompts(marker)), True)
        way = {"telegram": "telegram text", "messenger": "messenger text", "web": "web button"}
        assert chatting.post(WAYS[way[channel]](chatting, asked)).ok
        assert answering.result() == ["Stopped."]


def test_an_older_stop_is_for_no_later_message(chat: Chats) -> None:
    chatting = chat("messenger")
    assert chatting.post(chatting.person.messenger("/stop")).ok
    time.sleep(0.01)
    with slowly(chatting.stack, 0.07):
        assert chatting.say(LONG) == [WHOLE]
