"""A group that becomes a supergroup keeps its history (conversation/moved.py)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatbot.core.errors import AmbiguousPost, HistoryUnavailable
from chatbot.core.message import Envelope, Kind
from chatbot.core.timeline import ConversationProfile
from chatbot.core.turn import State
from chatbot.core.work import Done, HandBack
from tests.unit.test_coalesce import handle
from tests.world import World

OLD, NEW = "telegram:-5", "telegram:-1001"


def moved(world: World) -> Envelope:
    return world.envelope("", NEW, kind=Kind.MOVED, moved_from=OLD)


def prompt(world: World) -> list[str]:
    return [line.content for line in world.model.prompts[-1][1:]]


def test_history_persona_and_mode_go_on() -> None:
    world = World("Hello Ada.", "You are Ada.")
    world.handle(world.envelope("I am Ada", OLD))
    before = ConversationProfile(registered=True, persona="Poet", language="de")
    world.history.persons[OLD] = before
    assert world.handle(moved(world)) == Done()
    world.handle(world.envelope("Who am I?", NEW))
    assert prompt(world) == ["I am Ada", "Hello Ada.", "Who am I?"]
    assert world.history.persons[NEW] == replace(before, moved_from=OLD)
    assert world.channel.received == ["Hello Ada.", "You are Ada."]
    world.history.persons[NEW] = replace(world.history.persons[NEW], mode="image")
    world.handle(world.envelope("a fox", NEW))
    assert world.model.drawn == ["a fox"]


def test_both_service_messages_and_their_repetitions_do_it_once() -> None:
    world = World()
    world.history.persons[OLD] = ConversationProfile(persona="Poet")
    for _ in range(3):
        assert world.handle(moved(world)) == Done()
    world.handle(world.envelope("/chat", NEW))
    world.history.persons[NEW] = replace(world.history.persons[NEW], persona="Chef")
    assert world.handle(moved(world), 2) == Done()
    assert world.history.persons[NEW] == ConversationProfile(persona="Chef", moved_from=OLD)
    assert not world.model.prompts


def test_what_was_chosen_in_the_new_group_before_stays() -> None:
    world = World()
    world.history.persons[OLD] = ConversationProfile(registered=True, persona="Poet")
    world.history.persons[NEW] = ConversationProfile(asked_to_start=True, persona="Chef")
    world.handle(moved(world))
    assert world.history.persons[NEW] == ConversationProfile(
        registered=True, asked_to_start=True, persona="Chef", moved_from=OLD
    )


def test_an_answer_that_is_still_being_posted_is_part_of_it() -> None:
    """The old group's turn belongs to another group of the queue: this one must not settle it."""
    world = World("Hello Ada.")
    asked = world.envelope("I am Ada", OLD)
    world.channel.outcomes.append(AmbiguousPost("cut"))
    wait = world.handle(asked)
    assert isinstance(wait, HandBack)
    world.handle(moved(world))
    world.clock.advance(wait.delay + 1)
    world.handle(world.envelope("Who am I?", NEW))
    assert prompt(world)[:2] == ["I am Ada", "Hello Ada."]
    assert world.state(asked) is State.SENDING
    assert world.handle(asked, 2) == Done()
    assert world.channel.received == ["You said: Who am I?", "Hello Ada."]


def test_forgetting_in_the_new_group_forgets_the_old_one() -> None:
    world = World()
    world.handle(world.envelope("I am Ada", OLD))
    told = moved(world)
    world.handle(told)
    world.handle(world.envelope("/forget yes", NEW))
    assert world.history.all(OLD) == []
    assert world.handle(told, 2) == Done()
    world.handle(world.envelope("Who am I?", NEW))
    assert prompt(world) == ["Who am I?"]


def test_an_allowed_group_stays_allowed() -> None:
    world = World(access="allowlist", allowlist=(OLD,))
    world.handle(moved(world))
    world.handle(world.envelope("Hi", NEW))
    assert world.channel.received == ["You said: Hi"]


def test_it_is_tried_again_when_the_table_is_away() -> None:
    world = World()

    def away(step: str, moment: str) -> None:
        if step == "save_profile" and moment == "before":
            raise HistoryUnavailable("throttled")

    world.history.fault = away
    assert isinstance(world.handle(moved(world)), HandBack)
    world.history.fault = lambda step, moment: None
    assert world.handle(moved(world), 2) == Done()
    assert world.history.persons[NEW].moved_from == OLD


@pytest.mark.parametrize("text", ["Hi", "/help"])
def test_nothing_is_merged_across_it(text: str) -> None:
    world = World()
    sent = [world.envelope(text, NEW), moved(world), world.envelope("Hi", NEW)]
    assert handle(world, *sent) == Done()


def test_no_conversation_continues_itself() -> None:
    world = World()
    world.handle(world.envelope("", NEW, kind=Kind.MOVED, moved_from=NEW))
    assert NEW not in world.history.persons


def test_a_rating_is_for_an_answer_of_the_new_group() -> None:
    """Telegram numbers messages anew in the supergroup."""
    world = World()
    asked = world.envelope("I am Ada", OLD)
    world.handle(asked)
    world.handle(moved(world))
    world.handle(world.envelope("", NEW, kind=Kind.RATING, rating=1, replied_to="p1"))
    assert world.turn(asked).rating == 0
