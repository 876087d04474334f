"""Conversations on Telegram with a real model: webhook, queue, worker, and the posts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatbot.core.translations import say
from local.stack import Stack
from local.standins.people import Person, Signer
from tests.e2e.chat import send, until
from tests.llama.files import PHOTO, VOICE
from tests.llama.server import ModelServer
from tests.llama.talk import SECONDS, SENTENCES, Talk

QUESTIONS = (
    "Hello! Who are you?",
    "Where is Paris?",
    "What can one see there?",
    "Tell me more about the Eiffel Tower.",
    "How does one get there from Berlin?",
    "What do people eat in France?",
    "How is bread made?",
    "Write a short poem about bread.",
    "What is the capital of Italy?",
    "Tell me about its history.",
    "Who was Julius Caesar?",
    "Thank you. What did we talk about?",
)


def test_twelve_turns_in_a_context_of_1024_tokens(talk: Talk) -> None:
    shortened = 0
    for question in QUESTIONS:
        before = talk.stack.recorder.last
        answer = talk.say(question)
        assert answer.strip(" …")
        assert not SENTENCES & {answer}
        asked = talk.asked(before)
        assert [each.status for each in asked] == [400] * (len(asked) - 1) + [200]
        assert all("exceed_context_size_error" in each.response for each in asked[:-1])
        sizes = [len(each.lines) for each in asked]
        assert sizes == sorted(set(sizes), reverse=True)
        for each in asked:
            roles = [line["role"] for line in each.lines]
            assert roles == ["system", "user", *["assistant", "user"] * (len(roles) // 2 - 1)]
            assert each.lines[-1]["content"] == question
        shortened += len(asked) > 1
    assert shortened > 0


def test_a_stop_keeps_what_was_said(talk: Talk, server: ModelServer) -> None:
    asked = talk.person.telegram("Write a long story about a lighthouse and its keeper.")
    with ThreadPoolExecutor(1) as pool:
        answering = pool.submit(talk.answer_to, asked)
        until(lambda: bool(talk.drafts()), True)
        assert send(talk.stack, talk.person.telegram("/stop")).ok
        answer = answering.result(SECONDS)
    draft = talk.drafts()[0]
    assert answer.endswith("…")
    assert answer.startswith(draft.rstrip(" …")[:20])
    until(lambda: server.writing, 0)
    before = talk.stack.recorder.last
    assert not SENTENCES & {talk.say("What is the capital of France?")}
    [prompt] = [each.lines for each in talk.asked(before) if each.status == 200]
    assert [line["role"] for line in prompt] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize("again", ["first", "later"])
def test_a_photo_costs_no_answer(talk: Talk, again: str) -> None:
    before = talk.stack.recorder.last
    answer = talk.send("photo", PHOTO, "photo.png", "What is the capital of France?")
    sentence, _, said = answer.partition("\n\n")
    assert sentence == say("no_pictures", "en")
    assert "Paris" in said
    refused = [each for each in talk.asked(before) if each.status != 200]
    assert all("image input is not supported" in each.response for each in refused)
    assert len(refused) <= 1
    assert not SENTENCES & {talk.say("And where is Berlin?")}


def test_a_photo_without_words(talk: Talk) -> None:
    assert talk.send("photo", PHOTO, "photo.png") == say("no_pictures", "en")


def test_a_recording_is_answered_with_a_sentence(talk: Talk) -> None:
    assert talk.send("voice", VOICE, "voice.wav") == say("no_recordings", "en")
    assert "Paris" in talk.say("What is the capital of France?")


def test_five_people_at_once(stack: Stack, talk: Talk) -> None:
    """Each gets one answer of the model, though they share a context of 1,024 tokens."""
    people = [Person(f"bob-{uuid.uuid4()}", Signer(stack.settings)) for _ in range(5)]
    before = stack.recorder.last
    write: Callable[[Person], str] = lambda person: Talk(stack, person).say(  # noqa: E731
        "Write a long story about a lighthouse and its keeper."
    )
    with ThreadPoolExecutor(len(people)) as pool:
        said = list(pool.map(write, people))
    assert all(each.strip(" …") for each in said)
    assert not SENTENCES & {*said}
    assert sum(each.status == 200 for each in talk.asked(before)) <= 3 * len(people)
