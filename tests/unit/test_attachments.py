"""Attachments reach the model, or their sender is told why not (attachments.py)."""

from __future__ import annotations

import pytest

from chatbot.core.completion import Completion
from chatbot.core.errors import (
    InputUnsupported,
    ModelRefused,
    ModelUnavailable,
    PostRefused,
    Unfetchable,
)
from chatbot.core.files import File
from chatbot.core.translations import say
from chatbot.core.turn import Origin
from chatbot.core.work import Done, HandBack
from tests.world import World

PNG = File(b"\x89PNG\r\n\x1a\n", "image/png")
PHOTO = ("photo", "here")


def test_a_picture_goes_to_the_model_as_data_and_stays_as_a_word() -> None:
    world = World()
    world.channel.files["here"] = PNG
    envelope = world.envelope("[picture] What is this?", media=[PHOTO])
    assert isinstance(world.handle(envelope), Done)
    line = world.model.prompts[0][-1]
    assert (line.content, line.pictures) == (
        "[picture] What is this?",
        ("data:image/png;base64,iVBORw0KGgo=",),
    )
    assert world.turn(envelope).text == "[picture] What is this?"
    world.handle(world.envelope("And now?"))
    assert [line.pictures for line in world.model.prompts[1]] == [()] * 4


def test_a_recording_becomes_its_words() -> None:
    world = World()
    world.channel.files["here"] = File(b"What is the time?", "audio/ogg")
    envelope = world.envelope("[recording]", media=[("audio", "here")])
    world.handle(envelope)
    assert world.channel.received == ["You said: What is the time?"]
    assert world.turn(envelope).text == "What is the time?"


def test_a_document_of_text_is_read_as_far_as_it_is_let() -> None:
    world = World(max_input=40)
    world.channel.files["here"] = File("\ufeffMilk\n".encode() * 20, "text/plain")
    mark = "[document: notes.txt]"
    world.handle(
        world.envelope(f"{mark} Sum it up", media=[("document", "here", 100, "notes.txt")])
    )
    asked = world.model.prompts[0][-1].content
    assert asked.startswith(f"{mark}\nMilk\n")
    assert len(asked) == 40


def test_a_picture_that_came_as_a_document_is_seen() -> None:
    world = World()
    world.channel.files["here"] = PNG
    world.handle(world.envelope("[document: a.png]", media=[("document", "here", 9, "a.png")]))
    line = world.model.prompts[0][-1]
    assert (line.content, len(line.pictures)) == ("[picture]", 1)


@pytest.mark.parametrize("language", ["en", "de-AT"])
@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("unsupported", "unsupported"),
        ("too_large", "too_large"),
        ("gone", "gone"),
        ("private_address", "gone"),
    ],
)
def test_what_cannot_be_read_gets_a_sentence(reason: str, sentence: str, language: str) -> None:
    world = World()
    world.channel.files["here"] = Unfetchable(reason)
    envelope = world.envelope("[picture]", media=[PHOTO], language=language)
    assert isinstance(world.handle(envelope), Done)
    assert world.channel.received == [say(sentence, language, most=10)]
    assert world.turn(envelope).origin is Origin.NOTICE
    assert not world.model.prompts


def test_what_is_known_to_be_too_large_is_not_fetched() -> None:
    world = World(max_file_mb=1)
    world.channel.files["here"] = PNG
    world.handle(world.envelope("[picture]", media=[("photo", "here", 1_000_001)]))
    assert world.channel.received == [say("too_large", "en", most=1)]


def test_nobody_listens_where_there_is_no_model_for_it() -> None:
    world = World(transcribe_model="off")
    world.channel.files["here"] = File(b"Hello", "audio/ogg")
    world.handle(world.envelope("[recording]", media=[("audio", "here")]))
    assert world.channel.received == [say("no_recordings", "en")]


@pytest.mark.parametrize("error", [PostRefused("slow"), ModelUnavailable("timeout")])
def test_what_may_work_later_is_tried_again(error: Exception) -> None:
    world = World(*([error] if isinstance(error, ModelUnavailable) else []))
    envelope = world.envelope("[recording]", media=[("audio", "here")])
    recording = File(b"Hello", "audio/ogg")
    world.channel.files["here"] = error if isinstance(error, PostRefused) else recording
    assert isinstance(world.handle(envelope), HandBack)
    world.channel.files["here"] = recording
    assert isinstance(world.handle(envelope, 2), Done)
    assert world.channel.received == ["You said: Hello"]


def test_a_recording_that_is_refused_gets_the_fallback() -> None:
    world = World(ModelRefused("authentication"))
    world.channel.files["here"] = File(b"Hello", "audio/ogg")
    world.handle(world.envelope("[recording]", media=[("audio", "here")]))
    assert world.channel.received == [world.settings.fallback_text]
    assert world.journal.counted("ModelDenied") == 1


def test_a_model_that_sees_no_pictures_answers_the_text_and_says_so() -> None:
    world = World(Completion("It may be a fox.", "m", unseen=("image",)))
    world.channel.files["here"] = PNG
    envelope = world.envelope("[picture] What is this?", media=[PHOTO])
    assert world.handle(envelope) == Done()
    assert world.channel.received == [f"{say('no_pictures', 'en')}\n\nIt may be a fox."]
    assert world.turn(envelope).origin is Origin.MODEL


@pytest.mark.parametrize("text", ["[picture]", "[picture]\n[picture] "])
def test_a_picture_alone_that_is_not_seen_gets_the_sentence_alone(text: str) -> None:
    world = World(Completion("What a lovely day!", "m", unseen=("image",)))
    world.channel.files["here"] = PNG
    envelope = world.envelope(text, media=[PHOTO] * text.count("["))
    assert world.handle(envelope) == Done()
    assert world.channel.received == [say("no_pictures", "en")]
    assert world.turn(envelope).origin is Origin.NOTICE
    assert len(world.model.prompts) == 1


def test_a_recording_that_no_model_takes_gets_a_sentence_that_helps() -> None:
    world = World(InputUnsupported("audio"))
    world.channel.files["here"] = File(b"Hello", "audio/ogg")
    world.handle(world.envelope("[recording]", media=[("audio", "here")]))
    assert world.channel.received == [say("no_recordings", "en")]
    assert world.journal.counted("ModelDenied") == 0
