"""Cause random faults at every boundary, and kill processes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from local.stack import Stack
from local.standins.faults import Fault, Faults
from local.standins.refusals import REFUSALS
from tests.storm import processes

PATIENCE = 1.2
"""Delay of a slow response in seconds: longer than a post may wait, shorter than SETTLE."""
_WEBHOOKS = 0.2
"""Share of the kills that hit a webhook."""

_CONNECTION = (
    (1.0, Fault("hang_up_before")),
    (1.0, Fault("hang_up_after")),
    (1.0, Fault("reset")),
    (1.0, Fault("malformed")),
)
_AWS = (
    *_CONNECTION,
    (1.0, Fault("status", status=500)),
    (1.0, Fault("status", status=400, code="ThrottlingException")),
    # Not of PutItem: the worker cannot notice a write that got status 200 but was not stored.
    (1.0, Fault("malformed", match="[!P]*", work=False)),
    (1.0, Fault("slow", delay_s=0.2)),
    (0.1, Fault("no_answer")),  # rare, as each blocks a worker for five seconds
)
_PLATFORM = (
    *_CONNECTION,
    (1.0, Fault("malformed", work=False)),
    (1.0, Fault("status", status=500)),
    (1.0, Fault("status", status=429)),
    (1.0, Fault("status", status=429, retry_after=1)),
    (0.5, Fault("slow", delay_s=PATIENCE)),
    (0.5, Fault("no_answer")),
    (0.5, Fault("no_answer", work=False)),
)
_OVERLOADED = 'data: {"error": {"message": "Overloaded", "code": 529}}\n\n'
# What servers really say while they are away, each as often as the others, and the same within a
# stream that began with status 200.
_AWAY = [refusal.fault() for refusal in REFUSALS.values() if refusal.kind == "away"]
_MODEL = (
    *_PLATFORM,
    (1.0, Fault("cut")),
    *((2.0 / len(_AWAY), fault) for fault in _AWAY),
    (
        0.5,
        Fault("malformed", body=_OVERLOADED, content_type="text/event-stream", work=False),
    ),
)


@dataclass(frozen=True)
class RandomFault(Fault):
    """A fault that hits each matching request with a probability (`chance`), until cleared."""

    chance: float = 0.0
    dice: random.Random = field(default_factory=random.Random)

    def concerns(self, operation: str, body: bytes) -> bool:
        return self.dice.random() < self.chance and super().concerns(operation, body)


class RandomFaults:
    """Makes a share of all requests to AWS, platforms and model fail, in the ways listed above."""

    def __init__(self, stack: Stack, share: float, dice: random.Random) -> None:
        self._stack = stack
        self._share = share
        self._dice = dice
        self.kills = 0

    @property
    def _boundaries(self) -> tuple[Faults, ...]:
        stack = self._stack
        return (stack.aws_faults, stack.telegram.faults, stack.graph.faults, stack.openai.faults)

    @property
    def faults(self) -> int:
        """Number of requests that failed so far."""
        return sum(len(faults.fired) for faults in self._boundaries)

    def begin(self) -> None:
        for faults, ways in zip(
            self._boundaries, (_AWS, _PLATFORM, _PLATFORM, _MODEL), strict=True
        ):
            faults.add(*_random_faults(ways, self._share, self._dice))

    def end(self) -> None:
        for faults in self._boundaries:
            faults.clear()

    def kill(self) -> None:
        """Kill a process while it works. The oldest worker is spared: its memory is measured."""
        workers = [each for each in processes.of_function("WorkerFunction")[1:] if each.at_work]
        victims = workers
        if self._dice.random() < _WEBHOOKS:
            victims = processes.of_function("WebhookFunction")
        if victims:
            processes.kill(self._dice.choice(victims))
            self.kills += 1


def _random_faults(
    ways: tuple[tuple[float, Fault], ...], share: float, dice: random.Random
) -> list[RandomFault]:
    """Make the rules. They are tried one after another, so later ones need a higher probability."""
    total = sum(weight for weight, _ in ways)
    gusts, passed = [], 1.0
    for weight, fault in ways:
        part = share * weight / total
        gusts.append(
            RandomFault(
                kind=fault.kind,
                match=fault.match,
                times=0,
                status=fault.status,
                code=fault.code,
                retry_after=fault.retry_after,
                body=fault.body,
                content_type=fault.content_type,
                delay_s=fault.delay_s,
                work=fault.work,
                chance=part / passed,
                dice=dice,
            )
        )
        passed -= part
    return gusts
