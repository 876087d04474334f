"""Commands on a conversation that is larger than the function's memory, or with long arguments."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chatbot.adapters.s3 import Bucket
from chatbot.conversation import commands
from chatbot.conversation.export import Export
from chatbot.core.key import TurnKey
from chatbot.core.limits import (
    LONGEST_CAPTION,
    LONGEST_COMMAND,
    LONGEST_DESCRIPTION,
    LONGEST_DRAWING,
    MOST_EXPORT,
)
from chatbot.core.message import Author, Kind, Message
from chatbot.core.timeline import ConversationProfile
from chatbot.core.translations import sentences
from chatbot.core.turn import Origin, Reply, Turn
from chatbot.core.work import Done, HandBack
from tests.fakes.clock import NOON
from tests.unit.test_commands import days_ago, payloads, say
from tests.world import CONVERSATION, World


def test_a_long_conversation_is_exported_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MOST_EXPORT", 40_000)
    world = World()
    for number in range(100):
        world.clock.advance(60)
        say(world, f"message {number} {'x' * 200}")
    asked, texts, parts = "/export", list[str](), 0
    while asked:
        turn = say(world, asked)
        assert turn.reply.file
        content = world.files.files[turn.reply.file.name].content
        assert len(content) < 41_000
        found = json.loads(content)["turns"]
        name = "export_part" if turn.reply.buttons else "export"
        assert turn.reply.text == sentences("en")[name].format(turns=len(found))
        texts += [each["text"] for each in found if each["origin"] == "model"]
        asked = turn.reply.buttons[0].payload if turn.reply.buttons else ""
        assert len(asked) <= 64, "Telegram's limit"
        parts += 1
    assert parts > 2
    assert [text.split()[1] for text in texts] == [str(number) for number in range(100)]


def test_an_export_goes_on_after_turns_of_the_same_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MOST_EXPORT", 1)
    world = World()
    for number in range(3):  # Telegram's times are in whole seconds
        days_ago(world, 1, str(number))
    asked, texts = "/export", list[str]()
    for _ in range(3):
        turn = say(world, asked)
        assert turn.reply.file
        document = json.loads(world.files.files[turn.reply.file.name].content)
        texts += [each["text"] for each in document["turns"]]
        asked = turn.reply.buttons[0].payload
    assert texts == ["0", "1", "2"]


def test_an_export_ends_in_time() -> None:
    world = World()
    for number in range(5):
        say(world, f"message {number}")
    plain = world.history.oldest

    def slow(*args: Any) -> Any:
        for turn in plain(*args):
            world.clock.advance(15)
            yield turn

    world.history.oldest = slow  # type: ignore[assignment, method-assign]
    turn = say(world, "/export")
    assert turn.reply.file
    document = json.loads(world.files.files[turn.reply.file.name].content)
    assert 1 <= len(document["turns"]) < 5
    assert len(payloads(turn)) == 1


def test_the_memory_of_an_export_does_not_grow_with_the_conversation() -> None:
    key = TurnKey.of(CONVERSATION, NOON, "1:message")
    message = Message(key, "telegram", Kind.TEXT, "x" * 2_000, Author("7"))
    turn = Turn.of(message, Reply("y" * 4_000), Origin.MODEL)
    sizes = list[int]()

    class S3:
        def put_object(self, Body: Any, **more: Any) -> None:  # noqa: N803 - boto3's name
            while piece := Body.read(65_536):
                sizes.append(len(piece))

    bucket = Bucket("files", lambda: S3())  # type: ignore[arg-type, return-value]
    made = Export(MOST_EXPORT, lambda: True)
    tracemalloc.start()
    turns = (replace(turn, text=f"{number} {turn.text}") for number in itertools.count())
    pieces = made.chunks(CONVERSATION, ConversationProfile(), turns)
    bucket.write("a.json", "application/json", pieces)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.next == turn.key.sort
    assert 19_900_000 < sum(sizes) < 20_000_500
    assert peak < 2_500_000, peak


@pytest.mark.parametrize("command", ["/export", "/persona", "/stop", "/nonsense"])
def test_what_is_stored_of_a_command_is_short(command: str) -> None:
    turn = say(World(), f"{command} {'x' * 40_000}")
    assert len(turn.text) == LONGEST_COMMAND
    assert turn.text.startswith(f"{command} xxx")


def test_what_is_stored_and_shown_of_a_pictures_description_is_short() -> None:
    world = World()
    turn = say(world, f"/image {'fox ' * 1_500}")
    assert len(world.model.drawn[0]) == LONGEST_DESCRIPTION
    assert turn.reply.file
    assert len(turn.reply.file.title) == LONGEST_DESCRIPTION
    assert len(turn.reply.text) == LONGEST_CAPTION
    assert len(turn.text) == LONGEST_DRAWING
    again = say(world, "/retry")
    assert world.model.drawn[1] == world.model.drawn[0]
    assert again.reply.text == turn.reply.text
    assert say(world, "/history").reply.text.count("🖼") == 1


def test_no_command_looks_through_a_whole_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MOST_LOOKED_AT", 20)
    world = World()
    say(world, "one")
    for _ in range(20):
        say(world, "/help")
    assert say(world, "/history").reply.text == sentences("en")["nothing_earlier"]
    assert say(world, "/retry").reply.text == sentences("en")["nothing_to_retry"]
    assert say(world, "/new earlier").reply.text == sentences("en")["nothing_earlier"]


def slow_history(world: World, seconds: float) -> list[Turn]:
    """Let each turn that is looked at take so long. Returns the list that these turns go to."""
    plain, seen = world.history.older, list[Turn]()

    def slow(before: TurnKey) -> Iterator[Turn]:
        for turn in plain(before):
            world.clock.advance(seconds)
            seen.append(turn)
            yield turn

    world.history.older = slow  # type: ignore[method-assign]
    return seen


@pytest.mark.parametrize("command", ["/history", "/new earlier", "/retry"])
def test_a_command_for_which_time_ends_looks_back_again_later(command: str) -> None:
    world = World()
    say(world, "one")
    for _ in range(5):
        say(world, "/help")
    plain, envelope = world.history.older, world.envelope(command)
    seen = slow_history(world, 15)
    assert world.handle(envelope) == HandBack(0, noted=True)
    assert len(seen) < 5
    assert world.history.find(envelope.key) is None
    world.history.older = plain  # type: ignore[method-assign]
    world.handle(envelope, receive_count=2)
    assert world.turn(envelope).reply.text not in nothing_found()


def test_a_history_shows_what_was_found_in_time() -> None:
    world = World()
    for text in ("one", "two", "three", "four", "five"):
        say(world, text)
    slow_history(world, 9.3)  # there is time for four of them, and to post the answer
    shown = say(world, "/history").reply.text
    assert "two" in shown
    assert "one" not in shown


@pytest.mark.parametrize("left", [17, 18, 24, 30])
@pytest.mark.parametrize("command", ["/history", "/new earlier", "/retry"])
def test_a_command_that_begins_late_answers_nothing_wrong(command: str, left: int) -> None:
    world = World("an answer", "another")
    say(world, "one")
    say(world, "/help")
    envelope = world.envelope(command)
    deadline = world.clock() + left * 1000
    assert world.conversation.handle(world.record(envelope), deadline, lambda: None) == Done()
    assert world.turn(envelope).reply.text not in nothing_found()


def nothing_found() -> tuple[str, str]:
    """The sentences which say that nothing was found."""
    return sentences("en")["nothing_earlier"], sentences("en")["nothing_to_retry"]


def test_a_retry_follows_back_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MOST_RETRIES", 3)
    world = World()
    say(world, "one")
    for _ in range(6):
        say(world, "/retry")
    before = world.history.calls["find"]
    say(world, "/retry")
    assert world.history.calls["find"] - before <= 4
