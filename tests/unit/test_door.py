"""The door before the queue: at most MAX_WAITING messages of one conversation wait behind it."""

from dataclasses import replace

from chatbot.core.limits import (
    DOOR_CLOSED_MS,
    DOOR_CONVERSATIONS,
    DOOR_EVENTS,
    DOOR_SECONDS,
    PLACES_STALE_S,
)
from chatbot.core.message import Envelope
from chatbot.core.settings import Settings
from chatbot.edge.door import Admitted, Door
from tests.fakes import FakeClock, FakeJournal, MemoryRoom

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
        self.places |= {key.event_id: place for key, place in admitted.places.items()}
        self.dropped += admitted.dropped
        return admitted

    def finish(self, number: int) -> None:
        """Answer the messages up to this one of the queue, as `leave_places` says it."""
        envelope = self.queue[number]
        place = self.places[envelope.event_id]
        self.room.leave(envelope.conversation, place, self.settings.max_waiting)


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
