"""Run one case: a conversation of several messages with the fault at the second, then judge it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from local.cloud.invoker import Runtime
from local.stack import Options, Stack
from local.standins.faults import Fault
from tests.faults import bill, cases, story
from tests.faults.answers import run_answer
from tests.faults.bill import Bill, bill_of
from tests.faults.cases import Case
from tests.faults.finding import PATIENCE, Finding
from tests.faults.lanes import Lanes
from tests.faults.neighbours import run_neighbours
from tests.faults.plants import Plant
from tests.faults.talk import MAX_INPUT, Label, Talk

WORKER_SECONDS = 28
"""Timeout of the worker. A quarter of the model's share, 4.75 s, is left for a second call, after
one that got no response."""
PICTURE_SECONDS = 25
"""Timeout of the worker where it makes pictures: it starts none with less than 15 s left, and keeps
9 s for posting."""
SETTLE = 1.5
SETTINGS = {
    "SETTLE": f"{SETTLE}s",
    "POST_TIMEOUT": "5s",  # longer than a busy machine stalls, or stalls would look like faults
    "MAX_TOKENS": "2000",
    "RETRY_DELAY": "100ms",
    "RETRY_DELAY_MAX": "1s",
    "GIVE_UP_AFTER": "1h",
    "MAX_INPUT": str(MAX_INPUT),
}
TOKEN_SECONDS = 0.0005
"""Between the model's words: answers of two parts then take long enough for typing and drafts."""
VISIBILITY = 6
"""Seconds of the queue's visibility timeout in addition to the worker's timeout: longer than a
lease, which ends 2 s after the last claim."""
STRUCK = 10.0
"""Longest wait for a fault that occurs after the answer arrived, on a busy machine."""


_STARTING = threading.Lock()


@contextmanager
def running(
    runtime: Runtime,
    workers: int,
    seconds: int = WORKER_SECONDS,
    visibility: int = VISIBILITY,
    **settings: str,
) -> Iterator[Stack]:
    """Run a stack with `workers` warm workers, and timeouts so short that a crash costs seconds.

    `visibility` is by how much the queue's timeout is longer than the worker's, of `seconds`.
    """
    options = Options(
        runtime=runtime,
        workers=workers,
        settings=SETTINGS | settings,
        timeouts={"WorkerFunction": seconds, "WebhookFunction": 8},
        log=lambda line: stack.recorder.log(line),
        poller=Lanes,
    )
    with ExitStack() as closing:
        with _STARTING:  # one at a time: a slow cold start could use up a message's time
            stack = Stack(options)
            closing.enter_context(stack)
            bill.watch(stack.recorder)
            story.watch(stack.recorder)
            stack.openai.token_s = TOKEN_SECONDS
            stack.sqs.set_queue_attributes(
                QueueUrl=stack.queue_url,
                Attributes={"VisibilityTimeout": str(seconds + visibility)},
            )
            with ThreadPoolExecutor(workers) as pool:
                nothing = [{"Records": list[str]()}] * workers
                list(pool.map(lambda event: stack.invoke("WorkerFunction", event), nothing))
        yield stack


@dataclass(frozen=True)
class Seen:
    """What a conversation looked like from outside. `states` are those of the stored turns."""

    expected: list[Label]
    received: list[Label]
    asked: Counter[int]
    states: list[str] = field(default_factory=list)
    idle: bool = True
    bill: Bill = field(default_factory=Bill)
    late: bool = False  # the blow was repeated: see Plant.late

    def is_hit(self, numbers: Set[int]) -> bool:
        """Whether the fault can have hit these messages, by their numbers: only one of them."""
        return numbers == {cases.HIT} or (
            self.late and len(numbers) == 1 and min(numbers) > cases.HIT
        )


def judge(case: Case, seen: Seen, fired: bool, sent: int) -> Finding:
    """Judge a case. Imperfect outcomes that the design allows are noted where they occurred."""
    counts = Counter(seen.received)
    excepted = []
    doubles = {label for label, times in counts.items() if times > 1}
    if doubles and case.may_repeat and seen.is_hit({number for number, _ in doubles}):
        excepted.append(case.may_repeat)
        doubles = set()
    repeated = {number for number, times in seen.asked.items() if times > 1}
    if case.may_ask_twice and seen.is_hit(repeated) and max(seen.asked.values()) == 2:
        excepted.append(case.may_ask_twice)
        repeated = set()
    return Finding(
        sent=sent,
        received=len(seen.received),
        model_calls=sum(seen.asked.values()),
        fired=fired,
        lost=not set(seen.expected) <= counts.keys(),
        doubled=bool(doubles),
        reordered=seen.received != sorted(seen.received),
        paid_twice=bool(repeated),
        stuck=not seen.idle or len(seen.states) != sent or set(seen.states) != {"delivered"},
        # A call whose response never came was executed, and perhaps paid for, nevertheless.
        most_paid=max(seen.bill.most_paid, *seen.asked.values(), 0),
        most_requests=seen.bill.most_requests,
        excepted=tuple(excepted),
    )


def run(case: Case, stack: Stack) -> Finding:
    """Run and judge a case. Other cases use `stack` too, unless the case must be alone."""
    began = time.monotonic()
    if case.at == cases.ANSWER:
        finding = run_answer(case, stack)
    elif case.at == cases.NEIGHBOUR:
        finding = run_neighbours(case, stack)
    else:
        finding = _outage(case, stack) if case.fault == cases.OUTAGE else _faulty(case, stack)
    return replace(finding, seconds=time.monotonic() - began)


def _faulty(case: Case, stack: Stack) -> Finding:
    apart = case.comes_apart
    talk = Talk(stack, case.channel, merges=case.merged, apart=apart, draws=case.draws)
    talk.say()
    if not talk.until(lambda: talk.answered(1) and talk.delivered(), PATIENCE):
        raise TimeoutError("the first message was not answered")
    plant = Plant(case, talk)
    plant.before()
    together = case.fault == cases.BATCH or case.merged
    following = 2 if case.fault in (cases.BATCH, cases.SLOW) else 1
    holding = plant.lanes.held(talk.conversation, 1 + following)
    with holding if together else nullcontext():
        talk.say()
        if case.fault == cases.TWICE and not together:
            # The next one would be delivered twice, too, if it came with it.
            talk.until(plant.fired, STRUCK)
        if plant.companion:
            plant.companion.say()
        for _ in range(following):
            talk.say()
    talk.until(lambda: talk.answered(len(talk.sent)), PATIENCE)
    fired = talk.until(plant.fired, STRUCK) and talk.merged() == (case.merged and not apart)
    talk.until(talk.claims_over, PATIENCE)
    # The next message, which also completes the last write of the one before if that failed.
    talk.say()
    finding = _found(case, talk, fired, plant.late)
    if plant.companion and not plant.companion.until(
        lambda: plant.companion is not None and plant.companion.answered(1), PATIENCE
    ):
        return replace(finding, lost=True, note="of the neighbour")
    return finding


def _found(case: Case, talk: Talk, fired: bool, late: bool) -> Finding:
    talk.until(lambda: talk.answered(len(talk.sent)), PATIENCE)
    talk.until(talk.delivered, PATIENCE)
    lanes = talk.stack.poller
    assert isinstance(lanes, Lanes)
    seen = Seen(
        expected=[
            label for number in range(1, len(talk.sent) + 1) for label in talk.expected(number)
        ],
        idle=lanes.wait_idle(talk.conversation, PATIENCE),
        received=talk.received(),
        asked=talk.model_calls(),
        states=[turn["state"] for turn in talk.turns()],
        bill=bill_of(talk.stack.recorder, talk.tag),
        late=late,
    )
    finding = judge(case, seen, fired, len(talk.sent))
    if finding.good:
        return finding
    note = f"{seen.received} {dict(seen.asked)} {seen.states} idle={seen.idle}"
    told = story.of(talk.stack.recorder, talk.tag, talk.recipient)
    return replace(finding, note=note, story=told)


def _outage(case: Case, stack: Stack) -> Finding:
    """Run the case in which five messages wait while the model fails for over GIVE_UP_AFTER."""
    talk = Talk(stack, case.channel, long=0, merges=True)
    fault = Fault("status", status=500, contains=talk.tag, times=0)
    stack.openai.faults.add(fault)
    for _ in range(5):
        talk.say()
    talk.until(talk.delivered, PATIENCE)
    turns = talk.turns()
    fallbacks = [turn for turn in turns if turn["origin"] == "fallback"]
    texts = [str(turn["reply"]) for turn in turns] if case.channel == "web" else [*talk.texts()]
    ids = [str(turn["posted"][0]) for turn in turns if turn.get("posted")]
    fired = any(hit.fault is fault for hit in stack.openai.faults.fired)
    stack.openai.faults.remove(fault)  # the other channels' outages go on
    talk.say()
    next_answered = talk.until(talk.delivered, PATIENCE)
    dead = stack.sqs.get_queue_attributes(
        QueueUrl=stack.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]["ApproximateNumberOfMessages"]
    finding = Finding(
        sent=6,
        received=len(texts),
        model_calls=sum(talk.model_calls().values()),
        fired=fired,
        lost=len(texts) < 5 or len(fallbacks) != 5 or dead != "0",
        doubled=len(texts) > 5,
        reordered=_posted_order(talk, ids) != ids,
        stuck=not next_answered,
        most_paid=bill_of(stack.recorder, talk.tag).most_paid,
        most_requests=bill_of(stack.recorder, talk.tag).most_requests,
        note=f"{len(fallbacks)} fallbacks, {dead} dead letters",
    )
    if finding.good:
        return finding
    return replace(finding, story=story.of(stack.recorder, talk.tag, talk.recipient))


def _posted_order(talk: Talk, ids: list[str]) -> list[str]:
    """Return the message ids that the turns stored, in the order in which they were issued."""
    if talk.channel == "web":
        return ids
    standin = talk.stack.telegram if talk.channel == "telegram" else talk.stack.graph
    results = [call.result for call in standin.accepted if isinstance(call.result, dict)]
    taken = [str(result.get("message_id")) for result in results]
    return [name for name in taken if name in ids]
