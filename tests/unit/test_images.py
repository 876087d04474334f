"""Pictures: generated once, stored, posted, kept as text in the prompt (conversation/images.py)."""

from __future__ import annotations

import pytest

from chatbot.core.errors import (
    AmbiguousPost,
    ContentFiltered,
    DrawingUnsupported,
    FilesUnavailable,
    ModelRefused,
    ModelUnavailable,
)
from chatbot.core.files import File, StoredFile
from chatbot.core.timeline import ConversationProfile
from chatbot.core.translations import say
from chatbot.core.turn import Origin
from chatbot.core.work import Done, HandBack
from tests.world import CONVERSATION, World


def in_image_mode(**settings: str) -> World:
    world = World(**settings)  # type: ignore[arg-type]
    world.history.persons[CONVERSATION] = ConversationProfile(mode="image", language="en")
    return world


def test_a_command_draws_at_once() -> None:
    world = World()
    envelope = world.envelope("/image a red\n fox")
    assert isinstance(world.handle(envelope), Done)
    turn = world.turn(envelope)
    assert turn.reply.file == StoredFile(envelope.key.file_name("png"), "image/png", "a red fox")
    assert (turn.reply.text, turn.origin) == ("a red fox", Origin.MODEL)
    assert len(turn.posted) == 2
    assert world.files.files[turn.reply.file.name].content.endswith(b"a red fox")
    assert (world.journal.counted("Images"), len(world.model.prompts)) == (1, 0)


def test_in_image_mode_every_message_is_drawn_and_the_next_asked_for() -> None:
    world = in_image_mode()
    world.handle(world.envelope("a red fox"))
    assert world.model.drawn == ["a red fox"]
    assert world.channel.received[-1] == f"a red fox\n\n{say('next_picture', 'en')}"


def test_a_recording_is_drawn_in_image_mode_and_a_picture_talked_about() -> None:
    world = in_image_mode()
    world.channel.files |= {
        "voice": File(b"a blue fox", "audio/ogg"),
        "photo": File(b"\x89PNG\r\n\x1a\n", "image/png"),
    }
    world.handle(world.envelope("[recording]", media=[("audio", "voice")]))
    world.handle(world.envelope("[picture] what?", media=[("photo", "photo")]))
    assert world.model.drawn == ["a blue fox"]
    assert world.model.prompts[0][-1].content == "[picture] what?"


def test_the_model_is_told_what_was_drawn() -> None:
    world = World()
    world.handle(world.envelope("/image a red fox"))
    world.handle(world.envelope("What did you draw?"))
    told = [(line.role, line.content) for line in world.model.prompts[0][1:]]
    assert told == [
        ("user", "/image a red fox"),
        ("assistant", "[picture: a red fox]"),
        ("user", "What did you draw?"),
    ]


def test_a_failed_post_does_not_pay_for_a_second_picture() -> None:
    world = World()
    world.channel.outcomes.append(AmbiguousPost("cut"))
    envelope = world.envelope("/image a red fox")
    assert isinstance(world.handle(envelope), HandBack)
    world.clock.advance(120)
    assert isinstance(world.handle(envelope, 2), Done)
    assert world.model.drawn == ["a red fox"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_turn_that_was_not_stored_finds_its_picture(moment: str) -> None:
    world = World()
    failing = [True]

    def fault(step: str, when: str) -> None:
        if (step, when) == ("put", moment) and failing:
            failing.clear()
            raise RuntimeError

    world.history.fault = fault
    envelope = world.envelope("/image a red fox")
    assert isinstance(world.handle(envelope), HandBack)
    world.clock.advance(120)
    assert isinstance(world.handle(envelope, 2), Done)
    assert world.model.drawn == ["a red fox"]


def test_a_bucket_that_refuses_is_tried_again_before_anything_is_said() -> None:
    world = World()

    def refuse(name: str, file: File) -> None:
        raise FilesUnavailable("PutObject: SlowDown")

    keep, world.files.keep = world.files.keep, refuse  # type: ignore[method-assign]
    envelope = world.envelope("/image a red fox")
    assert isinstance(world.handle(envelope), HandBack)
    assert not world.channel.posts
    world.files.keep = keep  # type: ignore[method-assign]
    assert isinstance(world.handle(envelope, 2), Done)


def test_a_filtered_picture_gets_its_own_text_and_stays_out_of_prompts() -> None:
    world = World(ContentFiltered("content_filter"))
    envelope = world.envelope("/image a crime")
    world.handle(envelope)
    assert world.channel.received == [say("picture_filtered", "en")]
    assert world.turn(envelope).origin is Origin.FILTERED
    world.handle(world.envelope("Hello"))
    assert [line.content for line in world.model.prompts[0]][1:] == ["Hello"]
    assert world.journal.counted("Filtered") == 1


def test_a_refused_picture_gets_the_fallback() -> None:
    world = World(ModelRefused("unknown_model"))
    world.handle(world.envelope("/image a red fox"))
    assert world.channel.received == [world.settings.fallback_text]
    assert world.journal.counted("ModelDenied") == 1


def test_a_model_that_is_away_is_asked_again() -> None:
    world = World(ModelUnavailable("status 503"))
    envelope = world.envelope("/image a red fox")
    assert isinstance(world.handle(envelope), HandBack)
    assert isinstance(world.handle(envelope, 2), Done)


def test_without_a_model_for_pictures_there_is_a_sentence() -> None:
    world = in_image_mode(image_model="off")
    world.handle(world.envelope("a red fox"))
    assert world.channel.received == [say("images_off", "en")]
    assert not world.model.drawn


def test_a_picture_is_not_begun_without_the_time_for_it() -> None:
    world = World(post_timeout=45)
    assert isinstance(world.handle(world.envelope("/image a red fox")), HandBack)
    assert not world.model.drawn


def test_a_server_that_draws_nothing_raises_no_alarm() -> None:
    world = World(DrawingUnsupported("no_pictures_drawn"))
    world.handle(world.envelope("/image a red fox"))
    assert world.channel.received == [say("images_off", "en")]
    assert world.journal.counted("ModelDenied") == world.journal.counted("Failed") == 0
