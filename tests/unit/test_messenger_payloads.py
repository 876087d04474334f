"""Events as Meta and other people's software publish them, from the webhook to the answer.

tests/payloads/messenger.json has each in our own words, with the page or project that has its
form: `asked` is what the model is asked, `told` the sentence that the person gets instead, `silent`
that nothing is to be said, `ignored` the reason why it is not queued.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chatbot.channels.messenger.inbound import read
from chatbot.core.files import File
from chatbot.core.translations import say
from chatbot.core.work import Done
from tests.inbox import PAGE, Inbox

PAYLOADS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "payloads" / "messenger.json").read_text(encoding="utf-8")
)
FILES = {
    ".png": File(b"\x89PNG\r\n\x1a\n", "image/png"),
    ".jpg": File(b"\xff\xd8\xff", "image/jpeg"),
    ".mp3": File(b"spoken words", "audio/mpeg"),
    ".doc": File(b"\xd0\xcf\x11\xe0", "application/x-ole"),
}


@pytest.mark.parametrize("payload", PAYLOADS, ids=[each["name"] for each in PAYLOADS])
def test_an_event_as_others_publish_it(payload: dict[str, Any]) -> None:
    assert payload["source"].startswith("https://")
    inbox = Inbox(FILES)
    entry = {"id": PAGE, "time": payload["event"].get("timestamp"), "messaging": [payload["event"]]}
    received = inbox.receive({"object": "page", "entry": [entry]})
    if "ignored" in payload:
        assert (received.envelopes, received.ignored) == ((), (payload["ignored"],))
        return
    [envelope] = received.envelopes
    assert received.ignored == ()
    assert inbox.handle(envelope) == Done()
    if "command" in payload:
        assert read(envelope).command.name == payload["command"]
        assert inbox.posted
        return
    asked = [prompt[-1] for prompt in inbox.model.prompts]
    assert [line.content for line in asked] == [payload[key] for key in payload if key == "asked"]
    if "pictures" in payload:
        assert [len(line.pictures) for line in asked] == [payload["pictures"]]
    if "silent" in payload:
        assert inbox.posted == []
    elif "told" in payload:
        assert inbox.posted == [say(payload["told"], "en")]
    else:
        assert inbox.posted == [f"You said: {asked[0].content}"]
