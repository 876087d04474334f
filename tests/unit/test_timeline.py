"""Which past turns count: one rule for the prompt, the commands and the page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatbot.core.key import TurnKey
from chatbot.core.message import Author
from chatbot.core.timeline import ConversationProfile, Timeline, exchanges, until_break
from chatbot.core.turn import Links, Origin, Reply, State, Turn
from tests.fakes.clock import NOON

CASES = json.loads((Path(__file__).parents[1] / "timeline_cases.json").read_text())


def key(number: int) -> TurnKey:
    """Return the key of a turn; turns are an hour apart, higher numbers are newer."""
    return TurnKey.of("web:ada", NOON + number * 3_600_000, f"{number}:message")


def turn(number: int, origin: Origin = Origin.MODEL, **links: str | bool) -> Turn:
    said = Turn(key(number), "web", Author("ada"), f"{number}", Reply("a"), State.DELIVERED, origin)
    return replace(said, links=Links(**links))  # type: ignore[arg-type]


def numbers(turns: Iterable[Turn]) -> list[int]:
    return [int(turn.text) for turn in turns]


def remembered(
    *newest_first: Turn, before: int = 99, oldest: int = -99, most: int = 99
) -> list[int]:
    timeline = Timeline(ConversationProfile(), newest_first, complete=True)
    return numbers(timeline.remembered(key(before), key(oldest).occurred_at, most))


@pytest.mark.parametrize(
    ("origin", "is_exchange", "is_remembered"),
    [
        (Origin.MODEL, True, True),
        (Origin.FALLBACK, True, False),
        (Origin.FILTERED, True, False),
        (Origin.STAFF, True, True),
        (Origin.COMMAND, False, False),
        (Origin.NOTICE, False, False),
    ],
)
def test_by_origin(origin: Origin, *, is_exchange: bool, is_remembered: bool) -> None:
    assert bool(numbers(exchanges([turn(1, origin)]))) is is_exchange
    assert bool(remembered(turn(1, origin))) is is_remembered


def test_a_message_that_was_answered_anew_counts_once() -> None:
    again = turn(3, replaces=key(1).sort)
    twice = turn(4, replaces=key(3).sort)
    assert numbers(exchanges([twice, again, turn(2), turn(1)])) == [4, 2]
    assert remembered(twice, again, turn(2), turn(1)) == [4, 2]


def test_a_command_that_answered_anew_stands_for_the_message() -> None:
    stopped = turn(3, Origin.NOTICE, replaces=key(1).sort)
    assert numbers(exchanges([stopped, turn(2), turn(1)])) == [2]


@pytest.mark.parametrize("origin", [Origin.FALLBACK, Origin.FILTERED])
def test_a_retry_without_an_answer_does_not_hide_the_answer_from_the_model(origin: Origin) -> None:
    failed = turn(3, origin, replaces=key(1).sort)
    assert numbers(exchanges([failed, turn(2), turn(1)])) == [3, 2]
    assert remembered(failed, turn(2), turn(1)) == [2, 1]


def test_a_merged_message_is_in_the_turn_that_answers_it() -> None:
    assert numbers(exchanges([turn(2, merged_into=key(1).sort), turn(1)])) == [1]


def test_a_fresh_start_cuts_off_what_came_before_until_it_is_lifted() -> None:
    fresh = turn(2, Origin.COMMAND, fresh_start=True)
    lifted = turn(2, Origin.COMMAND, fresh_start=True, lifted_by=key(4).sort)
    assert numbers(until_break([turn(3), fresh, turn(1)])) == [3]
    assert remembered(turn(3), fresh, turn(1)) == [3]
    assert numbers(until_break([turn(3), lifted, turn(1)])) == [3, 2, 1]
    assert remembered(turn(3), lifted, turn(1)) == [3, 1]


def test_nothing_is_remembered_from_its_own_time_on() -> None:
    assert remembered(turn(3), turn(2), turn(1), before=2) == [1]


def test_what_is_too_old_is_remembered_only_once_it_was_resumed() -> None:
    assert remembered(turn(5), turn(2), oldest=3) == [5]
    assert remembered(turn(5), turn(4, Origin.COMMAND, resumed=True), turn(2), oldest=3) == [5, 2]
    # The mark itself has to be in time.
    assert remembered(turn(2, Origin.COMMAND, resumed=True), turn(1), oldest=3) == []


def test_nothing_forgotten_is_remembered() -> None:
    timeline = Timeline(ConversationProfile(forgotten_before=key(2).sort), (turn(3), turn(2)), True)
    assert numbers(timeline.remembered(key(9), 0, 9)) == [3]


def test_no_more_than_the_most() -> None:
    turns = [turn(number) for number in range(9, 0, -1)]
    assert remembered(*turns, most=2) == [9, 8]
    assert remembered(*turns, most=0) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_page_and_the_prompt_follow_one_rule(case: dict[str, Any]) -> None:
    """The page's half of it is tests/browser/test_timeline.py."""
    places = {each["id"]: number for number, each in enumerate(case["turns"])}
    turns = [
        turn(
            places[each["id"]],
            Origin(each.get("origin", "model")),
            merged_into=key(places[each["merged_into"]]).sort if "merged_into" in each else "",
            fresh_start=each.get("fresh_start", False),
            lifted_by="x" if each.get("lifted") else "",
            replaces=key(places[each["replaces"]]).sort if "replaces" in each else "",
        )
        for each in case["turns"]
    ]
    ids = [each["id"] for each in case["turns"]]
    after_break = [*until_break(reversed(turns))]
    start = len(turns) - len(after_break) - 1  # the fresh start itself opens the stretch
    stretch = [*([turns[start]] if start >= 0 else []), *reversed(after_break)]
    assert [ids[number] for number in numbers(stretch)] == case["stretch"]
    found = numbers(exchanges(reversed(stretch)))
    assert [ids[number] for number in reversed(found)] == case["exchanges"]


def test_a_timeline_knows_how_far_it_reaches() -> None:
    part = Timeline(ConversationProfile(), (turn(3), turn(2)), complete=False)
    assert (part.reaches(key(2)), part.reaches(key(1))) == (True, False)
    assert replace(part, complete=True).reaches(key(1))
    assert not Timeline(ConversationProfile(), (), complete=False).reaches(key(1))
    posted = replace(turn(3), posted=("7", "8"))
    assert replace(part, turns=(posted, turn(2))).posted_ids() == {"7", "8"}
