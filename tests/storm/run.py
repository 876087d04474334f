"""Run a storm, from the first message to the verdict."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.cloud.invoker import Runtime
from local.cloud.runtime import LogSink
from local.stack import Options, Stack
from local.standins.people import Signer
from tests.storm import processes
from tests.storm.judge import Verdict, judge
from tests.storm.load import Senders, people, streams
from tests.storm.random_faults import RandomFaults
from tests.storm.watch import Watch

POST_TIMEOUT = 2.5
"""Seconds, far longer than a busy machine stalls: otherwise successful posts would be repeated."""
MODEL_TIMEOUT = 3.0
SETTLE = 3.0
SETTINGS = {
    "POST_TIMEOUT": f"{POST_TIMEOUT:g}s",
    "MODEL_TIMEOUT": f"{MODEL_TIMEOUT:g}s",
    "SETTLE": f"{SETTLE:g}s",
    "RETRY_DELAY": "100ms",
    "RETRY_DELAY_MAX": "2s",
    "HISTORY_TURNS": "3",  # moto reads slowly
    "SETTINGS_TTL": "5s",
}
WORKER_TIMEOUT = 14
"""Seconds. A record stays invisible for 5 seconds more after its worker died."""
VISIBILITY = 21
"""The queue's visibility timeout in seconds: how long the records of a worker stay invisible that
died before it took its lease.

AWS advises six times the function's timeout, with which a storm would mostly wait.
"""
_IN_PROCESS_TIMEOUT = 60  # high, as a time-out in this process would end it
_TICK = 0.25
_QUIET_TICKS = 4
_SILENCE = 90.0  # seconds without progress after which the remaining messages count as stuck
_SAY_EVERY = 5.0
_KILL_EVERY = (4.0, 10.0)
_REPEATED = 0.03
"""Share of the queued records that are queued again under a new deduplication id.

That happens when a platform repeats an event after the five minutes of SQS's deduplication.
"""
_QUARTERS = (0.25, 0.5, 0.75, 1.0)
_SENDERS = 4


@dataclass(frozen=True)
class Plan:
    seed: int
    conversations: int = 200
    messages: int = 25
    faults: float = 0.10
    runtime: Runtime = "rie"
    workers: int = 4
    kills: bool = False
    under_way: int = 80  # queued messages above which people wait, as moto slows down with more
    lines: LogSink = field(default=lambda line: None)


@dataclass(frozen=True)
class Memory:
    """Resident bytes of the oldest and the largest worker after a part (0 to 1) of the messages."""

    part: float
    oldest: int
    largest: int


@dataclass
class Report:
    plan: Plan
    sent: int
    seconds: float  # from the first message until all were handled
    requests: int  # webhook calls
    refused: int  # webhook calls answered with 4xx
    repeated: int  # records queued a second time
    faults: int
    kills: int
    dead_invocations: int
    memory: list[Memory]
    verdict: Verdict

    @property
    def good(self) -> bool:
        return self.verdict.good and not self.refused and self.sent == self.due

    @property
    def due(self) -> int:
        return self.plan.conversations * self.plan.messages


def storm(plan: Plan, say: Callable[[str], None]) -> Report:
    """Run the plan. `say` is called with a line of progress every few seconds."""
    options = Options(
        runtime=plan.runtime,
        workers=plan.workers,
        settings=SETTINGS,
        timeouts={
            "WorkerFunction": WORKER_TIMEOUT if plan.runtime == "rie" else _IN_PROCESS_TIMEOUT
        },
        log=plan.lines,
    )
    with Stack(options) as stack:
        if plan.runtime == "rie":
            stack.sqs.set_queue_attributes(
                QueueUrl=stack.queue_url, Attributes={"VisibilityTimeout": str(VISIBILITY)}
            )
        return _Storm(plan, stack, say).run()


class _Storm:
    def __init__(self, plan: Plan, stack: Stack, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._stack = stack
        self._say = say
        self._dice = random.Random(plan.seed)
        self._faults = RandomFaults(stack, plan.faults, random.Random(plan.seed + 1))
        self._watch = Watch(POST_TIMEOUT, MODEL_TIMEOUT)
        stack.recorder.listen(self._watch.see)
        self._depth = 0
        self._repeated = 0
        self._memory: list[Memory] = []
        signer = Signer(stack.settings)
        self._talks = people(plan.conversations, plan.messages, plan.seed, signer)
        self._senders = Senders(
            list(streams(self._talks, stack.url, self._dice)),
            stack.url,
            lambda: self._depth >= plan.under_way,
            _SENDERS,
        )

    @property
    def _sent(self) -> int:
        return sum(bool(sent.event_id) for talk in self._talks for sent in talk)

    def run(self) -> Report:
        began = time.monotonic()
        self._faults.begin()
        self._senders.start()
        try:
            self._until_quiet()
        finally:
            self._senders.stop()
        seconds = time.monotonic() - began
        self._faults.end()
        return Report(
            plan=self._plan,
            sent=self._sent,
            seconds=seconds,
            requests=self._senders.requests,
            refused=len(self._senders.refused),
            repeated=self._repeated,
            faults=self._faults.faults,
            kills=self._faults.kills,
            dead_invocations=self._watch.dead_invocations,
            memory=self._memory,
            verdict=judge(self._stack, self._talks, self._watch),
        )

    def _until_quiet(self) -> None:
        now = began = told = moved = time.monotonic()
        kill_at = now + self._dice.uniform(*_KILL_EVERY)
        quiet, before = 0, (0, 0)
        while quiet < _QUIET_TICKS and now - moved < _SILENCE:
            time.sleep(_TICK)
            now = time.monotonic()
            self._repeat_some()
            self._depth = self._waiting()
            sent = self._sent
            if (sent, self._depth) != before:
                before, moved = (sent, self._depth), now
            quiet = quiet + 1 if self._senders.done and not self._depth else 0
            self._weigh(sent - self._depth)
            if self._plan.kills and now >= kill_at and not self._senders.done:
                self._faults.kill()
                kill_at = now + self._dice.uniform(*_KILL_EVERY)
            if now - told >= _SAY_EVERY:
                told = now
                self._say(self._progress(sent, now - began))

    def _waiting(self) -> int:
        """Return the number of records in the queue, including invisible ones."""
        names: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self._stack.sqs.get_queue_attributes(
            QueueUrl=self._stack.queue_url, AttributeNames=names
        )["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def _repeat_some(self) -> None:
        for entry in self._watch.take_queued():
            if self._dice.random() < _REPEATED:
                self._repeated += 1
                self._stack.sqs.send_message(
                    QueueUrl=self._stack.queue_url,
                    MessageBody=entry["MessageBody"],
                    MessageGroupId=entry["MessageGroupId"],
                    MessageDeduplicationId=f"repeated-{self._repeated}",
                )

    def _weigh(self, answered: int) -> None:
        due = _QUARTERS[len(self._memory) :]
        total = self._plan.conversations * self._plan.messages
        if not due or answered < due[0] * total:
            return
        workers = processes.of_function("WorkerFunction")
        sizes = [process.memory for process in workers] or [processes.own_memory()]
        self._memory.append(Memory(due[0], sizes[0], max(sizes)))

    def _progress(self, sent: int, seconds: float) -> str:
        total = self._plan.conversations * self._plan.messages
        answered = max(0, sent - self._depth)
        return (
            f"{answered / total:4.0%}  {seconds:4.0f} s  {sent} sent  {self._depth} under way"
            f"  {answered / seconds:.1f}/s  {self._faults.faults} faults"
            f"  {self._faults.kills} kills"
        )
