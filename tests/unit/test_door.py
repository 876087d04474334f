"""The door before the queue: at most MAX_WAITING messages of one conversation wait behind it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from chatbot.conversation.waiting import PlacesLeft
from chatbot.core.errors import HistoryUnavailable, QueueUnavailable
from chatbot.core.key import TurnKey
from chatbot.core.limits import (
    DOOR_CLOSED_MS,
    DOOR_CONVERSATIONS,
    DOOR_EVENTS,
    DOOR_FAILED_MS,
    DOOR_SECONDS,
    PLACES_STALE_S,
)
from chatbot.core.message import Envelope
from chatbot.core.settings import Settings
from chatbot.core.work import Record
from chatbot.edge.door import Admitted, Door
from chatbot.edge.http import Received, Request
from chatbot.edge.webhook import handle
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.fakes.room import MemoryRoom

SETTINGS = Settings(max_waiting=20)


class World:
    """A process of the webhook, and what it let into the queue."""

    def __init__(self, settings: Settings = SETTINGS, room: MemoryRoom | None = None) -> None:
        self.clock = FakeClock()
        self.room = room or MemoryRoom(self.clock)
        self.journal = FakeJournal()
        self.door = Door(self.room, self.journal, self.clock)
        self.settings = settings
        self.queue: list[Envelope] = []
        self.places: dict[str, int] = {}
        self.sent_at: dict[str, int] = {}
        self.dropped = 0
        self.sent = 0

    def send(
        self, events: int = 1, conversation: str = "telegram:7", tell: bool = True
    ) -> Admitted:
        body = []
        for _ in range(events):
            self.sent += 1
            body.append(Envelope("telegram", conversation, f"{self.sent}:message", self.sent, {}))
        admitted = self.door.admit(body, self.settings, tell=tell)
        self.queue += admitted.envelopes
        self.sent_at |= {each.event_id: self.clock() for each in admitted.envelopes}
        self.places |= {key.event_id: place for key, place in admitted.places.items()}
        self.dropped += admitted.dropped
        return admitted

    def finish(self, number: int) -> None:
        """Answer the messages up to this one of the queue, as `PlacesLeft` says it."""
        envelope = self.queue[number]
        place = self.places[envelope.event_id]
        self.room.leave(envelope.conversation, place, self.settings.max_waiting)

    def work(self) -> None:
        """Answer all messages of the queue, in batches of ten."""
        records = [
            Record(
                each.event_id,
                "",
                each.conversation,
                1,
                self.sent_at[each.event_id],
                each.to_json(),
                self.clock(),
                self.places.get(each.event_id, 0),
            )
            for each in self.queue
        ]
        leave = PlacesLeft(lambda: self.room, self.settings.max_waiting, self.journal, self.clock)
        for start in range(0, len(records), 10):
            leave(records[start : start + 10], self.clock() + 60_000)


def test_who_writes_as_people_do_costs_no_call() -> None:
    world = World()
    for _ in range(DOOR_EVENTS):
        world.send()
    for _ in range(100):
        world.clock.advance(DOOR_SECONDS / DOOR_EVENTS)
        assert not world.send().dropped
    assert not world.room.calls
    assert not world.places


def test_of_a_flood_as_many_wait_as_may_and_one_sentence_says_so() -> None:
    world = World()
    for _ in range(5_000):
        world.send()
        world.clock.advance(0.01)
    told = [envelope for envelope in world.queue if envelope.is_dropped]
    assert len(world.queue) == DOOR_EVENTS + SETTINGS.max_waiting + 1
    assert world.queue[-1:] == told
    assert world.dropped == 5_000 - DOOR_EVENTS - SETTINGS.max_waiting
    assert list(world.places.values()) == list(range(1, SETTINGS.max_waiting + 2))
    # Turned away, the process asks the table once a second at most.
    assert world.room.calls["take"] <= SETTINGS.max_waiting + 50_000 / DOOR_CLOSED_MS + 1
    assert world.room.calls["tell"] == 1


def test_a_body_with_a_thousand_events_is_cut() -> None:
    world = World()
    admitted = world.send(1_000)
    assert len(admitted.envelopes) == SETTINGS.max_waiting + 1
    assert [each.is_dropped for each in admitted.envelopes] == [False] * 20 + [True]
    assert admitted.dropped == 980


def test_what_was_answered_makes_room_and_is_told_of_again_only_then() -> None:
    world = World()
    world.send(1_000)
    world.clock.advance(2)
    assert world.send().envelopes == ()
    world.finish(4)
    world.clock.advance(2)
    admitted = world.send(100)
    # Five were answered; the sentence itself has taken a place, too.
    assert [each.is_dropped for each in admitted.envelopes] == [False] * 4
    world.finish(-1)
    world.clock.advance(2)
    admitted = world.send(100)
    assert len(admitted.envelopes) == SETTINGS.max_waiting + 1
    assert admitted.envelopes[-1].is_dropped


def test_others_are_not_concerned() -> None:
    world = World()
    world.send(1_000)
    assert len(world.send(3, "telegram:8").envelopes) == 3
    mixed = [
        Envelope("telegram", f"telegram:{each % 2 + 7}", f"m{each}:message", each, {})
        for each in range(10)
    ]
    admitted = world.door.admit(mixed, world.settings)
    assert [each.conversation for each in admitted.envelopes] == ["telegram:8"] * 5
    assert [each.event_id for each in admitted.envelopes] == [
        f"m{each}:message" for each in range(1, 10, 2)
    ]


def events(*kinds: str) -> list[Envelope]:
    return [
        Envelope("telegram", "telegram:7", f"e{number}:{kind}", number, {})
        for number, kind in enumerate(kinds)
    ]


def test_the_sentence_stands_for_something_that_would_be_answered() -> None:
    world = World()
    world.send(1_000, tell=False)
    world.clock.advance(2)
    silent = events("reaction", "edit", "echo", "rating")
    assert world.door.admit(silent, SETTINGS).envelopes == ()
    assert not world.room.calls["tell"], "nobody has asked anything"
    world.clock.advance(2)
    admitted = world.door.admit(events("reaction", "edit", "callback", "message"), SETTINGS)
    assert [each.event_id for each in admitted.envelopes] == ["e2:callback:dropped"]
    assert admitted.dropped == 4


def test_a_group_that_gets_another_id_is_never_dropped() -> None:
    """Everything that is known of the group hangs on this one event."""
    world = World()
    world.send(1_000)
    for _ in range(2):  # the second time without asking the table
        admitted = world.door.admit(events("message", "moved", "message"), SETTINGS)
        assert [each.event_id for each in admitted.envelopes] == ["e1:moved"]
        assert (admitted.dropped, admitted.places) == (2, {})


def test_a_page_shows_it_by_itself() -> None:
    world = World()
    admitted = world.send(100, tell=False)
    assert len(admitted.envelopes) == SETTINGS.max_waiting
    assert not world.room.calls["tell"]


def test_each_process_lets_a_few_through_before_it_counts() -> None:
    first = World()
    second = World(room=first.room)
    for _ in range(500):
        first.send()
        second.send()
        first.clock.advance(0.1)
        second.clock.advance(0.1)
    waiting = len(first.queue) + len(second.queue)
    assert waiting == 2 * DOOR_EVENTS + SETTINGS.max_waiting + 1


def test_after_a_pause_nothing_is_counted_any_more() -> None:
    world = World()
    world.send(1_000)
    world.clock.advance(2 * DOOR_SECONDS)
    calls = sum(world.room.calls.values())
    assert not world.send().dropped
    assert sum(world.room.calls.values()) == calls


def test_places_that_nobody_frees_are_free_in_the_end() -> None:
    world = World()
    world.send(1_000)
    world.clock.advance(SETTINGS.give_up_after + PLACES_STALE_S - 1)
    assert world.send(100).envelopes == ()
    world.clock.advance(2)
    assert len(world.send(100).envelopes) == SETTINGS.max_waiting + 1


def test_a_table_that_is_away_costs_no_message() -> None:
    world = World()
    world.room.down = True
    admitted = world.send(100)
    assert (len(admitted.envelopes), admitted.dropped) == (100, 0)
    assert world.journal.warnings == [("waiting_not_counted", {"reason": "down"})]


@pytest.mark.parametrize("lost", ["take", "tell"])
@pytest.mark.parametrize("one_by_one", [True, False])
def test_a_lost_response_shuts_a_conversation_only_until_its_messages_are_finished(
    lost: str, one_by_one: bool
) -> None:
    world = World()
    world.send(DOOR_EVENTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.room, lost, _done_without_response(getattr(world.room, lost)))
        for _ in range(60 if one_by_one else 1):
            world.send(1 if one_by_one else 60)
    if lost == "take":
        assert not world.dropped
    world.clock.advance(2)
    assert world.send(tell=False).dropped == 1
    world.work()
    world.clock.advance(2)
    assert not world.send(tell=False).dropped


def _done_without_response(call: Callable[..., object]) -> Callable[..., object]:
    def lost(*parameters: object) -> object:
        call(*parameters)
        raise HistoryUnavailable("response lost")

    return lost


def test_without_a_limit_nothing_is_counted() -> None:
    world = World(replace(SETTINGS, max_waiting=0))
    assert len(world.send(1_000).envelopes) == 1_000
    assert not world.room.calls


def test_what_a_process_remembers_is_bounded() -> None:
    world = World()
    world.send(100, "telegram:flood")
    for number in range(DOOR_CONVERSATIONS + 10):
        world.send(1, f"telegram:{number}")
        if number % 1_000 == 0:
            world.send(1, "telegram:flood")
    assert len(world.door._buckets) == DOOR_CONVERSATIONS
    assert world.door._buckets["telegram:flood"].counting


@dataclass
class StubInbound:
    received: Received
    name: str = "telegram"

    def receive(self, request: Request) -> Received:
        return self.received


@dataclass
class StubQueue:
    up: bool = False
    before: Callable[[], object] = list
    events: dict[TurnKey, Envelope] = field(default_factory=dict)

    def send(self, envelopes: Sequence[Envelope], places: Mapping[TurnKey, int]) -> None:
        self.before()
        if not self.up:
            raise QueueUnavailable("away")
        for envelope in envelopes:
            self.events.setdefault(envelope.key, envelope)


class Outage:
    """A process of the webhook whose queue is away, and a platform that repeats its requests."""

    def __init__(self) -> None:
        self.world = World()
        self.queue = StubQueue()

    def post(self, *numbers: int, conversation: str = "telegram:7") -> int:
        """Send one body with these messages; return the response's status."""
        envelopes = tuple(
            Envelope("telegram", conversation, f"{each}:message", each, {}) for each in numbers
        )
        inbound, journal = StubInbound(Received(envelopes)), self.world.journal
        return handle(
            Request("POST", "/telegram"),
            inbound,
            self.queue,
            lambda _: None,
            journal,
            admit=lambda each: self.world.door.admit(each, SETTINGS),
        ).status

    def texts(self) -> list[str]:
        return [envelope.event_id for envelope in self.queue.events.values()]


@pytest.mark.parametrize(("messages", "every", "away"), [(8, 10, 120), (20, 30, 180), (3, 5, 300)])
def test_what_is_repeated_while_the_queue_is_away_is_not_dropped(
    messages: int, every: int, away: int
) -> None:
    outage = Outage()
    for _ in range(0, away, every):
        assert [outage.post(number) for number in range(messages)] == [503] * messages
        outage.world.clock.advance(every)
    outage.queue.up = True
    assert [outage.post(number) for number in range(messages)] == [200] * messages
    assert outage.texts() == [f"{number}:message" for number in range(messages)]
    assert not outage.world.journal.counted("Dropped")
    [room] = outage.world.room.rooms.values()
    assert (room["taken"], room["told"]) == (messages, 0)


@pytest.mark.parametrize("messages", [2, 12])
def test_what_several_processes_cannot_send_at_once_is_not_dropped(messages: int) -> None:
    one = Outage()
    other = Outage()
    other.world = World(room=one.world.room)
    other.world.clock = one.world.clock
    other.queue = one.queue
    both = (one, other)
    for outage in both:
        outage.world.send(DOOR_EVENTS, "telegram:7")
    taken: list[Admitted] = []
    for _ in range(0, 120, 10):
        for number in range(messages // 2):  # each takes its place before the other has failed
            taken = [outage.world.send() for outage in both]
            for admitted in taken:
                assert len(admitted.envelopes) == 1, number
                admitted.undo()
        one.world.clock.advance(10)
    one.queue.up = True
    assert [one.post(number) for number in range(messages)] == [200] * messages
    assert one.texts() == [f"{number}:message" for number in range(messages)]


def test_after_a_failed_send_what_finds_no_place_is_repeated_too() -> None:
    outage, world = Outage(), World()
    outage.world = world
    world.send(DOOR_EVENTS)
    world.send(SETTINGS.max_waiting - 2)
    assert outage.post(101) == 503
    outage.queue.up = True
    assert outage.post(101, 102, 103) == 503
    assert outage.post(104) == 503  # in the second in which the table is not asked
    assert not outage.texts()
    assert ("postponed", {"channel": "telegram", "events": 3}) in world.journal.infos
    world.clock.advance(2)
    assert outage.post(101, 102) == 200
    world.clock.advance(DOOR_FAILED_MS / 1000)
    assert outage.post(103) == 200
    assert [each.is_dropped for each in outage.queue.events.values()] == [False, False, True]
    assert world.journal.counted("Dropped") == 1


def test_a_sentence_that_was_not_queued_is_due_again() -> None:
    outage = Outage()
    world = outage.world
    world.send(DOOR_EVENTS)
    world.send(SETTINGS.max_waiting)
    assert outage.post(101) == 503
    assert not world.journal.counted("Dropped")
    outage.queue.up = True
    world.clock.advance(DOOR_FAILED_MS / 1000)
    assert outage.post(101) == 200
    assert [each.is_dropped for each in outage.queue.events.values()] == [True]


def test_where_the_table_is_away_too_the_request_is_repeated_all_the_same() -> None:
    outage = Outage()
    world = outage.world
    world.send(DOOR_EVENTS)
    outage.queue.before = lambda: setattr(world.room, "down", True)
    assert outage.post(101) == 503
    assert world.journal.warnings[-1] == ("waiting_not_counted", {"reason": "down"})
    assert world.room.calls["give_back"] == 1
    assert outage.post(101) == 503
    assert world.room.calls["give_back"] == 1  # nothing is known to give back
