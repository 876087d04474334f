"""An album is one message, however its parts arrive (conversation/albums.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from chatbot.conversation.albums import MOST_PARTS
from chatbot.conversation.merged import REST_ARRIVES
from chatbot.core.completion import MOST_PAID, MOST_REQUESTS, Completion, PromptLine, Spending
from chatbot.core.errors import ModelUnavailable, Unfetchable
from chatbot.core.files import File
from chatbot.core.message import Envelope, Kind
from chatbot.core.ports import Show
from chatbot.core.translations import say
from chatbot.core.work import Done, HandBack
from tests.fakes.model import FakeModel
from tests.unit.test_coalesce import handle
from tests.world import CONVERSATION, World


class AlwaysBrokenOff(FakeModel):
    paid = 0

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        spending.begin_request()
        spending.count_paid()
        self.paid += 1
        raise ModelUnavailable("broken off")


def part(world: World, number: int, album: str = "a", caption: str = "", **more: Any) -> Envelope:
    source = f"photo {number}"
    world.channel.files[source] = File(b"\x89PNG\r\n\x1a\n" + bytes([number]), "image/png")
    text = f"[picture] {caption}".strip()
    fields = {
        "text": text,
        "media": [("photo", source)],
        "album": album,
        "unfinished": True,
        **more,
    }
    return world.envelope(**fields)


def album(world: World, parts: int, **more: Any) -> list[Envelope]:
    """An album with its caption at the first part, as apps send it."""
    captions = ["What are these?", *[""] * (parts - 1)]
    return [part(world, n, caption=caption, **more) for n, caption in enumerate(captions)]


def prompted(world: World) -> list[tuple[str, int]]:
    """The text and the number of pictures of each prompt's question."""
    return [(prompt[-1].content, len(set(prompt[-1].pictures))) for prompt in world.model.prompts]


def test_an_album_in_one_batch_waits_once_and_is_one_message() -> None:
    world = World("Foxes.")
    sent = album(world, 3)
    assert handle(world, *sent) == HandBack(REST_ARRIVES)
    assert handle(world, *sent, receive_count=2) == Done(2)
    assert prompted(world) == [("[picture] What are these? [picture] [picture]", 3)]
    assert world.channel.received == ["Foxes."]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_parts_of_separate_webhooks_wait_for_each_other(cut: int) -> None:
    """However they come in groups, through the queue: one answer, with every picture."""
    world = World("Foxes.")
    sent = album(world, 4)
    for envelope in sent[:cut]:
        world.queue.send(envelope)
    assert len(world.invoke()) == cut
    for envelope in sent[cut:]:
        world.queue.send(envelope)
    for _ in range(2):
        world.clock.advance(REST_ARRIVES)
        world.invoke()
    assert world.queue.letters == []
    assert [pictures for _, pictures in prompted(world)] == [4]
    assert world.channel.received == ["Foxes."]


def test_a_full_album_does_not_wait() -> None:
    world = World("Many.")
    assert handle(world, *album(world, MOST_PARTS)) == Done(MOST_PARTS - 1)
    assert prompted(world)[0][1] == MOST_PARTS


def test_no_more_than_ten_parts_are_taken_for_one_album() -> None:
    world = World("Many.")
    assert handle(world, *album(world, MOST_PARTS + 1)) == Done(MOST_PARTS - 1)


def test_a_part_that_stays_alone_is_answered() -> None:
    world = World()
    [alone] = album(world, 1)
    assert handle(world, alone) == HandBack(REST_ARRIVES)
    assert handle(world, alone, receive_count=2) == Done()
    assert world.channel.received == ["You said: [picture] What are these?"]


def test_something_else_behind_it_ends_the_album() -> None:
    world = World("One.", "Two.", "Three.")
    sent = [*album(world, 2), world.envelope("And a question"), part(world, 7, album="b")]
    assert handle(world, *sent) == Done(1)
    assert handle(world, *sent[2:]) == Done()
    assert handle(world, *sent[3:], receive_count=2) == Done()
    assert world.channel.received == ["One.", "Two.", "Three."]
    assert [pictures for _, pictures in prompted(world)] == [2, 2, 1]  # shown again, once


def test_two_albums_are_two_messages() -> None:
    world = World("One.", "Two.")
    sent = [part(world, 1, "a"), part(world, 2, "a"), part(world, 3, "b")]
    assert handle(world, *sent) == Done(1)
    assert handle(world, *sent[2:], receive_count=2) == Done()


def test_parts_of_two_people_are_two_messages() -> None:
    world = World("One.", "Two.")
    sent = [part(world, 1), part(world, 2, author="8")]
    assert handle(world, *sent) == Done()


def test_each_part_finds_the_answer_when_it_comes_again() -> None:
    world = World("Foxes.")
    sent = album(world, 3)
    handle(world, *sent, receive_count=2)
    for number in range(3):
        assert handle(world, *sent[number:], receive_count=3) == Done()
    assert world.channel.received == ["Foxes."]
    assert len(world.model.prompts) == 1
    assert [turn.links.merged_into for turn in world.history.all(CONVERSATION)] == [
        "",
        sent[0].key.sort,
        sent[0].key.sort,
    ]


def test_an_album_goes_on_being_one_when_the_model_was_away() -> None:
    world = World(ModelUnavailable("503"), "Foxes.")
    sent = album(world, 3)
    assert isinstance(handle(world, *sent, receive_count=2), HandBack)
    assert handle(world, *sent, receive_count=3) == Done(2)
    assert world.channel.received == ["Foxes."]


def test_an_album_counts_once_against_the_daily_limit() -> None:
    world = World("One.", daily_messages=1)
    handle(world, *album(world, 3), receive_count=2)
    assert world.history.days["telegram:7"]["messages"] == 1
    assert world.channel.received == ["One."]


def test_the_caption_may_stand_at_any_part() -> None:
    world = World("Foxes.")
    sent = [part(world, 1), part(world, 2, caption="Which one?")]
    handle(world, *sent, receive_count=2)
    assert prompted(world) == [("[picture] [picture] Which one?", 2)]


def test_a_command_in_the_caption_makes_the_album_a_command() -> None:
    world = World()
    sent = [part(world, 1), part(world, 2, text="/help", media=[], kind=Kind.COMMAND)]
    assert handle(world, *sent, receive_count=2) == Done(1)
    assert not world.model.prompts
    assert len(world.channel.received) == 1
    assert world.turn(sent[0]).text == "/help"


def test_a_video_in_an_album_is_named_beside_its_pictures() -> None:
    world = World("Nice.")
    sent = [part(world, 1), part(world, 2, text="[video]", media=[], kind=Kind.UNSUPPORTED)]
    handle(world, *sent, receive_count=2)
    assert prompted(world) == [("[picture] [video]", 1)]


def test_an_album_of_videos_gets_one_sentence() -> None:
    world = World()
    videos = [part(world, n, text="[video]", media=[], kind=Kind.UNSUPPORTED) for n in (1, 2)]
    assert handle(world, *videos, receive_count=2) == Done(1)
    assert world.channel.received == [say("unsupported", "en")]


def test_in_a_group_the_caption_addresses_the_whole_album() -> None:
    world = World("Foxes.")
    sent = [part(world, 1, addressed=False), part(world, 2, caption="@bot What?")]
    assert handle(world, *sent, receive_count=2) == Done(1)
    assert prompted(world)[0][1] == 2


@pytest.mark.parametrize("age", [2, 10_000])
def test_an_album_for_others_is_not_answered(age: int) -> None:
    world = World()
    sent = album(world, 2, addressed=False)
    for number in range(2):
        assert isinstance(handle(world, *sent[number:], receive_count=2, age=age), Done)
    assert world.channel.received == []
    assert world.history.all(CONVERSATION) == []
    assert not world.model.prompts


def test_an_album_that_is_given_up_gets_one_sentence() -> None:
    world = World(*[ModelUnavailable("away")] * 100)
    for envelope in album(world, 4):
        world.queue.send(envelope)
    while world.queue.letters:
        world.invoke()
        world.clock.advance(30)
    assert world.channel.received == [world.settings.fallback_text]
    assert len(world.model.prompts) <= MOST_REQUESTS
    assert len(world.history.all(CONVERSATION)) == 4


def test_an_album_for_others_that_is_given_up_is_not_answered() -> None:
    world = World()
    sent = album(world, 3, addressed=False)
    assert handle(world, *sent, receive_count=9, age=10_000) == Done(2)
    assert world.channel.received == []


@pytest.mark.parametrize("album_of", [4, 0])
def test_its_parts_are_paid_for_together(album_of: int) -> None:
    """The model is paid, and breaks off every time; also where a platform has cut a long text."""
    world, model = World(), AlwaysBrokenOff()
    world.use(model)
    texts = [world.envelope(part * 3000, unfinished=part != "c") for part in "abc"]
    for envelope in album(world, album_of) if album_of else texts:
        world.queue.send(envelope)
    while world.queue.letters:
        world.invoke()
        world.clock.advance(30)
    assert world.channel.received == [world.settings.fallback_text]
    assert 1 < model.paid <= MOST_PAID


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("reason", ["gone", "too_large"])
def test_a_part_that_cannot_be_read_costs_nothing_but_itself(number: int, reason: str) -> None:
    world = World("Foxes.")
    sent = album(world, 3)
    world.channel.files[f"photo {number}"] = Unfetchable(reason)
    assert handle(world, *sent, receive_count=2) == Done(2)
    assert prompted(world)[0][1] == 2
    assert "What are these?" in prompted(world)[0][0]
    assert prompted(world)[0][0].count("[picture, which could not be read]") == 1
    assert world.channel.received == [f"{say(reason, 'en', most=10)}\n\nFoxes."]
    shown = [media.source for media in world.turn(sent[0]).media]
    assert shown == [f"photo {n}" for n in range(3) if n != number]


def test_an_album_of_which_nothing_can_be_read_gets_one_sentence() -> None:
    world = World()
    sent = [part(world, n) for n in range(2)]
    for n in range(2):
        world.channel.files[f"photo {n}"] = Unfetchable("gone")
    assert handle(world, *sent, receive_count=2) == Done(1)
    assert world.channel.received == [say("gone", "en")]
    assert not world.model.prompts


def test_an_album_edited_while_it_waits_stays_one_message() -> None:
    world = World("Foxes.")
    sent = [part(world, 1, id="m1"), part(world, 2, id="m2")]
    changed = part(world, 2, caption="Which one?", edits="m2")
    assert handle(world, *sent, changed, receive_count=2) == Done(2)
    assert prompted(world) == [("[picture] [picture] Which one?", 2)]
