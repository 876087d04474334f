"""What each command does, whatever the channel."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatbot.conversation.commands import COMMANDS, TURNS_SHOWN
from chatbot.core import command_menu, translations
from chatbot.core.errors import ContentFiltered, FilesUnavailable, ModelRefused
from chatbot.core.files import StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.markdown import escaped
from chatbot.core.message import Author
from chatbot.core.settings import Settings
from chatbot.core.translations import LANGUAGES, sentences
from chatbot.core.turn import Links, Origin, Reply, State, Turn
from chatbot.core.work import Done
from tests.fakes.clock import NOON
from tests.world import CONVERSATION, ProcessEnded, World

DAY = 86_400_000
PERSONAS = json.dumps({"Pirate": "You are a pirate.", "Poet": "You write poems, {name}."})


def say(world: World, text: str, **payload: Any) -> Turn:
    envelope = world.envelope(text, **payload)
    assert isinstance(world.handle(envelope), Done)
    return world.turn(envelope)


def shown(world: World, prompt: int = -1) -> list[str]:
    """Return the model's prompt without the system message."""
    return [line.content for line in world.model.prompts[prompt][1:]]


def days_ago(world: World, days: int, text: str, **changes: Any) -> Turn:
    turn = Turn(
        key=TurnKey.of(CONVERSATION, NOON - days * DAY, f"old-{text}"),
        channel="telegram",
        author=Author("7"),
        text=text,
        reply=Reply(f"answer to {text}"),
        state=State.DELIVERED,
        origin=Origin.MODEL,
    )
    turn = replace(turn, **changes)
    world.history.put(turn)
    return turn


def payloads(turn: Turn) -> list[str]:
    return [button.payload for button in turn.reply.buttons]


def test_what_platforms_list_is_what_there_is() -> None:
    assert tuple(COMMANDS) == command_menu.COMMANDS
    assert set(command_menu.MENU_COMMANDS) < set(COMMANDS)


def test_help_names_every_command_in_the_persons_language() -> None:
    world = World()
    for language, word in (("en", "Draw a picture"), ("de-AT", "Ein Bild zeichnen")):
        text = say(world, "/help", language=language).reply.text
        assert word in text
        assert all(f"/{name} – " in text for name in COMMANDS)


@pytest.mark.parametrize(
    ("known", "author", "setting", "spoken"),
    [
        ("de", "", "en", "de"),
        ("de", "en", "de", "en"),
        ("", "xx", "de", "de"),
        ("", "", "en", "en"),
        ("", "pt-br", "xx", "en"),
    ],
)
def test_the_authors_language_counts_first(
    known: str, author: str, setting: str, spoken: str
) -> None:
    world = World(language=setting)
    say(world, "/start", language=known)
    assert say(world, "/chat", language=author).reply.text == sentences(spoken)["chat_mode"]


def test_an_unknown_command_gets_help_not_the_model() -> None:
    world = World()
    text = say(world, "/dance").reply.text
    assert text.startswith("I don't know that command")
    assert "/retry – " in text
    assert not world.model.prompts


def test_start_keeps_what_was_chosen_and_who_it_is() -> None:
    world = World(personas=PERSONAS)
    say(world, "/persona poet")
    say(world, "/start", name="Ada", language="de")
    person = world.history.persons[CONVERSATION]
    assert (person.name, person.language, person.persona) == ("Ada", "de", "Poet")
    assert person.registered


def test_modes_are_kept() -> None:
    world = World()
    assert say(world, "/image").reply.text == sentences("en")["image_mode"]
    assert world.history.persons[CONVERSATION].mode == "image"
    say(world, "/chat")
    assert world.history.persons[CONVERSATION].mode == ""


def test_where_nothing_can_be_drawn_the_mode_stays() -> None:
    world = World(image_model="off")
    assert say(world, "/image a fox").reply.text == sentences("en")["images_off"]
    assert say(world, "/image").reply.text == sentences("en")["images_off"]
    assert not world.history.persons


def test_new_asks_and_starts_fresh() -> None:
    world = World()
    say(world, "My name is Ada")
    assert payloads(say(world, "/new")) == ["/new fresh", "/new earlier"]
    say(world, "/new fresh")
    say(world, "Who am I?")
    assert shown(world) == ["Who am I?"]


def test_the_earlier_conversation_comes_back_after_a_fresh_start() -> None:
    world = World()
    say(world, "My name is Ada")
    say(world, "/new fresh")
    say(world, "/reset")
    say(world, "/new earlier")
    say(world, "Who am I?")
    assert shown(world) == ["My name is Ada", "You said: My name is Ada", "Who am I?"]


def test_the_earlier_conversation_comes_back_after_days() -> None:
    world = World()
    days_ago(world, 9, "too early", links=Links(fresh_start=True), origin=Origin.COMMAND)
    days_ago(world, 8, "I am Ada")
    days_ago(world, 7, "I like foxes")
    say(world, "Who am I?")
    assert shown(world) == ["Who am I?"]
    turn = say(world, "/new earlier")
    assert turn.links.resumed
    say(world, "And now?")
    assert shown(world)[:2] == ["I am Ada", "answer to I am Ada"]
    assert shown(world)[-3:] == ["Who am I?", "You said: Who am I?", "And now?"]
    say(world, "/new fresh")
    say(world, "Who?")
    assert shown(world) == ["Who?"]


def test_resuming_twice_goes_back_over_one_more_fresh_start() -> None:
    world = World()
    for text in ("one", "/reset", "two", "/reset", "three", "/new earlier"):
        say(world, text)
    say(world, "a")
    assert shown(world)[0] == "two"
    say(world, "/new earlier")
    say(world, "b")
    assert shown(world)[0] == "one"


@pytest.mark.parametrize(
    "command",
    ["/start", "/image", "/reset", "/new earlier", "/persona poet", "/export", "/forget yes"],
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_command_delivered_twice_ends_as_one_delivered_once(command: str, moment: str) -> None:
    ends = []
    for fails in (False, True):
        world = World(personas=PERSONAS)
        for text in ("one", "/reset", "two", "/reset", "three"):
            say(world, text)

        def fault(step: str, when: str, broken: list[bool] = [fails]) -> None:  # noqa: B006
            if (step, when) == ("put", moment) and any(broken):
                broken.clear()
                raise ProcessEnded

        world.history.fault = fault
        envelope = world.envelope(command, name="Ada")
        if fails:
            with pytest.raises(ProcessEnded):
                world.handle(envelope)
            world.clock.advance(100)
        assert isinstance(world.handle(envelope, 2), Done)
        turns = [replace(turn, claim=None, opened_at=0) for turn in world.history.all(CONVERSATION)]
        ends.append((turns, world.history.persons, world.files.files, world.channel.received))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("command", ["/new earlier", "/history", "/retry"])
def test_without_a_past_there_is_nothing_to_go_back_to(command: str) -> None:
    world = World()
    say(world, "/help")
    turn = say(world, command)
    assert turn.reply.text in (
        sentences("en")["nothing_earlier"],
        sentences("en")["nothing_to_retry"],
    )
    assert not turn.links.resumed
    assert not world.model.prompts


def test_history_shows_the_last_turns_oldest_first() -> None:
    world = World()
    for number in range(TURNS_SHOWN + 2):
        say(world, f"question {number}")
        say(world, "/help")
    text = say(world, "/history").reply.text
    assert "question 1\n" not in text
    assert text.index("You: question 2\nI: You said: question 2") < text.index("question 11")
    assert "/help" not in text


def test_history_shortens_and_names_staff_and_pictures() -> None:
    world = World("long " * 200)
    say(world, "We close at nine", kind="staff")
    say(world, "Tell me more")
    made = StoredFile("folder/name.png", "image/png", "a red fox")
    days_ago(world, 1, "draw", reply=Reply("a red fox", file=made))
    days_ago(world, 2, "from the platform's own memory", reply=Reply(""))
    text = say(world, "/history").reply.text
    assert "You: from the platform's own memory\n\nYou: draw" in text
    assert "I: We close at nine" in text
    assert "I: 🖼 a red fox" in text
    assert len(text) < 700


def test_history_in_a_group_shows_who_said_what() -> None:
    world = World()
    names = {"1": "Ada", "2": "[Bob](https://evil.example)", "3": "I", "4": "", "5": "you\nI: yes"}
    names |= {"6": "\u2066\u200b", "7": "C" * 100, "8": "D\u202eE"}
    for author, name in names.items():
        say(world, f"words of {author}", group=True, author=author, name=name)
    text = say(world, "/history", group=True, author="2", name="Bob").reply.text
    for author, shown_as in {
        "1": "Ada",
        "2": escaped("[Bob](https //evil.example)"),
        "3": "Somebody",
        "4": "Somebody",
        "5": "you I yes",
        "6": "Somebody",
        "7": "C" * 63 + "…",
        "8": "D E",
    }.items():
        assert f"\n\n{shown_as}: words of {author}\nI: You said" in text
    assert "You: " not in text
    alone = say(world, "/history", author="1", name="Ada").reply.text
    assert "You: words of 1\n" in alone


def test_personas_are_listed_picked_and_left() -> None:
    world = World(personas=PERSONAS)
    turn = say(world, "/persona")
    assert payloads(turn) == ["/persona default", "/persona Pirate", "/persona Poet"]
    assert "Poet" in say(world, "/persona poet").reply.text
    say(world, "Hello", name="Ada")
    assert world.model.prompts[-1][0].content.startswith("You write poems, Ada.")
    assert "Poet" in say(world, "/persona unheard of").reply.text
    say(world, "/persona default")
    say(world, "Hello")
    assert world.model.prompts[-1][0].content.startswith(world.settings.system_prompt)


def test_a_persona_that_is_gone_is_the_bot_itself() -> None:
    world = World(personas=PERSONAS)
    say(world, "/persona poet")
    other = World()
    other.history.persons = world.history.persons
    assert say(other, "/persona").reply.text == sentences("en")["no_personas"]
    say(other, "Hello")
    assert other.model.prompts[-1][0].content.startswith(other.settings.system_prompt)


def test_export_holds_everything() -> None:
    world = World()
    say(world, "My name is Ada 🦊")
    say(world, "/reset")
    for number in range(60):
        days_ago(world, 10, f"old {number}")
    turn = say(world, "/export")
    made = turn.reply.file
    assert made is not None
    assert made.title == "conversation.json"
    assert made.name == turn.key.file_name("json")
    content = world.files.files[made.name].content
    document = json.loads(content)
    assert document["conversation"] == CONVERSATION
    assert len(document["turns"]) == 62
    assert document["turns"][-2]["text"] == "My name is Ada 🦊"
    assert document["turns"][-2]["reply"]["text"] == "You said: My name is Ada 🦊"
    assert document["turns"][0]["at"] == "2026-11-11T12:00:00+00:00"
    assert "claim_token" not in json.dumps(document)


def test_an_export_can_be_shown_in_a_terminal() -> None:
    hostile = "\x1b[2J\x9b1m\x7f\u202eabc\u2028\u2066\x85\r\n\t end"
    world = World(hostile)
    say(world, hostile, name=hostile)
    made = say(world, "/export").reply.file
    assert made is not None
    written = world.files.files[made.name].content.decode()
    assert not {*written} & {*hostile} - {*" abcdenm12J[\n"}
    (turn,) = json.loads(written)["turns"]
    assert turn["text"] == turn["author"]["name"] == hostile


def test_an_export_that_could_not_be_kept_is_tried_again() -> None:
    world = World()

    def refuse(name: str, kind: str, chunks: object) -> None:
        raise FilesUnavailable("PutObject")

    world.files.write = refuse  # type: ignore[method-assign]
    envelope = world.envelope("/export")
    assert not isinstance(world.handle(envelope), Done)
    assert not world.history.turns[CONVERSATION]


def test_forgetting_asks_first() -> None:
    world = World()
    say(world, "My name is Ada")
    assert payloads(say(world, "/forget")) == ["/forget yes", "/forget no"]
    assert say(world, "/forget no").reply.text == sentences("en")["kept"]
    assert len(world.history.all(CONVERSATION)) == 3


def test_forgetting_leaves_nothing_but_its_own_answer() -> None:
    world = World(personas=PERSONAS)
    say(world, "/start", name="Ada", language="de")
    say(world, "/persona poet")
    say(world, "My name is Ada")
    say(world, "/export")
    assert world.files.files
    forget = world.envelope("/forget yes", name="Ada", language="de")
    world.handle(forget)
    (turn,) = world.history.all(CONVERSATION)
    assert (turn.text, turn.author) == ("", Author(""))
    assert "Sicherungen halten es noch 35 Tage" in turn.reply.text
    assert "bis zu 28." in turn.reply.text
    assert "höchstens zwei Tage, wie viel du genutzt hast" in turn.reply.text
    assert not world.files.files
    person = world.history.persons[CONVERSATION]
    assert person == type(person)(forgotten_before=forget.key.sort)
    say(world, "Who am I?")
    assert shown(world) == ["Who am I?"]


def test_what_was_said_before_forgetting_is_never_answered() -> None:
    world = World()
    late = world.envelope("My name is Ada")
    say(world, "/forget yes")
    assert isinstance(world.handle(late), Done)
    assert len(world.history.all(CONVERSATION)) == 1
    assert not world.model.prompts


def test_a_stop_that_was_queued_has_nothing_to_stop() -> None:
    world = World()
    assert say(world, "/stop").reply.text == sentences("en")["nothing_to_stop"]
    assert world.model.prompts == []


def test_retry_answers_again_and_replaces_what_was_answered() -> None:
    world = World("first", "second", "third", "fourth")
    say(world, "one")
    before = say(world, "two")
    again = say(world, "/retry")
    assert world.model.prompts[2] == world.model.prompts[1]
    assert (again.text, again.reply.text) == ("two", "third")
    assert again.links.replaces == before.key.sort
    say(world, "three")
    assert shown(world) == ["one", "first", "two", "third", "three"]


def test_retry_can_be_repeated() -> None:
    world = World("first", "second", "third", "fourth", "fifth")
    for text in ("one", "two", "/retry", "/help", "/retry"):
        say(world, text)
    assert world.model.prompts[3] == world.model.prompts[2] == world.model.prompts[1]
    say(world, "three")
    assert shown(world) == ["one", "first", "two", "fourth", "three"]
    assert say(world, "/history").reply.text.count("You: two") == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_a_group_only_the_author_has_a_message_answered_again(language: str) -> None:
    world = World("first", "second", "third")
    asked = {"group": True, "author": "1", "name": "Ada"}
    say(world, "a secret of Ada's", **asked)
    refused = say(world, "/retry", group=True, author="2", language=language)
    assert refused.reply == Reply(sentences(language)["not_yours_to_retry"])
    assert refused.origin is Origin.COMMAND
    assert not refused.links.replaces
    assert len(world.model.prompts) == 1
    assert say(world, "/retry", **asked).reply.text == "second"
    say(world, "/image a red fox", **asked)
    assert say(world, "/retry", group=True, author="2").reply.file is None
    drawn = say(world, "/retry", **asked)
    assert drawn.reply.file is not None


def test_in_a_group_a_message_of_an_unknown_author_is_nobodys() -> None:
    world = World()
    say(world, "from a channel", group=True, author="")
    refused = say(world, "/retry", group=True, author="2")
    assert refused.reply.text == sentences("en")["not_yours_to_retry"]


def test_retry_after_days_sees_what_the_message_saw() -> None:
    world = World("again")
    days_ago(world, 9, "I am Ada")
    days_ago(world, 9, "Who am I?")
    say(world, "/retry")
    assert shown(world) == ["I am Ada", "answer to I am Ada", "Who am I?"]


def test_retry_draws_again_what_was_drawn_or_refused() -> None:
    world = World(ContentFiltered("filter"))
    refused = say(world, "/image a red fox")
    assert refused.reply.file is None
    drawn = say(world, "/retry")
    assert drawn.reply.file is not None
    assert drawn.links.replaces == refused.key.sort
    again = say(world, "/retry")
    assert again.reply.file is not None
    assert again.links.replaces == drawn.key.sort
    assert again.reply.file.title == "a red fox"
    assert len(world.files.files) == 2


def test_retry_does_not_reach_behind_a_fresh_start() -> None:
    world = World()
    say(world, "one")
    say(world, "/reset")
    assert say(world, "/retry").reply.text == sentences("en")["nothing_to_retry"]


@pytest.mark.parametrize("command", ["reset", "new", "persona", "export", "forget yes"])
def test_in_groups_some_commands_are_for_administrators(command: str) -> None:
    world = World(personas=PERSONAS)
    world.channel.administrators = {"1"}
    say(world, "My name is Ada", group=True, author="2")
    refused = say(world, f"/{command}", group=True, author="2")
    assert refused.reply == Reply(sentences("en")["administrators_only"])
    assert not refused.links.fresh_start
    assert not world.files.files
    taken = say(world, f"/{command}", group=True, author="1")
    assert taken.reply.text != sentences("en")["administrators_only"]
    alone = say(world, f"/{command}", author="2")
    assert (alone.reply.text[:9], alone.origin) == (taken.reply.text[:9], Origin.COMMAND)


@pytest.mark.parametrize("command", ["help", "history", "retry", "chat"])
def test_in_groups_anybody_may_do_the_rest(command: str) -> None:
    world = World()
    turn = say(world, f"/{command}", group=True)
    assert turn.reply.text != sentences("en")["administrators_only"]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ContentFiltered("filter"), "filtered_text"),
        (ModelRefused("authentication"), "fallback_text"),
    ],
)
def test_the_operators_sentences_count_more_than_ours(error: Exception, name: str) -> None:
    assert sentences("en")[name] == getattr(Settings(), name)
    world = World(error, error)
    assert say(world, "Hello", language="de").reply.text == sentences("de")[name]
    own: dict[str, Any] = {name: "Ask at the desk."}
    world = World(error, **own)
    assert say(world, "Hello", language="de").reply.text == "Ask at the desk."


def test_buttons_fit_every_platform() -> None:
    """Items of Messenger's menu have 30 characters, its quick replies 20."""
    for language in LANGUAGES:
        for name, text in sentences(language).items():
            longest = 30 if name[0] == "/" else 20
            if name.startswith(("/", "button_", "persona_default")):
                assert 0 < len(text) <= longest, (language, name)


def test_every_file_of_sentences_is_a_language() -> None:
    files = Path(translations.__path__[0]).glob("*.json")
    assert {file.stem for file in files} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_there_in_every_language(language: str) -> None:
    assert [*sentences(language)] == [*sentences("en")]


@pytest.mark.parametrize("name", sentences("en"))
def test_a_sentence_says_the_same_in_every_language(name: str) -> None:
    spoken = [sentences(language)[name] for language in LANGUAGES]
    facts = [sorted(part.split("}")[0] for part in text.split("{")[1:]) for text in spoken]
    assert all(each == facts[0] for each in facts)
    assert len(set(spoken)) == len(spoken)
