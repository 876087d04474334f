"""What the model is told besides the text, through the whole stack."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from local.standins.faults import Fault
from local.standins.people import CHANNELS
from tests.e2e.chat import Chat

pytestmark = pytest.mark.long

Chats = Callable[[str], Chat]
HOUR_MS = 3_600_000


@pytest.mark.parametrize("quote", [{}, {"quote": {"text": "at nine", "position": 8}}])
def test_on_telegram_the_text_that_is_replied_to(chat: Chats, quote: dict[str, Any]) -> None:
    chatting, marker = chat("telegram"), str(uuid.uuid4())
    replied = {
        "message_id": 9,
        "date": int(time.time()),
        "chat": {"id": chatting.person.telegram_id, "type": "private"},
        "text": "We open at nine",
    }
    post = chatting.person.telegram(f"Sure? {marker}", reply_to_message=replied, **quote)
    assert chatting.post(post).ok
    chatting.received(1)
    (prompt,) = chatting.prompts(marker)
    shown = quote["quote"]["text"] if quote else "We open at nine"
    assert prompt[-1]["content"] == f"> {shown}\n\nSure? {marker}"


def test_on_messenger_the_answer_that_is_replied_to(chat: Chats) -> None:
    chatting, marker = chat("messenger"), str(uuid.uuid4())
    chatting.say("We open at nine")
    calls = chatting.stack.graph.wait(0, "POST messages")
    mid = next(
        call.result["message_id"]
        for call in calls
        if call.params["recipient"]["id"] == chatting.person.psid
    )
    assert chatting.post(chatting.person.messenger(f"Sure? {marker}", reply_to={"mid": mid})).ok
    chatting.received(2)
    (prompt,) = chatting.prompts(marker)
    assert prompt[-1]["content"] == f"> You said: We open at nine\n\nSure? {marker}"


def test_in_a_group_the_names(chat: Chats) -> None:
    chatting, marker = chat("telegram"), str(uuid.uuid4())
    username = chatting.stack.settings["TELEGRAM_BOT_USERNAME"]
    group: dict[str, Any] = {
        "id": -chatting.person.telegram_id,
        "type": "supergroup",
        "title": "A group",
    }
    mention = {"type": "mention", "offset": 0, "length": len(username) + 1}
    for number, name in enumerate(("Ada", "Bob")):
        sender = {"id": 10 + number, "is_bot": False, "first_name": name}
        fields = {"chat": group, "entities": [mention], "message_id": 5 + number, "from": sender}
        post = chatting.person.telegram(f"@{username} I am here {marker}", **fields)
        assert chatting.post(post).ok
        chatting.received(1 + number, group["id"])
    prompt = chatting.prompts(marker)[-1]
    assert [line["content"] for line in prompt if line["role"] == "user"] == [
        f"Ada: I am here {marker}",
        f"Bob: I am here {marker}",
    ]
    assert f"@{username}" in prompt[0]["content"]


@pytest.mark.parametrize("channel", CHANNELS)
def test_when_the_context_is_too_long_the_oldest_turns_go(chat: Chats, channel: str) -> None:
    chatting, marker = chat(channel), str(uuid.uuid4())
    texts = [f"{name} {marker}{' word' * 100}" for name in ("one", "two", "three")]
    for text in texts[:2]:
        chatting.say(text)
    chatting.stack.openai.context_tokens = 500
    try:
        assert chatting.say(texts[2])[-1].startswith("You said: three")
    finally:
        chatting.stack.openai.context_tokens = 0
    prompt = chatting.prompts(texts[2])[-1]
    shown = [line["content"].split()[0] for line in prompt if line["role"] == "user"]
    assert shown == ["two", "three"]


def test_a_pages_earlier_conversation_is_remembered(chat: Chats) -> None:
    chatting, marker = chat("messenger"), str(uuid.uuid4())
    graph, psid, now = chatting.stack.graph, chatting.person.psid, time.time_ns() // 1_000_000
    graph.person_wrote(psid, f"m_old_{marker}", "Long ago", now - 25 * HOUR_MS)
    graph.person_wrote(psid, f"m_1_{marker}", "Do you open today?", now - 2 * HOUR_MS)
    graph.page_wrote(psid, f"m_2_{marker}", "We open at nine.", now - HOUR_MS)
    first = chatting.person.messenger(f"And tomorrow? {marker}")
    graph.person_wrote(psid, first.marker, f"And tomorrow? {marker}", now)
    assert chatting.post(first).ok
    chatting.received(1)
    chatting.say(f"And on Sunday? {marker}")
    second = chatting.prompts("And on Sunday?")[-1]
    assert [(line["role"], line["content"].split("\n")[0]) for line in second[1:]] == [
        ("user", "Do you open today?"),
        ("assistant", "We open at nine."),
        ("user", f"And tomorrow? {marker}"),
        ("assistant", f"You said: And tomorrow? {marker}"),
        ("user", f"And on Sunday? {marker}"),
    ]
    reads = [call for call in graph.wait(0, "GET conversations") if call.params["user_id"] == psid]
    assert len(reads) == 1


def test_without_it_the_answer_goes_on(chat: Chats) -> None:
    chatting = chat("messenger")
    fault = Fault("status", match="GET conversations", status=500, contains=chatting.person.psid)
    chatting.stack.graph.faults.add(fault)
    assert chatting.say("Hello") == ["You said: Hello"]
    assert any(fired.fault is fault for fired in chatting.stack.graph.faults.fired)
