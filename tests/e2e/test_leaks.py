"""The search for leaks (tests/leaks.py) sees what the functions write."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from chatbot.edge import webhook
from local.standins.people import CHANNELS
from tests.e2e.chat import Chat
from tests.leaks import LEAKS


@pytest.mark.parametrize("channel", CHANNELS)
def test_logs_and_metrics_are_searched(chat: Callable[[str], Chat], channel: str) -> None:
    chatting = chat(channel)
    conversation = chatting.person.conversation(channel)
    chatting.say("A sentence that nobody may log")
    written = LEAKS.written
    assert f'"conversation":"{conversation}"' in written
    assert '"Answered"' in written
    assert "webhook" in written
    assert {"e that nobod", "You said: A "} <= LEAKS.pieces
    assert LEAKS.found() == []


def test_a_leak_is_noticed(chat: Callable[[str], Chat], monkeypatch: pytest.MonkeyPatch) -> None:
    handle = webhook.handle
    words = "A sentence that somebody logs"

    def talkative(request, *more):  # type: ignore[no-untyped-def]
        sys.stdout.write(f"{request.body!r}\n")
        return handle(request, *more)

    monkeypatch.setattr("chatbot.bootstrap.webhook.handle", talkative)
    chat("telegram").say(words)
    assert any(words in leak for leak in LEAKS.found())
