"""The search for leaks finds what was leaked on purpose, and nothing else."""

from __future__ import annotations

import base64
import json
import time

import pytest

from local.http.recorder import Recorder
from tests.leaks import Leaks

WORDS = "Meine Katze heißt Öhrchen, und sie schläft schlecht 😿"
SECRET = "4711:a-planted-token"


@pytest.fixture
def leaks() -> Leaks:
    found = Leaks()
    found.secrets.add(SECRET)
    found.learn(WORDS)
    return found


@pytest.mark.parametrize(
    "line",
    [
        WORDS,
        json.dumps({"message": "queued", "text": WORDS}),
        json.dumps({"error": f"ValueError: {WORDS[:20]}"}),
        f"it ends with {WORDS[-20:]}",
        json.dumps({"where": repr(WORDS)}),
        f"https://api.telegram.org/bot{SECRET}/sendMessage",
    ],
)
def test_what_is_planted_is_found(leaks: Leaks, line: str) -> None:
    leaks.write('{"message": "posted", "part": 1}\n')
    leaks.write(line)
    assert leaks.found()
    assert not leaks.found()


def test_what_may_be_written_is_not(leaks: Leaks) -> None:
    leaks.learn("An id in a text: 5f0c9f2e-6f3f-4f6e-9a53-1d1c1a2b3c4d")
    for line in (
        "",
        '{"level":"INFO","message":"queued","conversation":"telegram:42","bytes":17}',
        "REPORT RequestId: 5f0c9f2e-6f3f-4f6e-9a53-1d1c1a2b3c4d Duration: 3 ms",
    ):
        leaks.write(line + "\n")
    assert leaks.found() == []


def test_it_learns_from_what_the_recorder_sees() -> None:
    recorder, leaks = Recorder(), Leaks()
    recorder.listen(leaks.hear)

    def record(server: str, request: object, response: object) -> None:
        sent, answered = (json.dumps(each).encode() for each in (request, response))
        recorder.add(server, "operation", time.time(), 200, sent, answered)

    said = {"update_id": 1, "message": {"text": "I was born in Kuala Lumpur"}}
    cookie = "conversation=" + "A" * 22 + "." + "0f" * 32
    event = {"headers": {"x-hub-signature-256": "sha256=" + "a1" * 32}, "cookies": [cookie]}
    record("api", said, {})
    record("telegram", {"chat_id": 7, "text": "You were born far away"}, {"ok": True})
    record("openai", {}, {"choices": [{"message": {"content": "Let me think about it"}}]})
    record("lambda", {**event, "body": base64.b64encode(b"x").decode()}, {"statusCode": 200})
    for text in (
        "born in Kuala",
        "were born far",
        "me think about",
        "0f" * 32,
        "sha256=" + "a1" * 32,
    ):
        leaks.write(f"warning: {text}.\n")
        assert leaks.found(), text
    record("lambda", {}, {"error": "KeyError: 'I was born in Kuala Lumpur'"})
    assert leaks.found()
    leaks.write(f"conversation web:{'A' * 22}")
    assert not leaks.found()
