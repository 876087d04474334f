"""Messages that arrive while the one before is being answered, through the whole stack."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable

import pytest
import requests

from local.standins.faults import Fault
from local.standins.people import CHANNELS
from tests.e2e.chat import SECONDS, Chat

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


def write_while_the_first_is_answered(chatting: Chat, *texts: str) -> None:
    """Write the texts; the model begins to answer the first when all of them are queued."""
    queued = threading.Event()

    def wait(environ: object) -> None:
        queued.wait(SECONDS)

    chatting.stack.openai.faults.add(Fault("slow", contains=texts[0], then=wait))
    try:
        for text in texts:
            post = chatting.person.write(chatting.channel, text, chatting.stack.url)
            assert chatting.post(post).ok
    finally:
        queued.set()


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
