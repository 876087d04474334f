"""What the rules are compared by. Each scenario returns what strangers got, over some seeds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.rules import EveryDeath, ReceivesLessHandBacks, Suspects
from tests.simulation.world import BATCH, LEASE, LIMIT, VISIBILITY, Message, Rule, World

RULES: tuple[Callable[[], Rule], ...] = (EveryDeath, ReceivesLessHandBacks, Suspects)
SEEDS = 3


@dataclass
class Outcome:
    """Of the messages that kill no worker: fallbacks, waits in seconds, deaths of their workers.

    `took` is the time until the last of them was answered, `receives` the most receives of any
    message, those that kill included: at 100 the queue gives one up.
    """

    fallbacks: int = 0
    unanswered: int = 0
    longest: float = 0
    most_hurt: int = 0
    took: float = 0
    receives: int = 0

    def add(self, messages: list[Message], since: float = 0) -> None:
        """Count the strangers of a run."""
        ended = [message for message in messages if message.ended is not None]
        self.unanswered += len(messages) - len(ended)
        self.fallbacks += sum(message.fallback for message in ended)
        self.longest = max([self.longest, *(message.waited for message in ended)])
        self.most_hurt = max([self.most_hurt, *(message.hurt for message in messages)])
        self.took = max([self.took, *((message.ended or 0) - since for message in ended)])

    def __str__(self) -> str:
        return (
            f"fallbacks {self.fallbacks:4}  unanswered {self.unanswered:3}  "
            f"longest wait {self.longest:7.1f} s  deaths of one {self.most_hurt}  "
            f"all done after {self.took:7.1f} s  receives {self.receives:3}"
        )


def one_neighbour_kills(make: Callable[[], Rule]) -> Outcome:
    """A killer and three strangers, who write at the same time."""
    return _neighbours(make, killers=1, strangers=3, workers=10)


def one_neighbour_hogs_the_processor(make: Callable[[], Rule]) -> Outcome:
    """The same, where nobody gets anything done until the time limit."""
    return _neighbours(make, killers=1, strangers=3, workers=10, hogs=True)


def three_neighbours_kill_on_two_workers(make: Callable[[], Rule]) -> Outcome:
    """Few workers, and several killers among them."""
    return _neighbours(make, killers=3, strangers=17, workers=2)


def killers_in_steady_traffic(make: Callable[[], Rule]) -> Outcome:
    """A twentieth of all messages kills, for four minutes: more suspects than workers for them."""
    return _steady(make, messages=600, workers=5, seeds=SEEDS)


def killers_in_lasting_traffic(make: Callable[[], Rule]) -> Outcome:
    """The same for 13 minutes."""
    return _steady(make, messages=2000, workers=5, seeds=1)


def killers_in_lasting_traffic_on_ten_workers(make: Callable[[], Rule]) -> Outcome:
    """The same on the template's number of workers, which is enough."""
    return _steady(make, messages=2000, workers=10, seeds=1)


def killers_beside_a_slow_model(make: Callable[[], Rule]) -> Outcome:
    """Each answer takes 45 s: after it, an invocation has no time for another one."""
    outcome = Outcome()
    for seed in range(SEEDS):
        world = World(make(), workers=3, seed=seed)
        for number in range(120):
            kills = 3.0 if number % 40 == 5 else None
            world.send(number * 2.0, seconds=45.0, kills=kills)
        world.run()
        outcome.add([message for message in world.messages if message.kills is None])
    return outcome


def fresh_backlog(make: Callable[[], Rule]) -> Outcome:
    """500 messages at once, for five workers: the measure for the next one."""
    return _drained(make, throttles=0)


def backlog_that_was_throttled_once(make: Callable[[], Rule]) -> Outcome:
    """The same 500, each received once without a worker that saw it."""
    return _drained(make, throttles=1)


def backlog_that_was_throttled_three_times(make: Callable[[], Rule]) -> Outcome:
    """And three times."""
    return _drained(make, throttles=3)


def after_an_outage_with_full_batches(make: Callable[[], Rule]) -> Outcome:
    """The model was away for ten minutes, and 500 messages have waited for it."""
    outcome = Outcome()
    for seed in (0,):
        world = World(make(), workers=5, seed=seed, model_away=600)
        for number in range(500):
            world.send(number * 0.1)
        world.run()
        outcome.add(world.messages, since=600)
    return outcome


def after_every_worker_died(make: Callable[[], Rule]) -> Outcome:
    """As with a deployment whose workers all die: 500 messages come back, each a suspect."""
    outcome = Outcome()
    world = World(make(), workers=10, seed=0)
    for _ in range(500):
        message = world.send(LEASE)
        message.receives, message.first_received = 1, 1e-9
    world.run()
    outcome.add(world.messages, since=LEASE)
    outcome.receives = max(message.receives for message in world.messages)
    return outcome


def death_before_an_outage(make: Callable[[], Rule]) -> Outcome:
    """A worker died with a full batch, then the model is away for ten minutes; others write.

    `receives` are those of the ten, which kill nobody.
    """
    outcome = Outcome()
    for seed in range(SEEDS):
        world = World(make(), workers=2, seed=seed, model_away=LEASE + 600)
        for _ in range(BATCH):
            message = world.send(LEASE)
            message.receives, message.first_received = 1, 1e-9
        for number in range(350):
            world.send(LEASE + number * 2.0)
        world.run()
        outcome.add(world.messages, since=LEASE)
        outcome.receives = max(outcome.receives, *(each.receives for each in world.messages))
    return outcome


SCENARIOS = (
    one_neighbour_kills,
    one_neighbour_hogs_the_processor,
    three_neighbours_kill_on_two_workers,
    killers_in_steady_traffic,
    killers_in_lasting_traffic,
    killers_in_lasting_traffic_on_ten_workers,
    killers_beside_a_slow_model,
    fresh_backlog,
    backlog_that_was_throttled_once,
    backlog_that_was_throttled_three_times,
    after_an_outage_with_full_batches,
    after_every_worker_died,
    death_before_an_outage,
)


def _neighbours(
    make: Callable[[], Rule], killers: int, strangers: int, workers: int, hogs: bool = False
) -> Outcome:
    outcome = Outcome()
    for seed in range(SEEDS):
        dice = random.Random(seed)
        world = World(make(), workers, seed)
        order = [True] * killers + [False] * strangers
        dice.shuffle(order)
        for kills in order:
            world.send(0.0, kills=dice.uniform(0.5, 5) if kills else None, hogs=hogs)
        world.run()
        outcome.add([message for message in world.messages if message.kills is None])
    return outcome


def _steady(make: Callable[[], Rule], messages: int, workers: int, seeds: int) -> Outcome:
    outcome = Outcome()
    for seed in range(seeds):
        dice = random.Random(seed)
        world = World(make(), workers, seed)
        for number in range(messages):
            kills = dice.uniform(0.5, 5) if number % 20 == 7 else None
            hogs = dice.random() < 0.3
            world.send(number * 0.4, seconds=dice.uniform(3, 9), kills=kills, hogs=hogs)
        world.run()
        outcome.add([message for message in world.messages if message.kills is None])
        outcome.receives = max(message.receives for message in world.messages)
    return outcome


def _drained(make: Callable[[], Rule], throttles: int) -> Outcome:
    outcome, opens = Outcome(), throttles * VISIBILITY
    for seed in (0,):
        world = World(make(), workers=5, seed=seed, throttled=lambda now: now < opens - LIMIT / 2)
        for _ in range(500):
            world.send(0.0)
        world.run()
        outcome.add(world.messages, since=opens)
    return outcome
