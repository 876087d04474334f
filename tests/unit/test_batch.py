"""One invocation: lease, order within a group, parallel groups, records that are returned."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from chatbot.conversation.attempt import time_needed
from chatbot.conversation.batch import LEASE_SLACK
from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.errors import HistoryUnavailable, ModelUnavailable, PostRefused, QueueUnavailable
from chatbot.core.ports import Show
from chatbot.core.timeline import Timeline
from chatbot.core.work import Record
from tests.fakes.model import FakeModel
from tests.world import INVOCATION, ProcessEnded, World


def test_a_batch_is_answered_in_order_and_deleted() -> None:
    world = World("1", "2", "3")
    for text in ("one", "two", "three"):
        world.queue.send(world.envelope(text, author=text))  # or else they are merged
    assert world.invoke() == []
    assert world.channel.received == ["1", "2", "3"]
    assert world.queue.letters == []


def test_the_lease_covers_the_longest_claim() -> None:
    world = World()
    world.queue.send(world.envelope("one"))
    world.invoke()
    ids, seconds = world.queue.hidden[0]
    assert len(ids) == 1
    assert seconds == INVOCATION + world.settings.settle + LEASE_SLACK


def test_a_group_stops_at_its_first_failure_and_is_hidden_with_it() -> None:
    world = World("1", ModelUnavailable("503"), "2", "3")
    for text in ("one", "two", "three"):
        world.queue.send(world.envelope(text, author=text))  # or else they are merged
    assert len(world.invoke()) == 2
    assert [letter.visible_at - world.clock() for letter in world.queue.letters] == [
        1000,
        1000,
    ]
    world.clock.advance(1)
    assert world.invoke() == []
    assert world.channel.received == ["1", "2", "3"]


def test_another_group_goes_on() -> None:
    world = World()
    world.queue.send(world.envelope("stuck", "telegram:1"))
    world.queue.send(world.envelope("quick", "telegram:2"))
    world.channel.outcomes.append(PostRefused("429", retry_after=100))
    again = world.invoke()
    assert len(again) == 1
    assert len(world.channel.received) == 1


def test_a_refused_receipt_drops_its_group_only() -> None:
    world = World()
    world.queue.send(world.envelope("mine no more", "telegram:1"))
    world.queue.send(world.envelope("fine", "telegram:2"))
    records = world.queue.receive()
    world.queue.letters[0].receipt = "another worker's"
    assert world.batch.run(records, world.deadline) == [records[0].message_id]
    assert world.channel.received == ["You said: fine"]


def test_without_a_lease_the_queues_own_visibility_holds() -> None:
    world = World()
    world.queue.send(world.envelope("Hello"))
    records = world.queue.receive()
    world.queue.error = QueueUnavailable("throttled")
    assert world.batch.run(records, world.deadline) == []
    assert world.channel.received == ["You said: Hello"]


class _SlowForOne(FakeModel):
    """A model that answers "slow" only when everything else has left the queue."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.deleted_meanwhile = False

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        if prompt[-1].content == "slow":
            for _ in range(200):
                if len(self.world.queue.letters) == 1:
                    self.deleted_meanwhile = True
                    break
                threading.Event().wait(0.01)
        return Completion("ok", "m")


def test_a_quick_conversation_does_not_wait_for_a_slow_neighbour() -> None:
    world = World()
    model = _SlowForOne(world)
    world.use(model)
    world.queue.send(world.envelope("slow", "telegram:1"))
    world.queue.send(world.envelope("quick", "telegram:2"))
    assert world.invoke() == []
    assert model.deleted_meanwhile


def test_alone_in_its_batch_nothing_is_deleted_by_hand() -> None:
    world = World()
    world.queue.send(world.envelope("Hello"))
    records = world.queue.receive()
    world.batch.run(records, world.deadline)
    assert len(world.queue.letters) == 1


def test_without_time_for_one_more_the_rest_is_handed_back_untried() -> None:
    world = World()
    for text in ("one", "two"):
        world.queue.send(world.envelope(text, author=text))  # or else they are merged
    records = world.queue.receive()
    deadline = world.clock() + round(time_needed(world.settings) * 1000) - 1
    assert len(world.batch.run(records, deadline)) == 2
    assert world.model.prompts == []
    assert {letter.visible_at for letter in world.queue.letters} == {world.clock()}


def test_a_slow_lease_does_not_hide_for_longer_what_was_handed_back() -> None:
    world = World()
    world.queue.send(world.envelope("one"))
    records = world.queue.receive()
    handed_back, plain = threading.Event(), world.queue.hide

    def hide(records: Sequence[Record], seconds: float) -> set[str]:
        if seconds > INVOCATION:
            handed_back.wait(0.1)
        else:
            handed_back.set()
        return plain(records, seconds)

    def read(conversation: str, turns: int) -> Timeline:
        raise HistoryUnavailable("throttled")

    world.queue.hide = hide  # type: ignore[method-assign]
    world.history.read = read  # type: ignore[method-assign]
    assert len(world.batch.run(records, world.deadline)) == 1
    assert [letter.visible_at - world.clock() for letter in world.queue.letters] == [1000]


def test_a_poison_record_goes_to_the_dead_letters_and_its_group_goes_on() -> None:
    world = World()
    poison = world.queue.send(world.envelope("poison"))
    poison.body = "{}"
    world.queue.send(world.envelope("Hello"))
    assert world.invoke() == []
    assert [record.body for record in world.queue.dead] == ["{}"]
    assert world.channel.received == ["You said: Hello"]
    assert world.journal.counted("DeadLettered") == 1


def test_a_thread_that_works_past_the_deadline_ends_the_process() -> None:
    world = World()
    release = threading.Event()

    class Stuck(FakeModel):
        def answer(
            self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
        ) -> Completion:
            release.wait(10)
            return Completion("late", "m")

    def end() -> None:
        release.set()
        raise ProcessEnded

    world.use(Stuck())
    world.batch.end = end  # type: ignore[assignment]
    world.queue.send(world.envelope("Hello"))
    records = world.queue.receive()
    enough, main = time_needed(world.settings) + 1, threading.current_thread()

    def left(deadline: int) -> float:
        return 0 if threading.current_thread() is main else enough

    world.batch._left = left  # type: ignore[method-assign]
    with pytest.raises(ProcessEnded):
        world.batch.run(records, world.deadline)
    assert release.is_set()
