"""Who is answered, and how often in a day."""

from __future__ import annotations

import pytest

from chatbot.core.errors import ModelUnavailable
from chatbot.core.timeline import ConversationProfile
from chatbot.core.turn import Origin
from chatbot.core.work import Done, HandBack
from tests.world import CONVERSATION, World

START = "Hello! Press /start and I will answer."


def test_who_did_not_press_start_is_asked_to_once() -> None:
    world = World(access="start")
    for text in ("Hello", "Hello?", "Anybody?"):
        assert world.handle(world.envelope(text)) == Done()
    assert (world.channel.received, world.model.prompts) == ([START], [])


def test_start_and_help_pass_and_start_opens() -> None:
    world = World(access="start")
    world.handle(world.envelope("/help"))
    assert "/start" in world.channel.received[0]
    world.handle(world.envelope("/image a fox"))
    assert world.channel.received[1] == START
    world.handle(world.envelope("/start"))
    world.handle(world.envelope("Hello"))
    assert world.channel.received[3] == "You said: Hello"


def test_who_could_not_be_asked_is_asked_when_the_message_comes_again() -> None:
    world = World(access="start")
    hello = world.envelope("Hello")

    def dies(step: str, moment: str) -> None:
        if (step, moment) == ("put", "before"):
            raise RuntimeError("bug")

    world.history.fault = dies
    assert isinstance(world.handle(hello), HandBack)
    assert world.history.persons[CONVERSATION].asked_to_start
    world.history.fault = lambda step, moment: None
    world.handle(hello, receive_count=2)
    world.handle(world.envelope("Hello?"))
    assert world.channel.received == [START]


def test_who_is_not_on_the_list_learns_the_id_and_so_does_the_operator() -> None:
    world = World(access="allowlist", allowlist=("telegram:8",))
    world.handle(world.envelope("/start"))
    assert "telegram:7" in world.channel.received[0]
    assert world.journal.warnings == [
        ("not_on_allowlist", {"channel": "telegram", "person": "telegram:7"})
    ]
    assert not world.history.persons
    world.handle(world.envelope("Hello", author="8"))
    assert world.channel.received[1] == "You said: Hello"


def test_a_whole_group_may_be_on_the_list() -> None:
    world = World(access="allowlist", allowlist=(CONVERSATION,))
    world.handle(world.envelope("Hello"))
    assert world.channel.received == ["You said: Hello"]


def test_what_is_too_long_gets_a_sentence() -> None:
    world = World(max_input=10, language="de")
    world.handle(world.envelope("x" * 11))
    assert world.channel.received == ["Das ist mir zu lang: Ich lese bis zu 10 Zeichen auf einmal."]
    assert world.model.prompts == []
    world.handle(world.envelope("x" * 10))
    assert len(world.model.prompts) == 1


def test_the_days_last_answer_is_followed_by_a_sentence_that_says_when_it_ends() -> None:
    world = World(daily_messages=2)
    world.clock.advance(-90 * 60)
    for number in range(3):
        world.handle(world.envelope(f"q{number}"))
    world.handle(world.envelope("/help"))
    assert len(world.model.prompts) == 2
    assert "2 answers of today" in world.channel.received[2]
    assert "in 13 h 30 min" in world.channel.received[2]
    assert "/help" in world.channel.received[3]
    last = world.history.all(CONVERSATION)[2]
    assert last.origin is Origin.NOTICE
    world.clock.advance(14 * 3600)
    world.handle(world.envelope("A new day"))
    assert len(world.model.prompts) == 3


def test_people_are_counted_apart_and_together() -> None:
    world = World(daily_messages=1, daily_total=2)
    for author in ("7", "7", "8", "9"):
        world.handle(world.envelope("Hello", author=author))
    answers = ["You said: Hello" in text for text in world.channel.received]
    assert answers == [True, False, True, False]
    assert "all my answers" in world.channel.received[3]


def test_a_person_behind_six_channels_is_counted_as_one() -> None:
    world = World(daily_messages=3)
    for author in range(6):
        world.handle(world.envelope("Hello", author=f"-100{author}", counted_as="-100"))
    world.handle(world.envelope("Hello"))
    answers = [text == "You said: Hello" for text in world.channel.received]
    assert answers == [True] * 3 + [False] * 3 + [True]


def test_redeliveries_do_not_count_twice() -> None:
    world = World(ModelUnavailable("503"), ModelUnavailable("503"), daily_messages=2, daily_total=2)
    hello = world.envelope("Hello")
    for count in (1, 2, 3):
        world.handle(hello, receive_count=count)
    world.handle(world.envelope("Again"))
    world.handle(world.envelope("Too many"))
    assert len(world.model.prompts) == 4
    assert "2 answers of today" in world.channel.received[2]


def test_an_answer_made_anew_counts_as_one_more() -> None:
    world = World(daily_messages=2)
    for text in ("Hello", "/retry", "/retry"):
        world.handle(world.envelope(text))
    assert len(world.model.prompts) == 2


def test_pictures_have_a_limit_of_their_own() -> None:
    world = World(daily_images=1, daily_messages=1)
    world.history.persons[CONVERSATION] = ConversationProfile(mode="image")
    for text in ("a fox", "a hare", "/image an owl", "/chat", "Hello"):
        world.handle(world.envelope(text))
    said = [text for text in world.channel.received if text]
    assert ["pictures of today" in text for text in said] == [False, True, True, False, False]
    assert said[4] == "You said: Hello"


@pytest.mark.parametrize("text", ["Hello", "/retry"])
def test_without_limits_the_table_is_not_asked(text: str) -> None:
    world = World(daily_images=0)
    world.handle(world.envelope("Hello"))
    world.handle(world.envelope(text))
    world.handle(world.envelope("/image a fox"))
    assert not world.history.calls["count_today"]
