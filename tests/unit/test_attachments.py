"""Attachments reach the model, or their sender is told why not (attachments.py)."""

from __future__ import annotations

from typing import Any

import pytest

from chatbot.core.completion import Completion
from chatbot.core.errors import (
    ContentFiltered,
    InputUnsupported,
    ModelRefused,
    ModelUnavailable,
    PostRefused,
    Unfetchable,
    UselessAnswer,
)
from chatbot.core.files import File
from chatbot.core.translations import say
from chatbot.core.turn import Origin
from chatbot.core.work import Done, HandBack
from tests.fakes.clock import NOON
from tests.pdfs import pdf
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
        (PNG,),
    )
    assert world.turn(envelope).text == "[picture] What is this?"
    world.handle(world.envelope("And now?"))
    assert [line.pictures for line in world.model.prompts[1]][:3] == [()] * 3


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
        ("picture_form", "picture_form"),
        ("recording_form", "recording_form"),
        ("pdf_protected", "pdf_protected"),
        ("pdf_without_text", "pdf_without_text"),
        ("pdf_unreadable", "pdf_unreadable"),
        ("office", "office"),
        ("archive", "archive"),
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


@pytest.mark.parametrize("brought", [False, True])
def test_what_stays_out_of_reach_does_not_cost_the_words_their_answer(brought: bool) -> None:
    world = World("Ada.")
    world.channel.files["here"] = PostRefused("500")
    photo = [("photo", "here")]
    more: dict[str, Any] = {"brought": photo} if brought else {"media": photo}
    world.queue.send(world.envelope("[picture] What is my name?", **more))
    while world.queue.letters:
        world.invoke()
        world.clock.advance(10)
    assert world.clock() - NOON < 120_000
    told = "" if brought else f"{say('gone', 'en')}\n\n"
    assert world.channel.received == [f"{told}Ada."]
    assert len(world.model.prompts) == 1


def test_a_recording_that_is_refused_gets_the_fallback() -> None:
    world = World(ModelRefused("authentication"))
    world.channel.files["here"] = File(b"Hello", "audio/ogg")
    world.handle(world.envelope("[recording]", media=[("audio", "here")]))
    assert world.channel.received == [world.settings.fallback_text]
    assert world.journal.counted("ModelDenied") == 1


@pytest.mark.parametrize("reason", ["bad_request", "audio"])
def test_a_recording_that_the_model_server_does_not_take_gets_a_sentence(reason: str) -> None:
    refused = InputUnsupported("audio") if reason == "audio" else ModelRefused(reason)
    world = World(refused)
    world.channel.files["here"] = File(b"Hello", "audio/ogg")
    world.handle(world.envelope("[recording]", media=[("audio", "here")]))
    name = "no_recordings" if reason == "audio" else "recording_form"
    assert world.channel.received == [say(name, "en")]
    assert world.journal.counted("ModelRefused") == 0


def test_a_recording_that_is_filtered_gets_the_filters_sentence() -> None:
    world = World(ContentFiltered("content_filter"))
    world.channel.files["here"] = File(b"Hello", "audio/ogg")
    world.handle(world.envelope("[recording]", media=[("audio", "here")]))
    assert world.channel.received == [say("filtered_text", "en")]


def test_a_recording_of_which_nothing_usable_comes_costs_only_itself() -> None:
    world = World(UselessAnswer("no transcript"), "Hello.")
    world.channel.files["here"] = File(b"Hello", "audio/ogg")
    world.handle(world.envelope("[recording] Hi", media=[("audio", "here")]))
    assert world.channel.received == [f"{say('gone', 'en')}\n\nHello."]
    assert world.model.prompts[0][-1].content == "[recording, which could not be read] Hi"


@pytest.mark.parametrize(
    ("type_", "sentence"),
    [
        ("image/heif", "picture_form"),
        ("image/tiff", "picture_form"),
        ("audio/amr", "recording_form"),
        ("application/vnd.office", "office"),
        ("application/zip", "archive"),
        ("application/octet-stream", "unsupported"),
    ],
)
def test_a_file_of_another_form_gets_a_sentence_that_helps(type_: str, sentence: str) -> None:
    world = World()
    world.channel.files["here"] = File(b"\0", type_)
    world.handle(world.envelope("[document]", media=[("document", "here")]))
    assert world.channel.received == [say(sentence, "en")]
    assert not world.model.prompts


@pytest.mark.parametrize("type_", ["application/pdf", "text/plain", "video/mp4"])
@pytest.mark.parametrize(("kind", "named"), [("audio", "recording"), ("photo", "picture")])
def test_what_comes_as_a_recording_or_picture_is_never_read_as_a_document(
    kind: str, named: str, type_: str
) -> None:
    world = World()
    world.channel.files["here"] = File(b"%PDF-1.7", type_)
    world.handle(world.envelope(f"[{named}]", media=[(kind, "here")]))
    assert world.channel.received == [say(f"{named}_form", "en")]
    assert not world.model.prompts


CV = ("document", "here", 100, "cv.pdf")
UNREAD = "[document: cv.pdf, which could not be read]"


@pytest.mark.parametrize("source", ["", "here", "elsewhere"])
def test_the_words_beside_an_attachment_that_cannot_be_read_are_answered(source: str) -> None:
    world = World("Here you are.")
    world.channel.files["here"] = Unfetchable("too_large")
    envelope = world.envelope("[document: cv.pdf] my cv", media=[("document", source, 1, "cv.pdf")])
    assert isinstance(world.handle(envelope), Done)
    sentence = say("too_large" if source == "here" else "gone", "en", most=10)
    assert world.channel.received == [f"{sentence}\n\nHere you are."]
    assert world.model.prompts[0][-1].content == f"{UNREAD} my cv"
    assert world.turn(envelope).text == f"{UNREAD} my cv"


def test_what_can_be_read_is_answered_without_the_rest_and_each_reason_is_told_once() -> None:
    world = World("A cat.")
    world.channel.files |= {"here": PNG, "big": Unfetchable("too_large")}
    media = [("photo", "big"), PHOTO, ("photo", "big"), ("photo", "")]
    world.handle(world.envelope(" ".join(["[picture]"] * 4), media=media))
    line = world.model.prompts[0][-1]
    unread = "[picture, which could not be read]"
    assert line.content == f"{unread} [picture] {unread} {unread}"
    assert len(line.pictures) == 1
    told = [say(name, "en", most=10) for name in ("too_large", "gone")]
    assert world.channel.received == ["\n\n".join([*told, "A cat."])]


def test_two_documents_keep_their_order_and_words_that_look_like_placeholders() -> None:
    world = World()
    world.channel.files |= {
        "one": File(b"[picture] first", "text/plain"),
        "two": File(b"second", "text/plain"),
        "here": PNG,
    }
    media = [("document", "one"), ("document", "two"), PHOTO]
    world.handle(world.envelope("[document] [document] [picture] [document]?", media=media))
    assert world.model.prompts[0][-1].content == (
        "[document]\n[picture] first\n [document]\nsecond\n [picture] [document]?"
    )


def test_a_long_document_does_not_cost_the_question_behind_it() -> None:
    world = World(max_input=60)
    world.channel.files["here"] = File(b"Milk\n" * 99, "text/plain")
    world.handle(
        world.envelope(
            "[document] [document] Sum it up",
            media=[("document", "here"), ("document", "here")],
        )
    )
    asked = world.model.prompts[0][-1].content
    assert asked.endswith(" [document] Sum it up")
    assert len(asked) == 60


@pytest.mark.parametrize(
    ("inputs", "medium", "sentence"),
    [
        (("text", "audio"), PHOTO, "no_pictures"),
        (("text", "image"), ("audio", "here"), "no_recordings"),
    ],
)
def test_what_the_model_does_not_take_is_not_even_fetched(
    inputs: tuple[str, ...], medium: tuple[str, str], sentence: str
) -> None:
    world = World("Hello.", model_inputs=inputs)
    mark = {"photo": "[picture", "audio": "[recording"}[medium[0]]
    alone = world.envelope(f"{mark}]", media=[medium])
    world.channel.files["here"] = PostRefused("fetched")
    assert isinstance(world.handle(alone), Done)
    assert isinstance(world.handle(world.envelope(f"{mark}] Hi", media=[medium])), Done)
    assert world.channel.received == [
        say(sentence, "en"),
        f"{say(sentence, 'en')}\n\nHello.",
    ]
    assert world.model.prompts[0][-1].content == f"{mark}, which could not be read] Hi"


def test_a_document_that_turns_out_to_be_of_a_kind_that_the_model_does_not_take() -> None:
    world = World(model_inputs=("text",))
    for file in (PNG, File(b"Hello", "audio/ogg")):
        world.channel.files["here"] = file
        world.handle(world.envelope("[document]", media=[("document", "here")]))
    assert world.channel.received == [say("no_pictures", "en"), say("no_recordings", "en")]


def test_the_text_of_a_pdf_is_read() -> None:
    world = World()
    world.channel.files["here"] = File(pdf("I know Python"), "application/pdf")
    world.handle(world.envelope("[document: cv.pdf] my cv", media=[CV]))
    assert world.model.prompts[0][-1].content == "[document: cv.pdf]\nI know Python\n my cv"


def test_in_image_mode_the_words_beside_an_unread_attachment_are_drawn() -> None:
    world = World()
    world.handle(world.envelope("/image"))
    world.channel.files["here"] = Unfetchable("too_large")
    world.handle(world.envelope("[picture] a fox", media=[PHOTO]))
    assert world.model.drawn == ["[picture, which could not be read] a fox"]
    assert world.channel.received[-1].startswith(say("too_large", "en", most=10))


def test_a_model_that_sees_no_pictures_answers_the_text_and_says_so() -> None:
    world = World(Completion("It may be a fox.", "m", unseen=("image",)))
    world.channel.files["here"] = PNG
    envelope = world.envelope("[picture] What is this?", media=[PHOTO])
    assert world.handle(envelope) == Done()
    assert world.channel.received == [f"{say('no_pictures', 'en')}\n\nIt may be a fox."]
    assert world.turn(envelope).origin is Origin.MODEL


def test_a_picture_that_was_not_seen_is_not_shown_with_the_next_message() -> None:
    blind = Completion("It may be a fox.", "m", unseen=("image",))
    world = World(blind, "Red.")
    world.channel.files["here"] = PNG
    world.handle(world.envelope("[picture] What is this?", media=[PHOTO]))
    world.handle(world.envelope("And its colour?"))
    assert world.model.prompts[1][-1].pictures == ()


def test_of_the_picture_of_the_turn_before_nobody_is_told_that_it_was_not_seen() -> None:
    world = World("A fox.", Completion("Red.", "m", unseen=("image",)), "Yes.")
    world.channel.files["here"] = PNG
    world.handle(world.envelope("[picture] What is this?", media=[PHOTO]))
    world.handle(world.envelope("And its colour?"))
    assert world.model.prompts[1][-1].pictures
    assert world.channel.received[1] == "Red."


def test_pictures_of_which_one_is_not_read_and_one_not_seen_get_sentences_alone() -> None:
    world = World(Completion("What a lovely day!", "m", unseen=("image",)))
    world.channel.files["here"] = PNG
    media = [PHOTO, ("photo", "there")]
    world.handle(world.envelope("[picture] [picture]", media=media))
    assert world.channel.received == [
        "\n\n".join(say(name, "en") for name in ("gone", "no_pictures"))
    ]


@pytest.mark.parametrize("text", ["[picture]", "[picture]\n[picture] "])
def test_a_picture_alone_that_is_not_seen_gets_the_sentence_alone(text: str) -> None:
    world = World(Completion("What a lovely day!", "m", unseen=("image",)))
    world.channel.files["here"] = PNG
    envelope = world.envelope(text, media=[PHOTO] * text.count("["))
    assert world.handle(envelope) == Done()
    assert world.channel.received == [say("no_pictures", "en")]
    assert world.turn(envelope).origin is Origin.NOTICE
    assert len(world.model.prompts) == 1
