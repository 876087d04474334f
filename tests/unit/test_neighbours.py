"""Conversations that kill their workers, beside others: who pays for it.

A state machine runs invocations with several conversations, one or two of which kill the worker
whenever they are handled, while receives are throttled, the model is away and the table refuses a
note. Each message of the others gets one answer of the model, in order, and never the fallback; it
loses its worker to a neighbour once, or twice where it had waited for longer than the queue's
visibility timeout. What became a dead letter is redriven in the end, when nothing kills any more,
and is answered, although its first new receive is seen by nobody. `test_exactly_once.py` has the
interleavings of two workers at one conversation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import Any, Literal
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from chatbot.conversation import batch
from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.errors import HistoryUnavailable, ModelUnavailable
from chatbot.core.limits import LEASES_DIFFER, RETURN_MOST_S
from chatbot.core.message import Envelope
from chatbot.core.ports import Settling, Show
from chatbot.core.turn import Origin, State
from chatbot.core.work import Record
from tests.fakes.model import FakeModel
from tests.world import World

CONVERSATIONS = [f"telegram:{number}" for number in range(1, 6)]
VISIBILITY = 360
"""Seconds of the queue's visibility timeout (`FakeQueue`)."""
ALWAYS = 99
EXAMPLES = 200


class Killed(BaseException):
    """The worker's process died."""


class Task(Future[Any]):
    """Something that was submitted to the pool, and runs when somebody waits for it."""

    def __init__(self, work: Callable[[], Any], group: str) -> None:
        super().__init__()
        self.group = group
        self._work = work
        self.begun = False

    def run(self) -> None:
        """Run it, unless that was done before."""
        if self.begun:
            return
        self.begun = True
        try:
            self.set_result(self._work())
        except BaseException as error:  # noqa: BLE001 - the process's death, too
            self.set_exception(error)

    def result(self, timeout: float | None = None) -> Any:
        self.run()
        return super().result(0)


class Pool:
    """Runs the groups of a batch one after another, first those that may end the process.

    When one has, the others are where `reached` says: they have taken so many steps, or all. They
    take four until they have begun: one that did not may lose one more worker.
    """

    def __init__(self, killers: Collection[str], reached: dict[str, int]) -> None:
        self.dead = False
        self.finished: list[str] = []
        self._killers, self._reached = killers, reached
        self._tasks: list[Task] = []
        self._current: Task | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Task:
        group = next((each for each in arguments if isinstance(each, str)), "")
        self._tasks.append(Task(lambda: function(*arguments), group))
        return self._tasks[-1]

    def wait(self, pending: Collection[Task], **_: Any) -> tuple[set[Task], set[Task]]:
        """Stand in for `concurrent.futures.wait`."""
        assert all(task.group for task in pending)  # or all would be as good as one conversation
        order = sorted(pending, key=lambda task: (task.group not in self._killers, task.group))
        for task in order:
            self._current = task
            task.run()
            if isinstance(task.exception(), Killed):
                self.dead = True
            elif self.dead and not task.exception():
                self.finished.append(task.group)
        self._current = None
        if self.dead:
            raise Killed
        return set(order), set()

    def step(self) -> None:
        """Count a step of the group that runs. Raises Killed where the process is dead by then."""
        if not self.dead or self._current is None:
            return
        group = self._current.group
        if self._reached.get(group, 0) <= 0:
            raise Killed
        self._reached[group] -= 1


class Model(FakeModel):
    """A model that kills the worker of some conversations, and is away at times."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self._machine = machine

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        machine, text = self._machine, prompt[-1].content
        conversation = text.partition("\n")[0].partition(" ")[0]
        spending.begin_request()
        machine.pool.step()
        if machine.away > 0:
            machine.away -= 1
            raise ModelUnavailable("away")
        spending.count_paid()
        machine.kill(conversation, "model")
        machine.pool.step()
        return Completion(f"answer to {text}", "m")


class Machine(RuleBasedStateMachine):
    @initialize(
        killers=st.dictionaries(
            st.sampled_from(CONVERSATIONS),
            st.tuples(
                st.sampled_from(["model", "put", "mark_delivered"]),
                st.sampled_from([1, 2, ALWAYS, ALWAYS]),
            ),
            min_size=1,
            max_size=2,
        ),
        unseen=st.booleans(),
    )
    def begin(self, killers: dict[str, tuple[Literal["model", "put"], int]], unseen: bool) -> None:
        self.world = World(settling=Settling.READ_BACK, give_up_after=10_000.0)
        self.world.use(Model(self))
        self.world.history.fault = self._step
        self.where = {conversation: step for conversation, (step, _) in killers.items()}
        self.kills = Counter({conversation: times for conversation, (_, times) in killers.items()})
        self.unseen = unseen
        self.pool = Pool((), {})
        self.away, self.refusals = 0, 0
        self.sent: list[Envelope] = []
        self.hurt: Counter[str] = Counter()  # by message id
        self.uncertain: set[str] = set()
        for conversation in CONVERSATIONS[:3]:
            self._send(conversation)

    @precondition(lambda self: len(self.sent) < 12)
    @rule(conversation=st.sampled_from(CONVERSATIONS))
    def send(self, conversation: str) -> None:
        self._send(conversation)

    def _send(self, conversation: str) -> None:
        text = f"{conversation} {len(self.sent)}"
        # Of different authors, so that they are not merged.
        envelope = self.world.envelope(text, conversation, author=str(len(self.sent)))
        self.sent.append(envelope)
        self.world.queue.send(envelope)

    @rule(data=st.data())
    def invoke(self, data: st.DataObject) -> None:
        reached = st.fixed_dictionaries(dict.fromkeys(CONVERSATIONS, st.sampled_from([5, 8, 99])))
        self._invoke(data.draw(reached), data.draw(st.booleans()))

    @rule()
    def receive_unseen(self) -> None:
        """Lambda throttles the invocation: nobody sees the records."""
        for record in self.world.queue.receive():
            self.uncertain.add(record.message_id)

    @rule(requests=st.integers(1, 3))
    def model_is_away(self, requests: int) -> None:
        self.away = min(4, self.away + requests)

    @precondition(lambda self: self.refusals == 0)
    @rule()
    def a_note_is_refused(self) -> None:
        self.refusals = 1

    @rule(seconds=st.sampled_from([1, 20, 83, 83, 361]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.away = 0
        self._finish()
        for conversation in CONVERSATIONS:
            self._is_right(conversation)
        for message, times in self.hurt.items():
            assert times <= 1 + (message in self.uncertain) + (self.refusals > 1), message
        self._redrive()

    def _redrive(self) -> None:
        """Queue the dead letters again, when what killed their workers is mended."""
        dead = [Envelope.from_json(each.body) for each in self.world.queue.dead]
        self.world.queue.dead.clear()
        self.where.clear()
        self.world.clock.advance(LEASES_DIFFER + 1)
        for envelope in dead:
            self.world.queue.send(envelope)
        if self.unseen:
            self.world.queue.receive()
        self._finish()
        assert self.world.queue.dead == []
        for envelope in dead:
            turn = self.world.turn(envelope)
            assert (turn.state, turn.origin) == (State.DELIVERED, Origin.MODEL)

    def _finish(self) -> None:
        """Run invocations until the queue is empty."""
        for _ in range(200):
            if not self.world.queue.letters:
                break
            self._invoke(dict.fromkeys(CONVERSATIONS, 5), deletes=False)
            now = self.world.clock.now
            hidden = [each.visible_at for each in self.world.queue.letters if each.visible_at > now]
            self.world.clock.now = min(hidden, default=now + 1000)
        assert self.world.queue.letters == []

    def _is_right(self, conversation: str) -> None:
        sent = [each for each in self.sent if each.conversation == conversation]
        dead = {Envelope.from_json(each.body).key for each in self.world.queue.dead}
        assert conversation in self.where or not dead & {each.key for each in sent}
        posts = [each for each in self.world.channel.posts if each.key.conversation == conversation]
        assert len(posts) == len({each.key for each in posts})  # each once
        assert [each.key.sort for each in posts] == sorted(each.key.sort for each in posts)
        for envelope in sent:
            if envelope.key in dead:
                continue
            turn = self.world.turn(envelope)
            assert turn.state is State.DELIVERED
            if conversation not in self.where:
                assert turn.origin is Origin.MODEL
                assert turn.reply.text == f"answer to {turn.text}"

    def kill(self, conversation: str, step: str) -> None:
        """End the process if the conversation does so at this step. Raises Killed."""
        if self.where.get(conversation) == step and self.kills[conversation] > 0:
            self.kills[conversation] -= 1
            raise Killed

    def _step(self, name: str, moment: str) -> None:
        if name == "note_try" and moment == "before" and self.refusals == 1:
            self.refusals = 2
            raise HistoryUnavailable("throttled")
        self.pool.step()
        group = self.pool._current.group if self.pool._current else ""
        if moment == "before":
            self.kill(group, name)

    def _invoke(self, reached: dict[str, int], deletes: bool) -> None:
        """Run an invocation, to its end or to its death.

        `deletes` is whether those that were done before the death were deleted by then.
        """
        world, queue = self.world, self.world.queue
        now = world.clock()
        records = queue.receive()
        if not records:
            return
        first = {letter.id: letter for letter in queue.letters}
        for record in records:
            waited = now - self._first_received(record, now)
            if record.receive_count == 2 and waited >= (VISIBILITY - LEASES_DIFFER) * 1000:
                self.uncertain.add(record.message_id)
        self.pool = Pool(self.where, dict(reached))
        try:
            with (
                patch.object(batch, "ThreadPoolExecutor", lambda *_, **__: self.pool),
                patch.object(batch, "wait", self.pool.wait),
            ):
                again = world.batch.run(records, world.deadline)
        except Killed:
            # What was returned for another one's turn is hidden, too, but for less than a lease.
            returned = now + RETURN_MOST_S * 1000
            held = [each for each in records if first[each.message_id].visible_at > returned]
            if deletes:
                done = [each for each in held if each.group in self.pool.finished]
                queue.delete(done)
                held = [each for each in held if each not in done]
            self.hurt.update(each.message_id for each in held if each.group not in self.where)
        else:
            queue.delete([record for record in records if record.message_id not in again])
        self.pool = Pool((), {})

    def _first_received(self, record: Record, now: int) -> int:
        if not hasattr(self, "_received"):
            self._received: dict[str, int] = {}
        return self._received.setdefault(record.message_id, now)


def test_nobody_pays_for_a_neighbour() -> None:
    case = Machine.TestCase
    case.settings = settings(
        max_examples=EXAMPLES, stateful_step_count=15, suppress_health_check=list(HealthCheck)
    )
    case("runTest").debug()
