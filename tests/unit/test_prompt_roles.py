"""Whatever the history, a prompt is system, user, assistant, user, … user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.conversation import commands, prompt
from chatbot.core.completion import PromptLine
from chatbot.core.files import File, StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Command, Kind, Message, ReplyTo
from chatbot.core.prompt import alternating
from chatbot.core.settings import Settings
from chatbot.core.timeline import ConversationProfile, Timeline
from chatbot.core.turn import Links, Origin, Reply, State, Turn
from tests.fakes.clock import NOON
from tests.world import context_of

PICTURE = File(bytes(3), "image/png")
texts = st.sampled_from(["", " ", "word", "two\nlines", "> quoted", "x" * 3000])
numbers = st.integers(0, 12)


def key(number: int) -> TurnKey:
    return TurnKey.of("messenger:7", NOON + number * 1000, f"m{number}:message")


def key_or_none(below: int) -> st.SearchStrategy[str]:
    """Sort keys of older turns, and none."""
    return st.just("") | st.builds(lambda to: key(to).sort, st.integers(-1, below - 1))


def links(number: int) -> st.SearchStrategy[Links]:
    older = key_or_none(number)
    return st.builds(Links, st.booleans(), key_or_none(13), st.booleans(), older, older)


def mostly(usual: Any, others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The usual value three times of four: with many odd ones at once nothing would be shown."""
    return st.sampled_from([True, True, True, False]).flatmap(
        lambda usually: st.just(usual) if usually else others
    )


origins = mostly(Origin.MODEL, st.sampled_from([*Origin, Origin.STAFF]))
files = st.none() | st.just(StoredFile("folder/a.png", "image/png", "a red fox"))


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    turns = [
        Turn(
            key(number),
            "messenger",
            Author("7", draw(st.sampled_from(["", "Ada"]))),
            draw(texts),
            Reply(draw(texts), file=draw(files)),
            State.DELIVERED,
            draw(origins),
            posted=(f"p{number}",),
            more=draw(texts),
            since=draw(key_or_none(number + 1)),
            links=draw(mostly(Links(), links(number))),
        )
        for number in sorted(draw(st.sets(numbers)), reverse=True)
    ]
    forgotten = draw(mostly("", key_or_none(13)))
    profile = ConversationProfile(forgotten_before=forgotten)
    return Timeline(profile, tuple(turns), complete=draw(st.booleans()))


messages = st.builds(
    lambda number, text, more, group, reply_to: Message(
        key(number), "messenger", Kind.TEXT, text, Author("7", "Ada"), group, more=more,
        reply_to=reply_to,
    ),
    mostly(14, st.integers(0, 14)),
    texts,
    texts,
    st.booleans(),
    st.builds(ReplyTo, st.sampled_from(["", "p1", "m2"]), texts),
)  # fmt: skip
limits = st.builds(
    lambda turns, tokens: Settings(history_turns=turns, history_tokens=tokens),
    mostly(12, st.integers(0, 12)),
    mostly(9000, st.sampled_from([0, 40, 3000])),
)


def words(text: str) -> str:
    """The text without its line breaks and indents, which differ in groups."""
    return " ".join(text.split())


def check(lines: Sequence[PromptLine]) -> None:
    roles = [line.role for line in lines]
    assert roles[0] == "system"
    assert roles[1:] == ["user", "assistant"] * (len(roles) // 2 - 1) + ["user"]
    assert all(line.content.strip() or line.pictures for line in lines[:-1])


@settings(max_examples=150)
@given(timelines(), messages, limits, st.sampled_from([(), (PICTURE,)]))
def test_roles_alternate(
    timeline: Timeline, message: Message, limited: Settings, pictures: tuple[File, ...]
) -> None:
    context = replace(context_of(message, timeline, limited), pictures=pictures)
    lines = prompt.build(context, NOON + 15_000)
    while True:
        check(lines)
        assert lines[-1].pictures == pictures
        assert words(lines[-1].content).endswith(words(message.full_text))
        shortened = prompt.shorter(lines)
        if shortened == lines:
            break
        assert len(shortened.turns) < len(lines.turns)
        lines = shortened
    question = lines.turns[-1].lines[0]
    assert lines[1:] == (question,), "the message itself is left"


@pytest.mark.long
@given(timelines(), limits)
def test_roles_alternate_when_asked_again(timeline: Timeline, limited: Settings) -> None:
    asked = Message(
        key(14), "messenger", Kind.COMMAND, "/retry", Author("7"), command=Command("retry")
    )
    context = context_of(asked, timeline, limited)
    for turn in timeline.turns:
        context.history.turns[turn.key.conversation][turn.key.sort] = turn  # type: ignore[attr-defined]
    result = commands.run(context)
    if isinstance(result, commands.AskAgain):
        check(prompt.build(replace(context, message=result.message), NOON + 15_000))


def line(letter: str, content: str, *pictures: str) -> PromptLine:
    files = tuple(File(picture.encode(), "image/png") for picture in pictures)
    return PromptLine({"u": "user", "a": "assistant"}[letter], content, files)


CASES: dict[str, Any] = {
    "neighbours": (
        [line("u", "1"), line("u", "2"), line("a", "A"), line("a", "B"), line("u", "3")],
        [line("u", "1\n\n2"), line("a", "A\n\nB"), line("u", "3")],
    ),
    "the assistant first": (
        [line("a", "We open\nat nine."), line("a", "Until six."), line("u", "Really?")],
        [line("u", "> We open\n> at nine.\n> \n> Until six.\n\nReally?")],
    ),
    "nothing between": (
        [line("u", "1"), line("a", " "), line("u", "2"), line("a", "A"), line("u", "3")],
        [line("u", "1\n\n2"), line("a", "A"), line("u", "3")],
    ),
    "pictures": (
        [line("u", "1", "one"), line("u", "", "two"), line("u", "3", "three", "four")],
        [line("u", "1\n\n3", "one", "two", "three", "four")],
    ),
    "an empty question": ([line("a", "A"), line("u", "")], [line("u", "> A")]),
    "nothing at all": ([line("u", "")], [line("u", "")]),
}


@pytest.mark.parametrize("case", CASES)
def test_neighbours_are_joined(case: str) -> None:
    lines, joined = CASES[case]
    assert alternating(lines) == joined
