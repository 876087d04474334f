"""A prompt begins like the one before it, until a limit is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from chatbot.conversation.window import Limits, window
from chatbot.core.completion import PromptLine
from chatbot.core.errors import ContextTooLong
from chatbot.core.key import TurnKey
from chatbot.core.message import Author
from chatbot.core.settings import Seconds
from chatbot.core.timeline import ConversationProfile, Timeline
from chatbot.core.turn import Links, Origin, Reply, State, Turn
from tests.fakes.clock import NOON
from tests.world import CONVERSATION, World

MESSAGES = 60
Lines = Sequence[PromptLine]


def starts_like(one: Lines, other: Lines) -> bool:
    """Whether all of `one` but its question is the beginning of `other`, with a turn at least."""
    return len(one) > 2 and tuple(one[:-1]) == tuple(other[: len(one) - 1])


def prefixes_kept(world: World, messages: int = MESSAGES, *, forgetful: bool = False) -> int:
    """How many of the prompts begin with all of the prompt before.

    If `forgetful`, the turns do not keep where their prompts began, as in earlier versions.
    """
    for number in range(messages):
        world.handle(world.envelope(f"message {number}"))
        if forgetful:
            turns = world.history.turns[CONVERSATION]
            turns |= {sort: replace(turn, since="") for sort, turn in turns.items()}
        world.clock.advance(60)
    prompts = world.model.prompts[-messages:]
    return sum(starts_like(one, other) for one, other in pairwise(prompts))


@pytest.mark.parametrize(
    ("settings", "before", "after"),
    [
        ({}, 9, 49),  # HISTORY_TURNS 10
        ({"history_turns": 30}, 29, 56),
        ({"history_turns": 3}, 2, 30),
        ({"history_turns": 100, "history_tokens": 60}, 15, 53),
        ({"history_turns": 100, "history_max_age": Seconds(1200)}, 18, 54),
    ],
)
def test_of_60_prompts_most_begin_with_the_one_before(
    settings: dict[str, object], before: int, after: int
) -> None:
    """`before` is what dropping the oldest turn at each message gives."""
    world = World(**settings)  # type: ignore[arg-type]
    assert prefixes_kept(World(**settings), forgetful=True) == before  # type: ignore[arg-type]
    assert prefixes_kept(world) == after


def shown(world: World) -> list[str]:
    """What the newest prompt shows of people's earlier messages."""
    lines = [line.content for line in world.model.prompts[-1] if line.role == "user"][:-1]
    return [text.removeprefix("message ") for text in lines]


def test_the_older_half_goes_when_the_most_turns_are_reached() -> None:
    world, counts = World(), list[int]()
    for number in range(24):
        world.handle(world.envelope(f"message {number}"))
        counts.append(len(shown(world)))
    assert counts == [*range(11), *range(5, 11), *range(5, 11), 5]
    assert shown(world) == ["18", "19", "20", "21", "22"]


def test_no_read_more_than_before() -> None:
    world = World()
    prefixes_kept(world, 30)
    assert (world.history.calls["read"], world.history.calls["older"]) == (30, 0)


def test_a_fresh_start_begins_anew_and_resuming_looks_back_again() -> None:
    world = World()
    for text in ("a", "b", "/reset", "c", "d"):
        world.handle(world.envelope(text))
    assert shown(world) == ["c"]
    for text in ("/new earlier", "e", "f"):
        world.handle(world.envelope(text))
    assert shown(world) == ["a", "b", "c", "d", "e"]


def test_what_was_too_long_for_the_model_is_not_shown_again() -> None:
    world = World("A", "B", "C", "D", ContextTooLong("context_length"), "E", "F")
    for text in "abcdef":
        world.handle(world.envelope(text))
    prompts = [[line.content for line in prompt[1::2]] for prompt in world.model.prompts[-3:]]
    assert prompts == [["a", "b", "c", "d", "e"], ["c", "d", "e"], ["c", "d", "e", "f"]]


def test_a_retry_keeps_the_beginning() -> None:
    world = World()
    for text in ("a", "b", "c", "/retry", "d"):
        world.handle(world.envelope(text))
    assert shown(world) == ["a", "b", "c"]
    first, *_, before, again, last = world.model.prompts
    assert again == before
    assert starts_like(again, last)
    assert len(first) == 2


# The window itself


def turn(number: int, since: int = 0, **changes: object) -> Turn:
    """Make a turn of 10 tokens; turns are a second apart."""
    made = Turn(
        key(number), "telegram", Author("7"), str(number), Reply("A"), State.DELIVERED, Origin.MODEL
    )
    made = replace(made, since=key(since).sort if since else "")
    return replace(made, **changes)  # type: ignore[arg-type]


def key(number: int) -> TurnKey:
    return TurnKey.of(CONVERSATION, NOON + number * 1000, f"{number:03d}:message")


def kept(
    turns: Sequence[Turn],
    *,
    most: int = 10,
    oldest: int = 0,
    tokens: float = 1000,
    complete: bool = True,
) -> list[int]:
    timeline = Timeline(ConversationProfile(), tuple(turns)[::-1], complete)
    limits = Limits(most, key(oldest).occurred_at, tokens)
    found = window(timeline, key(99), limits, lambda turn: 10)
    return [int(turn.text) for turn in found][::-1]


TEN = [turn(number) for number in range(1, 11)]


def test_without_a_known_beginning_as_much_as_the_limits_allow() -> None:
    assert kept(TEN) == [*range(1, 11)]
    assert kept(TEN, most=4) == [7, 8, 9, 10]
    assert kept(TEN, tokens=35) == [8, 9, 10]
    assert kept(TEN, oldest=6) == [6, 7, 8, 9, 10]


def test_with_one_it_stays_within_the_limits() -> None:
    turns = [*TEN, turn(11, since=4)]
    assert kept(turns) == [4, 5, 6, 7, 8, 9, 10, 11]
    assert kept(turns, most=8, tokens=80, oldest=4) == [4, 5, 6, 7, 8, 9, 10, 11]


def test_at_any_limit_the_older_half_goes() -> None:
    turns = [*TEN, turn(11, since=4)]
    assert kept(turns, most=7) == [8, 9, 10, 11]
    assert kept(turns, tokens=79) == [9, 10, 11]
    assert kept(turns, oldest=5) == [8, 9, 10, 11]
    assert kept(turns, oldest=10) == [10, 11]
    assert kept(turns, oldest=12) == []
    assert kept(turns, most=0) == []
    assert kept(turns, most=1) == [11]


def test_one_long_turn_is_shown_although_it_is_more_than_half() -> None:
    turns = [*TEN, turn(11, since=4)]
    assert kept(turns, tokens=10) == [11]
    assert kept(turns, tokens=9) == []


def test_a_beginning_out_of_reach_counts_as_a_limit() -> None:
    """Commands in between may end the turns that were read before the beginning."""
    turns = [*TEN, turn(11, since=4)][5:]
    assert kept(turns, complete=False) == [9, 10, 11]
    assert kept(turns, complete=True) == [6, 7, 8, 9, 10, 11]


def test_the_beginning_may_be_a_turn_that_no_longer_counts() -> None:
    turns = [*TEN[:4], turn(5, links=Links(replaces=key(4).sort)), turn(6, since=4)]
    assert kept(turns) == [5, 6]
