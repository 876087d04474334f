"""Any interleaving of two workers, redeliveries, crashes and lost posts: one answer, in order.

Waiting messages may be merged: however they are, each gets one answer. Whatever the model does, no
message is paid for more than three times, or requested more than forty times.
Two real workers share a table, a queue that refuses stale receipts (as AWS does and moto does not)
and a platform. Each runs in a thread that stops before and after every step it takes; the machine
decides which goes on, which dies there, whether a post arrives, and when time passes.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from chatbot.adapters.documents.reader import DocumentReader
from chatbot.conversation.answer import Answers
from chatbot.conversation.batch import Batch
from chatbot.conversation.delivery import Delivery
from chatbot.conversation.record import RecordHandler
from chatbot.conversation.suspects import Suspects
from chatbot.core.completion import (
    MOST_PAID,
    MOST_REQUESTS,
    PAID_FOR_A_RECORDING,
    Completion,
    PromptLine,
    Spending,
)
from chatbot.core.errors import (
    AmbiguousPost,
    ContentFiltered,
    HistoryUnavailable,
    ModelUnavailable,
    PostRefused,
    UselessAnswer,
)
from chatbot.core.files import File
from chatbot.core.message import Envelope, Kind
from chatbot.core.ports import Settling, Show
from chatbot.core.settings import Settings
from chatbot.core.translations import sentences
from chatbot.core.turn import Part, State, Turn
from chatbot.core.work import Record
from tests.fakes.channel import FakeChannel, Lands
from tests.fakes.clock import FakeClock
from tests.fakes.files import MemoryFiles
from tests.fakes.history import MemoryHistory
from tests.fakes.journal import FakeJournal
from tests.fakes.model import FakeModel
from tests.fakes.queue import FakeQueue
from tests.world import CONVERSATION, INVOCATION

LIMIT = 8
"""Characters of one part, so that answers have several."""
TRIES_OF_A_MODEL = 4
"""Requests of one attempt to a model that is away (as in adapters/openai)."""
SENTENCES = [
    sentences("en")[name] for name in ("fallback_text", "filtered_text", "useless", "gone")
]
RECORDING = "[recording]"


class Killed(BaseException):
    """The worker's process was killed."""


@dataclass
class Gate:
    """Where a worker's thread waits for the state machine's next step."""

    at: str = ""
    verdict: str = ""
    waiting: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def pause(self, step: str) -> str:
        """Wait at `step`; "go" or "refuse". Raises Killed when the process dies here."""
        self.at = step
        self.waiting.set()
        self.go.wait(10)
        self.go.clear()
        if self.verdict == "kill":
            raise Killed
        return self.verdict


class Stepping:
    """The doubles of one worker, which pause at its gate before and after every effect."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.gate = Gate()
        self.done = threading.Event()
        self.thread: threading.Thread | None = None
        self.invoked_at = 0
        self.records: Sequence[Record] = ()

    def step(self, name: str, when: str) -> None:
        """Pause before or after an effect, where it can be refused, or its response be lost."""
        if self.gate.pause(f"{name} {when}") == "refuse":
            raise HistoryUnavailable("throttled")


class SharedHistory(MemoryHistory):
    """One worker's view of the shared table."""

    def __init__(self, shared: MemoryHistory, worker: Stepping) -> None:
        super().__init__(worker.step)
        self.turns, self.persons, self.noted = shared.turns, shared.persons, shared.noted
        # A paused step must not hold the table.
        self._lock = _Unlocked()  # type: ignore[assignment]


class _Unlocked:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class SteppingChannel(FakeChannel):
    def __init__(self, shared: FakeChannel, worker: Stepping) -> None:
        super().__init__(shared._clock, settling=shared.settling, limit=LIMIT)
        self.posts, self.read_back, self.outcomes = (
            shared.posts,
            shared.read_back,
            shared.outcomes,
        )
        self.files = shared.files
        self._worker = worker

    def post(self, turn: Turn, part: Part) -> str:
        self._worker.gate.pause("post before")
        posted = super().post(turn, part)
        self._worker.gate.pause("post after")
        return posted


class LeasedQueue:
    """A queue that reports when the invocation has taken its lease, which no gate orders."""

    def __init__(self, queue: FakeQueue) -> None:
        self._queue = queue
        self.leased = threading.Event()
        self.dead_letter = queue.dead_letter
        self.delete = queue.delete

    def hide(self, records: Sequence[Record], seconds: float) -> set[str]:
        refused = self._queue.hide(records, seconds)
        self.leased.set()
        return refused


class SteppingModel(FakeModel):
    """A model server that fails as the machine says, and an adapter that asks it again.

    The machine counts what really was requested and paid for each message.
    """

    def __init__(self, worker: Stepping) -> None:
        super().__init__()
        self._worker = worker

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        machine, pause = self._worker.machine, self._worker.gate.pause
        pause("model before")
        messages = prompt[-1].content.split("\n")
        useless = 0
        for _ in range(TRIES_OF_A_MODEL):
            spending.begin_request()
            machine.requested.update(messages)
            outcome = machine.outcomes.popleft() if machine.outcomes else "answers"
            if outcome == "away":
                continue
            if outcome == "filtered":
                raise ContentFiltered("content_filter")
            machine.paid.update(messages)
            spending.count_paid()
            pause("model paid")
            if outcome == "answers":
                return Completion(f"answer to {prompt[-1].content}", "m")
            useless += outcome == "useless"
            if useless == 2:
                raise UselessAnswer("empty")
        raise ModelUnavailable("away")

    def transcribe(self, audio: File, seconds: float, spending: Spending) -> str:
        machine, words = self._worker.machine, audio.content.decode()
        for _ in range(PAID_FOR_A_RECORDING):
            spending.begin_request()
            machine.requested[words] += 1
            outcome = machine.outcomes.popleft() if machine.outcomes else "answers"
            if outcome in ("away", "filtered"):
                break
            machine.paid[words] += 1
            spending.count_paid()
            self._worker.gate.pause("model paid")
            if outcome == "answers":
                return words
            if outcome == "broken off":
                break
        else:
            raise UselessAnswer("no transcript")
        raise ModelUnavailable("away")


class Machine(RuleBasedStateMachine):
    settling = Settling.OPERATOR
    records = True
    """Whether a person sends a recording."""

    @initialize(waiting=st.integers(0, 3), rated=st.booleans())
    def begin(self, waiting: int, rated: bool) -> None:
        self.clock = FakeClock()
        self.table = MemoryHistory()
        self.queue = FakeQueue(self.clock, visibility=6 * INVOCATION)
        self.platform = FakeChannel(self.clock, settling=self.settling, limit=LIMIT)
        self.settings = Settings()
        self.outcomes: deque[str] = deque()
        self.requested: Counter[str] = Counter()
        self.paid: Counter[str] = Counter()
        self.invoked_twice = 0
        self.sent: list[Envelope] = []
        self.events = self.ratings = 0
        self.killed = False
        self.workers: list[Stepping] = []
        if rated:
            self.rate()
        for _ in range(waiting):
            self.send("ada")

    @precondition(lambda self: len(self.sent) < 4)
    @rule(author=st.sampled_from(["ada", "ada", "ada", "bob"]))
    def send(self, author: str) -> None:
        """Messages of one author that wait together are merged."""
        self.sent.append(self._queued({"text": f"q{len(self.sent)}", "author": author}))

    @precondition(lambda self: self.records and len(self.sent) < 4 and not self.platform.files)
    @rule()
    def send_recording(self) -> None:
        words = f"q{len(self.sent)}"
        self.platform.files[words] = File(words.encode(), "audio/ogg")
        payload: dict[str, object] = {
            "text": RECORDING,
            "author": "ada",
            "media": [("audio", words)],
        }
        self.sent.append(self._queued(payload))

    @precondition(lambda self: self.ratings < 2)
    @rule()
    def rate(self) -> None:
        """A rating has no turn of its own: with the records behind it, it is handled again."""
        self.ratings += 1
        self._queued({"kind": Kind.RATING, "rating": 1, "replied_to": "p1"})

    def _queued(self, payload: dict[str, object]) -> Envelope:
        """Queue an event that happened after all earlier ones."""
        self.events += 1
        at = 1_795_000_000_000 + self.events
        event_id = f"{self.events:012d}:event"
        envelope = Envelope("telegram", CONVERSATION, event_id, at, payload)
        self.queue.send(envelope)
        return envelope

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """A platform repeats an event after the five minutes of the queue's deduplication."""
        if len(self.queue.letters) < 6:
            self.queue.send(data.draw(st.sampled_from(self.sent)))

    @precondition(lambda self: len(self.workers) < 2)
    @rule()
    def invoke(self) -> None:
        records = self.queue.receive()
        if records:
            self._start(records)

    @precondition(lambda self: len(self.workers) == 1)
    @rule(data=st.data())
    def invoke_twice(self, data: st.DataObject) -> None:
        """Lambda invokes at least once; the second worker may merge more or fewer messages."""
        records = self.workers[0].records
        self.invoked_twice += 1
        self._start(records[: data.draw(st.integers(1, len(records)))])

    @precondition(lambda self: self.workers)
    @rule(step=st.sampled_from(["model before", "model paid", "put", "put", "post after"]))
    def go_on_to(self, step: str) -> None:
        """Let a worker go on to a chosen step, so that two workers often meet at critical ones."""
        for worker in list(self.workers):
            while not worker.done.is_set() and not worker.gate.at.startswith(step):
                self._advance(worker, "go")

    @precondition(lambda self: self.workers)
    @rule(
        data=st.data(),
        steps=st.integers(0, 14),
        verdict=st.sampled_from(["go", "go", "refuse", "kill"]),
    )
    def go_on(self, data: st.DataObject, steps: int, verdict: str) -> None:
        """Let a worker take some steps; at the last, the table may refuse or the worker may die."""
        worker = data.draw(st.sampled_from(self.workers))
        for _ in range(steps):
            self._advance(worker, "go")
            if worker.done.is_set():
                return
        self.killed = self.killed or verdict == "kill"
        self._advance(worker, verdict)

    @rule(
        outcomes=st.lists(
            st.sampled_from(["useless", "useless", "broken off", "away", "filtered"]),
            min_size=1,
            max_size=6,
        ),
        times=st.sampled_from([1, 1, 4]),
    )
    def next_requests_fail(self, outcomes: list[str], times: int) -> None:
        """The model is paid and useless, paid and broken off, away, or refuses a prompt."""
        self.outcomes.extend(outcomes * times)

    @rule(outcome=st.sampled_from(["refused", "lost", "lands"]))
    def next_post_fails(self, outcome: str) -> None:
        cut = AmbiguousPost("cut")
        outcomes: dict[str, Exception | Lands] = {
            "refused": PostRefused("429", 3),
            "lost": cut,
            "lands": Lands(cut),
        }
        self.platform.outcomes.append(outcomes[outcome])
        self.killed = self.killed or outcome == "lands"

    @rule(seconds=st.sampled_from([1, 5, 21, 100]))
    def time_passes(self, seconds: int) -> None:
        """Advance the clock. No invocation survives its deadline, as in Lambda."""
        self.clock.advance(seconds)
        for worker in list(self.workers):
            if self.clock() >= worker.invoked_at + INVOCATION * 1000:
                self.killed = True
                self._advance(worker, "kill")

    @invariant()
    def nothing_is_said_twice_or_out_of_order(self) -> None:
        if not hasattr(self, "platform"):
            return
        first_seen = list(dict.fromkeys(post.key.sort for post in self.platform.posts))
        assert first_seen == sorted(first_seen)
        repeats_admitted = self.killed and self.settling is Settling.OPERATOR
        if not repeats_admitted:
            said = [(post.key, post.text) for post in self.platform.posts]
            assert len(said) == len(set(said))

    @invariant()
    def nothing_is_paid_or_requested_without_bound(self) -> None:
        """Where Lambda invokes twice at the same time, neither knows of the other's request."""
        if not hasattr(self, "platform"):
            return
        for message, times in self.paid.items():
            most = MOST_PAID + PAID_FOR_A_RECORDING * (message in self.platform.files)
            assert times <= most + self.invoked_twice, message
        for message, times in self.requested.items():
            assert times <= MOST_REQUESTS + TRIES_OF_A_MODEL * self.invoked_twice, message

    def teardown(self) -> None:
        """Finish all work, then check that every event has exactly one answer.

        Except for those whose record was moved to the dead-letter queue, where they wait.
        """
        if not hasattr(self, "platform"):
            return
        self.platform.outcomes.clear()
        for _ in range(60):
            while self.workers:
                self._advance(self.workers[0], "go")
            if not self.queue.letters:
                break
            self.clock.advance(50)
            if records := self.queue.receive():
                self._start(records)
        assert self.queue.letters == []
        self.nothing_is_said_twice_or_out_of_order()
        self.nothing_is_paid_or_requested_without_bound()
        dead = {self._answering_key(Envelope.from_json(each.body)) for each in self.queue.dead}
        unsettled = {key for key in dead if not self._is_settled(key)}
        sent = [each for each in self.sent if self._answering_key(each) not in unsettled]
        told = [name for envelope in sent for name in self._answered_with(envelope)]
        assert sorted(told) == sorted(envelope.payload["text"] for envelope in sent)

    def _answering_key(self, envelope: Envelope) -> str:
        """Sort key of the turn that holds the answer: the event's own, or the one it names."""
        turn = self.table.turns[CONVERSATION].get(envelope.key.sort)
        return turn.links.merged_into if turn and turn.links.merged_into else envelope.key.sort

    def _is_settled(self, sort: str) -> bool:
        turn = self.table.turns[CONVERSATION].get(sort)
        return turn is not None and turn.settled

    def _answered_with(self, envelope: Envelope) -> list[str]:
        """Return the messages that were merged into this answer; none if it was merged itself."""
        turn = self.table.turns[CONVERSATION][envelope.key.sort]
        if turn.links.merged_into:
            assert turn.links.merged_into < turn.key.sort
            assert turn.text in self.table.turns[CONVERSATION][turn.links.merged_into].more.split(
                "\n"
            )
            return []
        later = [each for each in self.sent if each.key > envelope.key]
        turns = self.table.turns[CONVERSATION]
        later_marks = any(
            e.key.sort in turns and not turns[e.key.sort].links.merged_into for e in later
        )
        assert turn.state is State.DELIVERED or (turn.state is State.SENDING and not later_marks)
        assert turn.reply.text in (f"answer to {turn.full_text}", *SENTENCES)
        parts = [part.text for part in self.platform.split(turn.reply)]
        said = [post.text for post in self.platform.posts if post.key == envelope.key]
        assert list(dict.fromkeys(said)) == parts
        if envelope.payload["text"] == RECORDING:
            [(_, words)] = envelope.payload["media"]
            assert turn.text in (RECORDING, f"{RECORDING[:-1]}, which could not be read]", words)
            return [RECORDING]
        merged = turn.more.split("\n") if turn.more else []
        authors = {each.payload["text"]: each.payload["author"] for each in self.sent}
        assert {authors[text] for text in merged} <= {turn.author.id}
        return [turn.text, *merged]

    def _start(self, records: Sequence[Record]) -> None:
        worker = Stepping(self)
        worker.invoked_at, worker.records = self.clock(), records
        history = SharedHistory(self.table, worker)
        journal = FakeJournal()
        channel = SteppingChannel(self.platform, worker)

        def pause_for(seconds: float) -> None:
            worker.gate.pause("sleep")

        delivery = Delivery(history, self.settings, journal, self.clock, pause_for)
        conversation = RecordHandler(
            {"telegram": channel},
            history,
            Answers(
                history,
                SteppingModel(worker),
                MemoryFiles(),
                DocumentReader(),
                self.settings,
                journal,
                self.clock,
            ),
            delivery,
            self.settings,
            journal,
            self.clock,
        )
        queue = LeasedQueue(self.queue)
        suspects = Suspects(history, journal, self.clock)
        batch = Batch(conversation, suspects, queue, self.settings, journal, self.clock, _never)
        deadline = self.clock() + INVOCATION * 1000
        batch._left = _real_wait(batch._left)  # type: ignore[method-assign, assignment]

        def work() -> None:
            try:
                again = batch.run(records, deadline)
            except Killed:
                pass
            else:
                self.queue.delete([item for item in records if item.message_id not in again])
            finally:
                worker.done.set()
                worker.gate.waiting.set()

        worker.thread = threading.Thread(target=work, daemon=True)
        worker.thread.start()
        assert queue.leased.wait(10)
        assert worker.gate.waiting.wait(10)
        if not worker.done.is_set():
            self.workers.append(worker)

    def _advance(self, worker: Stepping, verdict: str) -> None:
        worker.gate.waiting.clear()
        worker.gate.verdict = verdict
        worker.gate.go.set()
        assert worker.gate.waiting.wait(10)
        if worker.done.is_set():
            self.workers.remove(worker)


def _real_wait(left: Callable[[int], float]) -> Callable[[int], float]:
    """Wait in real time; the worker's decisions use the state machine's clock."""

    def patient(deadline: int) -> float:
        group_thread = threading.current_thread().name.startswith("group")
        return left(deadline) if group_thread else max(10.0, left(deadline))

    return patient


def _never() -> NoReturn:
    raise AssertionError("a thread hung")


class MessengerMachine(Machine):
    settling = Settling.READ_BACK


LIMITS = settings(
    max_examples=200,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(
    "machine",
    [
        pytest.param(Machine, id="telegram"),
        pytest.param(MessengerMachine, id="messenger", marks=pytest.mark.long),
    ],
)
def test_exactly_once(machine: type[Machine]) -> None:
    case = machine.TestCase
    case.settings = LIMITS
    case("runTest").debug()
