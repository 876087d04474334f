"""Which conversations of a batch run beside others, and which one alone (conversation/suspects.py).

`test_neighbours.py` plays any sequence of deaths; these are the single rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chatbot.conversation.batch import LEASE_SLACK
from chatbot.conversation.merged import REST_ARRIVES
from chatbot.core.completion import MOST_PAID, Completion
from chatbot.core.errors import HistoryUnavailable, ModelUnavailable
from chatbot.core.limits import LEASES_DIFFER, RETURNS_AT_ONCE, SUSPECT_TURNS, UNNOTED_TRUSTED_S
from chatbot.core.message import Envelope, Kind
from chatbot.core.turn import Origin
from chatbot.core.work import Tries
from tests.fakes.model import FakeModel
from tests.unit.test_bounds import Server
from tests.world import INVOCATION, World

GROUPS = [f"telegram:{number}" for number in range(1, 5)]
VISIBILITY = 6 * INVOCATION


def queued(world: World, *groups: str) -> list[Envelope]:
    """Queue a message of each conversation, the oldest first."""
    envelopes = []
    for group in groups or GROUPS:
        envelopes.append(world.envelope(f"from {group}", group))
        world.queue.send(envelopes[-1])
        world.clock.advance(0.001)
    return envelopes


def die(world: World, late: float = 0) -> None:
    """Have a worker die that had everything in its batch and had begun it, and its lease end.

    `late` is how many seconds of its invocation had passed when it took the lease.
    """
    lease = INVOCATION - late + world.settings.settle + LEASE_SLACK
    records = world.queue.receive()
    for record in records:
        if record.receive_count > 1:
            key = Envelope.from_json(record.body).key
            died = world.history.noted[record.group][1].died
            world.history.raise_try(key, died + 1, world.clock())
    world.queue.hide(records, lease)
    world.clock.advance(lease)


def received(world: World, *times: int) -> None:
    """Have the records been received so often since, and a death be noted of each group."""
    for letter, receives in zip(world.queue.letters, times, strict=True):
        letter.receive_count = receives
        event = Envelope.from_json(letter.body).key.sort
        world.history.noted.setdefault(letter.group, (event, Tries(died=1)))


def answered(world: World) -> list[str]:
    return [post.key.conversation for post in world.channel.posts]


def test_at_a_first_delivery_nothing_is_asked_or_noted() -> None:
    world = World()
    queued(world)
    assert world.invoke() == []
    assert len(answered(world)) == len(GROUPS)
    assert set(world.history.calls) == {"read", "put", "mark_delivered"}


def test_after_a_death_one_conversation_runs_and_the_others_wait() -> None:
    world = World()
    queued(world)
    die(world)
    assert len(world.invoke()) == len(GROUPS) - 1
    assert answered(world) == ["telegram:1"]
    assert {letter.visible_at for letter in world.queue.letters} == {world.clock()}
    for _ in GROUPS[1:]:
        world.invoke()
    assert sorted(answered(world)) == GROUPS
    assert {turn.origin for group in GROUPS for turn in world.history.all(group)} == {Origin.MODEL}


def test_a_worker_that_took_its_lease_late_is_known_to_have_died() -> None:
    """It had to read its settings first, say, and the one after it had them."""
    world = World()
    queued(world)
    die(world, late=4)
    assert len(world.invoke()) == len(GROUPS) - 1


def test_what_waits_has_gone_back_before_the_suspect_begins() -> None:
    world = World()
    queued(world)
    die(world)

    class Watching(Server):
        def answer(self, *_: object) -> Completion:
            waiting = [each for each in world.queue.letters if each.visible_at <= world.clock()]
            assert len(waiting) == len(GROUPS) - 1
            return Completion("fine", "m")

    world.use(Watching(world))
    world.invoke()
    assert len(answered(world)) == 1


def test_innocent_conversations_come_first() -> None:
    world = World()
    queued(world)
    die(world)
    queued(world, "telegram:8", "telegram:9")
    assert len(world.invoke()) == len(GROUPS)
    assert sorted(answered(world)) == ["telegram:8", "telegram:9"]


def test_a_suspect_has_its_turn_in_the_end() -> None:
    world = World()
    queued(world, "telegram:1")
    die(world)
    for number in range(2, SUSPECT_TURNS):
        queued(world, f"telegram:{number}0")
        world.invoke()
        assert "telegram:1" not in answered(world)
    queued(world, "telegram:90")
    world.invoke()
    assert answered(world)[-1] == "telegram:1"
    # Who waited for it is no suspect, however long it has to wait now.
    world.clock.advance(VISIBILITY / 2)
    queued(world, "telegram:99")
    world.invoke()
    assert {"telegram:90", "telegram:99"} <= {*answered(world)}


def test_a_piece_that_was_returned_for_a_suspect_waits_for_the_rest() -> None:
    world = World("first answer", "second answer")
    suspect, *_ = queued(world, "telegram:1")
    die(world)
    received(world, 3)
    world.queue.send(world.envelope("a" * 4000, "telegram:9", unfinished=True))
    assert len(world.invoke()) == 1  # the suspect has its turn
    assert answered(world) == [suspect.conversation]
    for _ in range(3):
        world.invoke()
    world.queue.send(world.envelope("the end of it", "telegram:9"))
    world.clock.advance(REST_ARRIVES)
    world.invoke()
    assert answered(world) == [suspect.conversation, "telegram:9"]
    assert world.queue.letters == []


def test_who_was_received_most_often_goes_first() -> None:
    """Else a message could be received and returned until the queue gives it up (100 times)."""
    world = World()
    queued(world)
    die(world)
    received(world, 5, 6, 9, 5)
    world.invoke()
    assert answered(world) == ["telegram:3"]


@pytest.mark.parametrize(
    ("receives", "hidden"),
    [(2, 0), (RETURNS_AT_ONCE, 0), (RETURNS_AT_ONCE + 1, 4), (21, 10), (60, 30), (95, 30)],
)
def test_who_was_received_often_waits_longer_in_the_queue(receives: int, hidden: float) -> None:
    """Each return costs a receive, and the queue gives a record up after 100."""
    world = World()
    queued(world)
    die(world)
    received(world, receives, *[receives - 1] * 3)
    world.invoke()
    assert answered(world) == ["telegram:1"]
    waits = {letter.visible_at - world.clock() for letter in world.queue.letters}
    assert waits == {hidden * 1000}


def test_the_records_of_a_group_wait_equally_long() -> None:
    world = World()
    queued(world, "telegram:1", "telegram:2", "telegram:2")
    die(world)
    received(world, 31, 29, 19)
    world.invoke()
    assert [letter.visible_at - world.clock() for letter in world.queue.letters] == [15_000] * 2


def test_what_may_end_as_a_death_is_counted_before_it_acts() -> None:
    world = World(ModelUnavailable("503"))
    one, two = queued(world, "telegram:1", "telegram:2")
    die(world)
    seen: list[int] = []

    def watch(step: str, moment: str) -> None:
        if (step, moment) == ("note_try", "before") and "telegram:1" in world.history.noted:
            seen.append(died(world, one))

    world.history.fault = watch
    world.invoke()
    assert seen == [2]
    assert died(world, one) == 1  # it came back on purpose
    assert world.history.noted["telegram:2"] == (two.key.sort, Tries(0, died=1))


def died(world: World, envelope: Envelope) -> int:
    event, tries = world.history.noted[envelope.conversation]
    assert event == envelope.key.sort
    return tries.died


def test_what_no_worker_saw_runs_side_by_side() -> None:
    for throttles in (1, 3):
        world = World()
        queued(world)
        for _ in range(throttles):
            world.queue.receive()
            world.clock.advance(VISIBILITY)
        assert world.invoke() == []
        assert len(answered(world)) == len(GROUPS)


@pytest.mark.parametrize("early", [0.1, LEASES_DIFFER - 0.1])
def test_what_no_worker_saw_may_come_back_a_little_early(early: float) -> None:
    """The queue's clock may differ, and the worker's invocation began before it looks."""
    world = World()
    queued(world)
    world.queue.receive()
    world.clock.advance(VISIBILITY - early)
    for letter in world.queue.letters:
        letter.visible_at = world.clock()
    assert world.invoke() == []
    assert len(answered(world)) == len(GROUPS)


def test_what_no_worker_saw_is_not_given_up_for_its_age() -> None:
    """Neither while the function was paused, nor where each of its invocations was throttled."""
    for receives in (0, 4):
        world = World()
        queued(world)
        world.clock.advance(3600)
        for _ in range(receives):
            world.queue.receive()
            world.clock.advance(VISIBILITY)
        assert world.invoke() == []
        origins = {turn.origin for group in GROUPS for turn in world.history.all(group)}
        assert origins == {Origin.MODEL}


def test_who_died_after_that_is_known() -> None:
    world = World()
    queued(world)
    world.queue.receive()
    world.clock.advance(VISIBILITY)
    records = world.queue.receive()
    for record in records:
        world.history.raise_try(Envelope.from_json(record.body).key, 1, world.clock())
    world.queue.hide(records, 82)
    world.clock.advance(82)
    world.invoke()
    assert len(answered(world)) == 1


def test_who_was_handed_back_is_no_suspect_without_a_question() -> None:
    world = World(*[ModelUnavailable("503")] * 8)
    queued(world)
    world.invoke()
    world.clock.advance(1)
    world.invoke()
    world.clock.advance(2)
    assert world.invoke() == []
    assert len(answered(world)) == len(GROUPS)
    assert world.history.calls["tries"] == 0


@pytest.mark.parametrize("wait", [90, 200, 900])
def test_who_was_handed_back_is_no_suspect_however_long_it_waits(wait: float) -> None:
    world = World(*[ModelUnavailable("503")] * 4, give_up_after=10_000)
    queued(world)
    world.invoke()
    world.clock.advance(wait)
    assert world.invoke() == []
    assert len(answered(world)) == len(GROUPS)


def test_who_had_no_time_left_is_no_suspect() -> None:
    world = World()
    queued(world)
    records = world.queue.receive()
    assert len(world.batch.run(records, world.clock() + 1000)) == len(GROUPS)
    world.clock.advance(90)
    assert world.invoke() == []
    assert len(answered(world)) == len(GROUPS)


def test_who_had_no_time_left_has_cost_nothing() -> None:
    """Its first delivery is noted, so that the next count does not stand for a crash that paid."""
    world = World()
    queued(world)
    world.batch.run(world.queue.receive(), world.clock() + 1000)
    assert [tries for _, tries in world.history.noted.values()] == [Tries(-1)] * len(GROUPS)
    world.use(FakeModel(*[ModelUnavailable("503")] * len(GROUPS)))
    assert len(world.invoke()) == len(GROUPS)
    assert {tries.crashes for _, tries in world.history.noted.values()} == {-1}


def test_a_dead_letter_does_not_come_back_with_the_death_of_the_next_one() -> None:
    """It would be a dead letter again, and each of the two would replace the other's count."""
    world = World()
    one, two = (world.envelope(text) for text in ("one", "two"))
    for envelope in (one, two):
        world.queue.send(envelope)
    world.history.noted[one.conversation] = (one.key.sort, Tries(4, died=4))
    world.queue.hide(world.queue.receive(), 82)
    world.clock.advance(82)
    left: list[str] = []

    def watch(step: str, moment: str) -> None:
        if (step, moment) == ("put", "before"):
            left.extend(letter.body for letter in world.queue.letters)

    world.history.fault = watch
    world.invoke()
    assert [record.body for record in world.queue.dead] == [one.to_json()]
    assert left == [two.to_json()]


def test_a_pause_that_the_table_took_no_note_of_makes_no_suspect() -> None:
    world = World()
    queued(world)

    def refuse(step: str, moment: str) -> None:
        if moment == "before":
            raise HistoryUnavailable("throttled")

    world.history.fault = refuse
    for _ in range(12):
        world.invoke()
        world.clock.advance(30)
    world.history.fault = lambda *_: None
    assert world.invoke() == []
    assert len(answered(world)) == len(GROUPS)


def test_an_outage_of_the_table_with_long_pauses_makes_no_suspect() -> None:
    """Its requests hang, and the queue has more than a worker takes at once."""
    world = World()
    queued(world)
    with table_away(world):
        for _ in range(3):
            world.invoke()
            world.clock.advance(100)
    assert world.invoke() == []
    assert len(answered(world)) == len(GROUPS)


def test_during_an_outage_of_the_table_too() -> None:
    world = World()
    queued(world)
    with table_away(world):
        world.invoke()
        world.clock.advance(100)
        world.invoke()
    assert world.history.calls["read"] == 2 * len(GROUPS)


def test_after_an_outage_of_the_table_deaths_count_again() -> None:
    world = World()
    queued(world, "telegram:9")
    with table_away(world):
        world.invoke()
    world.clock.advance(UNNOTED_TRUSTED_S)
    world.invoke()
    queued(world)
    die(world)
    world.invoke()
    assert answered(world) == ["telegram:9", "telegram:1"]


def test_a_death_that_is_noted_counts_after_an_outage_of_the_table() -> None:
    world = World()
    queued(world)
    die(world)
    received(world, 1, 1, 1, 1)
    queued(world, "telegram:9")
    with table_away(world):
        world.invoke()
    world.clock.advance(20)
    world.invoke()
    assert answered(world) == ["telegram:9"]
    world.invoke()
    assert answered(world) == ["telegram:9", "telegram:1"]


@contextmanager
def table_away(world: World) -> Iterator[None]:
    """Have every call of the table fail."""

    def refuse(step: str, moment: str) -> None:
        raise HistoryUnavailable("away")

    world.history.fault = refuse
    yield
    world.history.fault = lambda *_: None


def test_the_account_of_a_message_outlives_what_came_before_it() -> None:
    """A rating has no turn: it is handled again together with the message behind it."""
    world = World()
    server = Server(world)
    rating = world.envelope("", kind=Kind.RATING, rating=1, replied_to="p1")
    question = world.envelope("one")
    for envelope in (rating, question):
        world.queue.send(envelope)
    world.history.note_try(question.key, None, Tries(0, paid=2, asked=2, died=1))
    lease = INVOCATION + world.settings.settle + LEASE_SLACK
    world.queue.hide(world.queue.receive(), lease)
    world.clock.advance(lease)
    assert world.invoke() == []
    assert server.paid["one"] + 2 + 1 <= MOST_PAID


def test_an_unreadable_record_is_no_suspect() -> None:
    world = World()
    queued(world, "telegram:1", "telegram:2")
    world.queue.letters[0].body = "{}"
    die_unread = world.queue.receive()
    world.queue.hide(die_unread, 82)
    world.clock.advance(82)
    world.invoke()
    assert [record.body for record in world.queue.dead] == ["{}"]
