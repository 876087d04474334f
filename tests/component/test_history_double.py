"""The table and its double in memory do the same in the same steps."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatbot.adapters.dynamodb.turns import Table
from chatbot.core.ports import TurnExists
from chatbot.core.turn import Claim, State
from chatbot.core.work import Tries
from tests.component.turns import Store, make
from tests.fakes.clock import NOON
from tests.fakes.history import MemoryHistory

tokens = st.sampled_from(["a", "b"])
states = st.sampled_from(list(State))
times = st.integers(NOON - 2, NOON + 2)
claims = st.none() | st.builds(Claim, tokens, times)
parts = st.sampled_from([(), ("1",), ("1", "2")])
html = st.sampled_from(["", "<p>a</p>"])
numbers = st.integers(1, 2)
few = st.integers(0, 1)
heard = st.sampled_from([(), (("voice", "said"),)])
tries = st.builds(Tries, st.integers(-1, 2), few, few, heard, few, few)
steps = st.one_of(
    st.tuples(st.just("put"), numbers, states, claims),
    st.tuples(st.just("take_over"), numbers, states, claims, st.builds(Claim, tokens, times)),
    st.tuples(st.just("save"), numbers, states, claims, parts),
    st.tuples(st.just("mark_delivered"), numbers, parts, html, st.booleans()),
    st.tuples(st.just("abandon"), numbers),
    st.tuples(st.just("hold"), numbers),
    st.tuples(st.just("raise_try"), numbers, few, numbers, st.booleans(), st.integers(0, 2)),
    st.tuples(st.just("note_try"), numbers, st.none() | tries, tries),
)
_serial = count()


def perform(history: Store, conversation: str, step: tuple[Any, ...]) -> object:
    """Run a step. Returns what it returns or raises."""
    name, number, *rest = step
    turn, options = make(number, conversation), dict[str, object]()
    match name:
        case "put":
            arguments: list[object] = [replace(turn, state=rest[0], claim=rest[1])]
        case "take_over":
            arguments = [replace(turn, state=rest[0], claim=rest[1]), rest[2], NOON]
        case "save":
            arguments = [replace(turn, state=rest[0], claim=rest[1], posted=rest[2])]
        case "mark_delivered":
            arguments, options["plain"] = [turn.key, rest[0], rest[1]], rest[2]
        case "abandon" | "hold":
            arguments = [turn.key, NOON]
        case "note_try":
            arguments = [turn.key, *rest]
        case "raise_try":
            arguments = [turn.key, *rest[:2]]
            options |= {"replace_later": rest[2], "anew_before": rest[3]}
        case _:
            arguments = [turn.key]
    try:
        result: object = getattr(history, name)(*arguments, **options)
    except TurnExists as met:
        return met.turn
    return result


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(st.lists(steps, min_size=1, max_size=8))
def test_the_double_does_what_the_table_does(
    dynamodb_table: Table, script: list[tuple[Any, ...]]
) -> None:
    memory, conversation = MemoryHistory(), f"telegram:{next(_serial)}"
    for step in script:
        real = perform(dynamodb_table, conversation, step)
        assert perform(memory, conversation, step) == real
        assert memory.read(conversation, 5) == dynamodb_table.read(conversation, 5)
        assert memory.tries(conversation) == dynamodb_table.tries(conversation)
