"""A person who sends more than can wait, through the whole stack."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from chatbot.adapters.dynamodb.waiting import WAITING
from chatbot.core.limits import DOOR_CLOSED_MS, DOOR_EVENTS
from chatbot.core.translations import say
from tests.e2e.chat import Chat, being_answered, until

SENTENCE = say("one_at_a_time", "en")
MOST = 12  # more than a batch: its places are free when all of it is done


@pytest.mark.parametrize("channel", ["telegram", "messenger"])
def test_what_may_wait_is_answered_and_one_sentence_says_the_rest(
    chat: Callable[[str], Chat], change: Callable[..., None], channel: str
) -> None:
    change(MAX_WAITING=str(MOST))
    chatting, marker = chat(channel), str(uuid.uuid4())
    # However slowly they are written, the others wait while the first is answered.
    with being_answered(chatting, f"0 {marker}"):
        for number in range(1, 60):
            text = f"{number} {marker}"
            assert chatting.post(chatting.person.write(channel, text, chatting.stack.url)).ok
    until(lambda: _sentences(chatting, channel), 1)
    until(lambda: _has_room(chatting), True)  # a moment after the last post
    time.sleep(DOOR_CLOSED_MS / 1000)  # so long its process turns it away without asking the table
    asked = {
        line.partition(" ")[0]
        for prompt in chatting.prompts(marker)
        for line in prompt[-1]["content"].split("\n")
    }
    answered = {str(number) for number in range(60)} & asked
    # As many as were let through without counting, and as may wait.
    assert DOOR_EVENTS + MOST <= len(answered) < 60
    assert chatting.say(f"Is there room again? {marker}")[-1].startswith("You said: Is there room")
    assert _sentences(chatting, channel) == 1


def _has_room(chatting: Chat) -> bool:
    name = f"{WAITING}:{chatting.person.conversation(chatting.channel)}"
    item: dict[str, Any] = chatting.stack.table.get_item(Key={"pk": name, "sk": WAITING})["Item"]
    return bool(item["taken"] < item["open_to"])


def _sentences(chatting: Chat, channel: str) -> int:
    posts = chatting.received(0) if channel == "telegram" else _messenger(chatting)
    return posts.count(SENTENCE)


def _messenger(chatting: Chat) -> list[str]:
    return [message["text"] for message in chatting.messages(0) if "text" in message]
