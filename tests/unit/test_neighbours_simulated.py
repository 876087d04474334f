"""What the rule for deaths costs strangers, against the rule before and the one first planned.

`python -m tests.simulation` prints the figures.
"""

from __future__ import annotations

import pytest

from tests.simulation import scenarios
from tests.simulation.rules import (
    EveryDeath,
    ReceivesLessHandBacks,
    Suspects,
    SuspectsReturnedAtOnce,
)
from tests.simulation.scenarios import SCENARIOS, Outcome
from tests.simulation.world import LEASE

pytestmark = pytest.mark.long

ANSWER = 6.0
"""Seconds that an answer takes in most scenarios."""


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """The outcome of each scenario under the product's rule."""
    return {scenario.__name__: scenario(Suspects) for scenario in SCENARIOS}


def test_no_stranger_gets_the_fallback(outcomes: dict[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        assert (outcome.fallbacks, outcome.unanswered) == (0, 0), name


def test_before_they_did() -> None:
    assert scenarios.one_neighbour_kills(EveryDeath).fallbacks > 0
    assert scenarios.one_neighbour_hogs_the_processor(EveryDeath).fallbacks > 0


def test_a_stranger_loses_one_worker_to_a_neighbour(outcomes: dict[str, Outcome]) -> None:
    assert max(outcome.most_hurt for outcome in outcomes.values()) == 1


def test_strangers_wait_for_one_lease_and_their_own_answer(outcomes: dict[str, Outcome]) -> None:
    for name in ("one_neighbour_kills", "one_neighbour_hogs_the_processor"):
        assert outcomes[name].longest <= LEASE + ANSWER


def test_what_was_throttled_is_answered_as_fast_as_fresh(outcomes: dict[str, Outcome]) -> None:
    fresh = outcomes["fresh_backlog"].took
    for name in ("backlog_that_was_throttled_once", "backlog_that_was_throttled_three_times"):
        assert outcomes[name].took <= 1.05 * fresh
    # A receive that no worker saw must not count as a death.
    counted = scenarios.backlog_that_was_throttled_once(ReceivesLessHandBacks)
    assert counted.took > 5 * fresh


def test_after_an_outage_all_run_side_by_side_as_before(outcomes: dict[str, Outcome]) -> None:
    before = scenarios.after_an_outage_with_full_batches(EveryDeath)
    assert outcomes["after_an_outage_with_full_batches"].took <= 1.05 * before.took


def test_nobody_is_received_so_often_that_the_queue_gives_it_up(
    outcomes: dict[str, Outcome],
) -> None:
    """`maxReceiveCount` is 100 (template.yaml)."""
    assert max(outcome.receives for outcome in outcomes.values()) < 60
    planned = scenarios.killers_in_lasting_traffic(ReceivesLessHandBacks)
    assert planned.receives > 100  # of its suspects, the one goes first that has died least often


def test_nor_while_every_attempt_fails(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["death_before_an_outage"].receives < 60
    assert scenarios.death_before_an_outage(SuspectsReturnedAtOnce).receives > 100


def test_a_suspect_in_an_invocation_of_its_own_costs_less(outcomes: dict[str, Outcome]) -> None:
    """Than one that runs after the others of its batch, in the time that they leave."""
    name = "killers_beside_a_slow_model"
    planned = scenarios.killers_beside_a_slow_model(ReceivesLessHandBacks)
    assert outcomes[name].longest < planned.longest
