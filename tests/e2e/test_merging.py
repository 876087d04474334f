"""Messages that arrive while the one before is being answered, through the whole stack."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pytest
import requests

from local.standins.people import CHANNELS
from tests.e2e.chat import SECONDS, Chat, being_answered

Chats = Callable[[str], Chat]


@pytest.mark.parametrize("channel", CHANNELS)
def test_they_are_answered_together_once_and_in_order(chat: Chats, channel: str) -> None:
    chatting, marker = chat(channel), str(uuid.uuid4())
    texts = [f"{word} {marker}" for word in ("zero", "one", "two", "three")]
    write_while_the_first_is_answered(chatting, *texts)
    merged, last_text = "\n".join(texts[1:]), f"Is that all? {marker}"
    end = time.monotonic() + SECONDS
    while len(_answers(chatting, channel, 2)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert chatting.say(last_text)[-1].startswith(f"You said: {last_text}")
    first, second, last = chatting.prompts(marker)
    assert first[-1]["content"] == texts[0]
    assert second[-1]["content"] == merged
    assert [line["content"] for line in last if line["role"] == "user"] == [
        texts[0],
        merged,
        last_text,
    ]
    assert _answers(chatting, channel, 3) == [texts[0], merged, last_text]


def test_nothing_is_merged_across_a_command(chat: Chats) -> None:
    chatting, marker = chat("telegram"), str(uuid.uuid4())
    texts = [f"zero {marker}", f"one {marker}", "/reset", f"two {marker}"]
    write_while_the_first_is_answered(chatting, *texts)
    chatting.received(4)
    asked = [prompt[-1]["content"] for prompt in chatting.prompts(marker)]
    assert asked == [texts[0], texts[1], texts[3]]


def test_a_text_that_telegram_cut_waits_for_its_second_half(chat: Chats) -> None:
    chatting, marker = chat("telegram"), str(uuid.uuid4())
    halves = [f"{marker} {'é' * 4050}", f"and the rest {marker} [[length:3]]"]
    for half in halves:
        assert chatting.post(chatting.person.write("telegram", half, chatting.stack.url)).ok
        time.sleep(0.3)  # as long as Telegram takes
    assert chatting.received(1) == ["word1 word2 word3"]
    (prompt,) = chatting.prompts(marker)
    assert prompt[-1]["content"] == "\n".join(halves)


def test_an_album_is_one_message(chat: Chats) -> None:
    chatting, marker = chat("telegram"), str(uuid.uuid4())
    pngs = [b"\x89PNG\r\n\x1a\n" + bytes([number]) for number in range(3)]
    sources = [chatting.stack.upload("telegram", png, f"photos/{marker}") for png in pngs]
    for post in chatting.person.telegram_album(sources, f"What are these? {marker} [[length:3]]"):
        assert chatting.post(post).ok
        time.sleep(0.3)  # as long as Telegram takes
    assert chatting.received(1) == ["word1 word2 word3"]
    calls = chatting.stack.openai.wait(0, "chat/completions")
    asked = [call.params["messages"][-1]["content"] for call in calls]
    (parts,) = [content for content in asked if marker in str(content)]
    assert [part["type"] for part in parts].count("image_url") == 3


def test_a_message_edited_before_its_answer_is_answered_as_edited(chat: Chats) -> None:
    chatting, marker = chat("telegram"), str(uuid.uuid4())
    zero, last = f"zero {marker}", f"last {marker}"
    written = chatting.person.telegram(f"oen {marker}")
    with being_answered(chatting, zero):
        assert chatting.post(written).ok
        assert chatting.post(chatting.person.telegram_edit(written, f"one {marker}")).ok
    chatting.received(2)
    late = chatting.person.telegram_edit(written, f"too late {marker}")
    assert chatting.post(late).ok
    chatting.say(last)
    asked = [prompt[-1]["content"] for prompt in chatting.prompts(marker)]
    assert asked == [zero, f"one {marker}", last]


def write_while_the_first_is_answered(chatting: Chat, *texts: str) -> None:
    """Write the texts; the model begins to answer the first when all of them are queued."""
    with being_answered(chatting, texts[0]):
        for text in texts[1:]:
            post = chatting.person.write(chatting.channel, text, chatting.stack.url)
            assert chatting.post(post).ok


def _answers(chatting: Chat, channel: str, at_least: int) -> list[str]:
    """Return the messages that each answer repeats, in order."""
    if channel == "web":
        cookie = chatting.person.signer.web_cookie(chatting.person.session)
        url = f"{chatting.stack.url}/web/messages"
        page = requests.get(url, headers={"cookie": cookie}, timeout=30).json()
        found = [turn["answer"] for turn in page["turns"] if turn["answer"]]
    else:
        found = chatting.received(at_least)
    return [text.removeprefix("You said: ").split("\n\n")[0] for text in found]
