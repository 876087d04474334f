"""A message that is edited before it is answered is answered as edited (conversation/edits.py)."""

from __future__ import annotations

from typing import Any

import pytest

from chatbot.conversation.merged import REST_ARRIVES
from chatbot.core.errors import ContentFiltered, ModelUnavailable
from chatbot.core.files import File
from chatbot.core.message import Envelope, Kind
from chatbot.core.turn import State
from chatbot.core.work import Done, HandBack
from tests.unit.test_coalesce import handle
from tests.world import CONVERSATION, World


def said(world: World, text: str, number: int = 1, **more: Any) -> Envelope:
    return world.envelope(text, id=f"m{number}", **more)


def edited(world: World, text: str, number: int = 1, **more: Any) -> Envelope:
    return world.envelope(text, edits=f"m{number}", **more)


def test_the_new_form_is_answered_once() -> None:
    world = World()
    sent = [said(world, "Waht?"), edited(world, "What?")]
    for envelope in sent:
        world.queue.send(envelope)
    assert world.invoke() == []
    assert world.channel.received == ["You said: What?"]
    assert world.turn(sent[0]).text == "What?"
    assert world.queue.letters == []


def test_an_edit_of_the_words_alone_keeps_what_was_sent_with_them() -> None:
    """As on Messenger, whose edits name nothing else."""
    world = World("A fox.")
    world.channel.files["here"] = File(b"\x89PNG\r\n\x1a\n", "image/png")
    described = "[picture] [link: A recipe]"
    sent = said(world, f"{described} waht?", described=described, media=[("photo", "here")])
    assert handle(world, sent, edited(world, "what?", edits_words=True)) == Done()
    [prompt] = world.model.prompts
    assert (prompt[-1].content, len(prompt[-1].pictures)) == (f"{described} what?", 1)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_edit_without_words_changes_nothing(text: str) -> None:
    world = World()
    sent = said(world, "Hello")
    edit = edited(world, text, edits_words=True, kind=Kind.UNSUPPORTED)
    assert handle(world, sent, edit) == Done(1)
    assert world.channel.received == ["You said: Hello"]


def test_an_edit_of_the_words_may_make_a_command_of_them() -> None:
    world = World()
    sent = said(world, "help")
    assert handle(world, sent, edited(world, "/help", edits_words=True)) == Done()
    assert "/reset" in world.channel.received[0]


def test_of_several_edits_the_newest_counts() -> None:
    world = World()
    assert handle(world, said(world, "a"), edited(world, "b"), edited(world, "c")) == Done(2)
    assert world.channel.received == ["You said: c"]


def test_an_edit_after_the_answer_changes_nothing() -> None:
    world = World("One.")
    sent = said(world, "Waht?"), edited(world, "What?")
    handle(world, sent[0])
    assert handle(world, sent[1]) == Done()
    assert handle(world, sent[1], receive_count=2) == Done()
    assert world.channel.received == ["One."]
    assert world.turn(sent[0]).text == "Waht?"
    assert len(world.model.prompts) == 1


def test_an_edit_of_nothing_that_we_know_has_no_answer() -> None:
    world = World()
    assert handle(world, edited(world, "What?")) == Done()
    assert handle(world, edited(world, "What?"), age=10_000) == Done()
    assert world.channel.received == []
    assert world.history.all(CONVERSATION) == []


def test_an_edit_that_came_during_an_outage_counts() -> None:
    """The message was tried and returned to the queue; the edit stands behind it by then."""
    world = World(ModelUnavailable("503"))
    sent = said(world, "Waht?"), edited(world, "What?")
    assert isinstance(handle(world, sent[0]), HandBack)
    handle(world, *sent, receive_count=2)
    handle(world, sent[1])
    assert world.channel.received == ["You said: What?"]


def test_all_that_comes_again_finds_the_one_answer() -> None:
    world = World()
    sent = said(world, "a", 1), edited(world, "b", 1), said(world, "c", 2)
    assert handle(world, *sent) == Done(2)
    for number in range(3):
        assert handle(world, *sent[number:], receive_count=2) == Done()
    assert world.channel.received == ["You said: b\nc"]


def test_messages_are_merged_across_an_edit_of_one_of_them() -> None:
    world = World()
    sent = [said(world, "a", 1), said(world, "b", 2), edited(world, "A", 1), said(world, "c", 3)]
    assert handle(world, *sent) == Done(3)
    assert world.channel.received == ["You said: A\nb\nc"]


def test_an_edit_of_a_later_message_counts_for_it() -> None:
    world = World()
    sent = [said(world, "a", 1), said(world, "b", 2), edited(world, "B", 2)]
    assert handle(world, *sent) == Done(2)
    assert world.channel.received == ["You said: a\nB"]


def test_an_edit_of_an_answered_message_ends_what_is_merged() -> None:
    world = World()
    first = said(world, "a", 1)
    handle(world, first)
    sent = [said(world, "b", 2), edited(world, "A", 1), said(world, "c", 3)]
    assert handle(world, *sent) == Done()
    assert handle(world, *sent[1:]) == Done()
    assert handle(world, *sent[2:]) == Done()
    assert world.channel.received == ["You said: a", "You said: b", "You said: c"]


def test_nobody_edits_what_another_wrote() -> None:
    world = World()
    handle(world, said(world, "a"), edited(world, "b", author="8"))
    assert world.channel.received == ["You said: a"]


def test_a_message_edited_into_a_command_is_one() -> None:
    world = World()
    sent = said(world, "help"), edited(world, "/help")
    assert handle(world, *sent) == Done()
    assert handle(world, sent[1]) == Done()
    assert not world.model.prompts
    assert len(world.channel.received) == 1


def test_a_command_edited_into_words_is_answered_by_the_model() -> None:
    world = World()
    handle(world, said(world, "/hlep"), edited(world, "Help me"))
    assert world.channel.received == ["You said: Help me"]


def test_a_picture_gets_its_new_caption() -> None:
    world = World(transcribe_model="off")
    sent = [
        said(world, "[picture]", kind=Kind.UNSUPPORTED),
        edited(world, "What is it?"),
    ]
    handle(world, *sent)
    assert world.channel.received == ["You said: What is it?"]


def test_an_edit_does_not_keep_a_cut_text_from_its_rest() -> None:
    world = World()
    sent = [said(world, "a long", 1, unfinished=True), edited(world, "A long", 1, unfinished=True)]
    assert handle(world, *sent) == HandBack(REST_ARRIVES)
    sent.append(said(world, "text", 2))
    assert handle(world, *sent) == Done(2)
    assert world.channel.received == ["You said: A long\ntext"]


@pytest.mark.parametrize("number", [0, 1])
def test_given_up_it_gets_one_fallback(number: int) -> None:
    world = World()
    sent = said(world, "a"), edited(world, "b")
    age = world.settings.give_up_after + 1
    for envelope in sent[number:]:
        assert handle(world, envelope, age=age) == Done()
    assert world.channel.received == [world.settings.fallback_text][number:]


@pytest.mark.parametrize("number", [1, 2])
def test_messages_that_are_answered_apart_are_answered_as_edited(number: int) -> None:
    world = World(ContentFiltered("filter"))
    for envelope in [said(world, "a", 1), said(world, "b", 2), edited(world, "c", number)]:
        world.queue.send(envelope)
    assert world.invoke() == []
    answered = ["c" if each == number else "ab"[each - 1] for each in (1, 2)]
    assert world.channel.received == [f"You said: {text}" for text in answered]
    assert len(world.model.prompts) == 3
    assert world.queue.letters == []


@pytest.mark.parametrize("kind", ["edit", "rating", "moved", "for others"])
def test_what_has_no_turn_does_not_replace_the_count_of_what_comes_behind_it(kind: str) -> None:
    """Both come again after each crash: the message has three, and then gets the fallback text."""
    world = World(*[RuntimeError("bug")] * 9)
    match kind:
        case "edit":
            before = edited(world, "What?", 9)
        case "for others":
            before = world.envelope("Hi all", addressed=False)
        case _:
            before = world.envelope("", kind=Kind.RATING if kind == "rating" else Kind.MOVED)
    asked = said(world, "Hello")
    for count in range(1, 4):
        assert world.handle(before, count) == Done()
        outcome = world.handle(asked, count)
        assert isinstance(outcome, HandBack)
        assert not outcome.deliberate
    assert world.handle(before, 4) == Done()
    assert world.handle(asked, 4) == Done()
    assert world.channel.received == [world.settings.fallback_text]


@pytest.mark.parametrize("kind", ["edit", "rating"])
def test_what_has_no_turn_does_not_end_the_delivery_of_what_comes_behind_it(kind: str) -> None:
    """Both records come again after the worker died while it posted the answer."""
    world = World("Fine.")
    before = edited(world, "What?", 9) if kind == "edit" else world.envelope("", kind=Kind.RATING)
    asked = said(world, "Hello")
    assert world.handle(before) == Done()
    world.channel.outcomes.append(RuntimeError("died"))
    assert isinstance(world.handle(asked), HandBack)
    world.clock.advance(200)
    assert world.handle(before, 2) == Done()
    assert world.handle(asked, 2) == Done()
    assert world.channel.received == ["Fine."]
    assert world.turn(asked).state is State.DELIVERED
