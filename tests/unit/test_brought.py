"""Attachments of the message replied to and of the turn before (conversation/brought.py)."""

from __future__ import annotations

from typing import Any

import pytest

from chatbot.conversation.brought import SHOWN_AGAIN
from chatbot.core.errors import ModelUnavailable, PostRefused, Unfetchable
from chatbot.core.files import File
from chatbot.core.message import Media
from chatbot.core.timeline import ConversationProfile
from chatbot.core.translations import say
from chatbot.core.work import Done, HandBack
from tests.fakes.clock import NOON
from tests.world import CONVERSATION, World

PNG = File(b"\x89PNG\r\n\x1a\n", "image/png")
PHOTO = ("photo", "here")


def world_of(*script: Any, file: File | Exception = PNG, **settings: Any) -> World:
    world = World(*script, **settings)
    world.channel.files["here"] = file
    return world


def question(world: World, number: int = -1) -> tuple[str, int]:
    """The last line of a prompt: its text and how many pictures it has."""
    line = world.model.prompts[number][-1]
    return line.content, len(line.pictures)


def test_a_picture_that_is_replied_to_is_shown() -> None:
    world = world_of()
    asked = world.envelope("What is it?", replied_to="9", quoted="a fox", brought=[PHOTO])
    assert world.handle(asked) == Done()
    assert question(world) == ("> a fox\n\n[picture]\nWhat is it?", 1)
    turn = world.turn(asked)
    assert (turn.text, turn.media) == ("[picture]\nWhat is it?", (Media("photo", "here"),))


def test_a_recording_that_is_replied_to_is_written_out() -> None:
    world = world_of(file=File(b"Milk and eggs.", "audio/ogg"))
    asked = world.envelope("Make a list", brought=[("audio", "here")])
    world.handle(asked)
    assert question(world) == ("Milk and eggs.\nMake a list", 0)
    assert world.turn(asked).media == ()


def test_a_document_that_is_replied_to_is_read_as_far_as_it_is_let() -> None:
    world = world_of(file=File(b"Milk\n" * 20, "text/plain"), max_input=50)
    world.handle(world.envelope("Sum it up", brought=[("document", "here", 100, "n.txt")]))
    text, _ = question(world)
    assert text.startswith("[document: n.txt]\nMilk\nMilk")
    assert text.endswith("\nSum it up")
    assert len(text) == 50


@pytest.mark.parametrize("reason", ["gone", "unsupported", "too_large"])
def test_what_cannot_be_had_of_another_message_does_not_cost_the_answer(reason: str) -> None:
    world = world_of(file=Unfetchable(reason))
    world.handle(world.envelope("What is it?", brought=[PHOTO]))
    assert question(world) == ("[picture, which could not be read]\nWhat is it?", 0)


def test_what_is_too_large_is_not_fetched() -> None:
    world = world_of(max_file_mb=1)
    world.handle(world.envelope("What is it?", brought=[("photo", "here", 1_000_001)]))
    assert question(world)[1] == 0


@pytest.mark.parametrize("error", [PostRefused("slow"), ModelUnavailable("503")])
def test_what_may_be_had_later_is_waited_for(error: Exception) -> None:
    recording = File(b"Milk", "audio/ogg")
    refused = isinstance(error, PostRefused)
    world = world_of(*([] if refused else [error]), file=error if refused else recording)
    asked = world.envelope("Sum it up", brought=[("audio", "here")])
    assert isinstance(world.handle(asked), HandBack)
    world.channel.files["here"] = recording
    assert world.handle(asked, 2) == Done()
    assert question(world)[0] == "Milk\nSum it up"


def after_a_picture(**settings: Any) -> World:
    world = world_of("A fox.", "Red.", "Yes.", **settings)
    world.handle(world.envelope("[picture] What is it?", media=[PHOTO]))
    return world


def test_a_question_about_the_picture_of_the_turn_before_shows_it_again() -> None:
    world = after_a_picture()
    asked = world.envelope("And its colour?")
    world.handle(asked)
    assert question(world) == ("And its colour?", 1)
    assert world.turn(asked).media == ()


def test_it_is_shown_again_with_the_next_message_only() -> None:
    world = after_a_picture()
    world.handle(world.envelope("And its colour?"))
    world.handle(world.envelope("Sure?"))
    assert question(world) == ("Sure?", 0)


def test_commands_in_between_do_not_count() -> None:
    world = after_a_picture()
    world.handle(world.envelope("/help"))
    world.handle(world.envelope("And its colour?"))
    assert question(world)[1] == 1


@pytest.mark.parametrize(("seconds", "pictures"), [(SHOWN_AGAIN, 1), (SHOWN_AGAIN + 2, 0)])
def test_it_is_shown_again_for_ten_minutes(seconds: int, pictures: int) -> None:
    world = after_a_picture()
    later = world.envelope("And its colour?")
    moved = type(later)(
        later.channel,
        later.conversation,
        later.event_id,
        NOON - 1_000_000 + 1000 + seconds * 1000,
        later.payload,
    )
    world.handle(moved)
    assert question(world)[1] == pictures


@pytest.mark.parametrize("between", ["/reset", "/forget yes"])
def test_what_is_put_aside_is_not_shown_again(between: str) -> None:
    world = after_a_picture()
    world.handle(world.envelope(between))
    world.handle(world.envelope("And its colour?"))
    assert question(world)[1] == 0


def test_without_a_history_nothing_is_shown_again() -> None:
    world = after_a_picture(history_turns=0)
    world.handle(world.envelope("And its colour?"))
    assert question(world)[1] == 0


def test_a_new_picture_takes_its_place() -> None:
    world = after_a_picture()
    world.channel.files["there"] = PNG
    world.handle(world.envelope("[picture] And this?", media=[("photo", "there")]))
    assert question(world)[1] == 1


@pytest.mark.parametrize("error", [Unfetchable("gone"), PostRefused("429", 30)])
def test_a_picture_that_is_gone_is_left_out(error: Exception) -> None:
    world = after_a_picture()
    world.channel.files["here"] = error
    assert world.handle(world.envelope("And its colour?")) == Done()
    assert question(world) == ("And its colour?", 0)


def test_a_picture_that_cannot_be_read_is_not_taken_for_the_one_before() -> None:
    world = after_a_picture()
    world.channel.files["there"] = Unfetchable("too_large")
    world.handle(world.envelope("[picture] And this?", media=[("photo", "there")]))
    assert question(world) == ("[picture, which could not be read] And this?", 0)


def test_in_image_mode_words_stay_a_prompt() -> None:
    world = after_a_picture()
    world.history.persons[CONVERSATION] = ConversationProfile(mode="image")
    world.handle(world.envelope("a hare"))
    assert world.model.drawn == ["a hare"]


def test_a_picture_that_came_as_a_document_is_shown_again() -> None:
    world = world_of()
    first = world.envelope("[document: a.png]", media=[("document", "here", 9, "a.png")])
    world.handle(first)
    assert world.turn(first).media == (Media("photo", "here"),)
    world.handle(world.envelope("And its colour?"))
    assert question(world)[1] == 1


def test_retry_shows_the_picture_again() -> None:
    world = after_a_picture()
    again = world.envelope("/retry")
    world.handle(again)
    assert question(world) == ("[picture] What is it?", 1)
    assert world.turn(again).media == (Media("photo", "here"),)


def test_an_address_that_is_too_long_is_not_stored() -> None:
    world = World()
    source = "https://example.com/" + "x" * 2_000
    world.channel.files[source] = PNG
    sent = world.envelope("[picture]", media=[("photo", source)])
    world.handle(sent)
    assert world.turn(sent).media == ()


def slow_downloads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attachment takes 20 of the 46 seconds that an answer has."""
    plain = world.channel.load

    def load(media: Media) -> File:
        world.clock.advance(20)
        return plain(media)

    monkeypatch.setattr(world.channel, "load", load)


def test_pictures_that_come_too_slowly_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    slow_downloads(world, monkeypatch)
    album = world.envelope("[picture] [picture] [picture] What?", media=[PHOTO] * 3)
    assert world.handle(album) == Done()
    assert question(world) == ("[picture] [picture] [picture, which could not be read] What?", 2)
    assert world.channel.received[0].startswith(say("gone", "en"))


def test_documents_that_come_too_slowly_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(file=File(b"Milk", "text/plain"))
    slow_downloads(world, monkeypatch)
    album = world.envelope("[document] [document] [document]", media=[("document", "here")] * 3)
    assert world.handle(album) == Done()
    read = "[document]\nMilk\n"
    assert question(world)[0] == f"{read} {read} [document, which could not be read]"


def test_recordings_that_come_too_slowly_wait_for_the_next_delivery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = world_of()
    sent = world.envelope("[recording]" * 3, media=[("audio", str(n)) for n in range(3)])
    for number in range(3):
        world.channel.files[str(number)] = File(f"word {number} ".encode(), "audio/ogg")
    slow_downloads(world, monkeypatch)
    assert isinstance(world.handle(sent), HandBack)
    monkeypatch.undo()
    assert world.handle(sent, 2) == Done()
    assert question(world)[0] == "word 0 word 1 word 2 "


def test_pictures_of_the_turn_before_do_not_take_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = world_of()
    world.handle(world.envelope("[picture] [picture] [picture]", media=[PHOTO] * 3))
    slow_downloads(world, monkeypatch)
    assert world.handle(world.envelope("And now?")) == Done()
    assert question(world) == ("And now?", 2)


def test_what_is_replied_to_counts_as_well_for_what_a_request_takes() -> None:
    world = world_of(file=File(PNG.content + bytes(16_000_000), "image/png"), max_file_mb=20)
    world.handle(world.envelope("[picture]", media=[PHOTO], brought=[PHOTO]))
    assert question(world) == ("[picture, which could not be read]\n[picture]", 1)


def test_several_that_are_replied_to_are_loaded_as_long_as_there_is_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = world_of()
    slow_downloads(world, monkeypatch)
    world.handle(world.envelope("Well?", brought=[PHOTO] * 3))
    text, pictures = question(world)
    assert (text.count("could not be read"), pictures) == (1, 2)


def test_pictures_beyond_what_a_request_takes_are_left_out() -> None:
    world = world_of(file=File(PNG.content + bytes(16_000_000), "image/png"), max_file_mb=20)
    world.handle(world.envelope("[picture] [picture]", media=[PHOTO] * 2))
    assert question(world) == ("[picture] [picture, which could not be read]", 1)
