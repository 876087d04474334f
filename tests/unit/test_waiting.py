"""Messages that were dropped at the door, and places that are free again, in the worker."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from typing import Any

from chatbot.channels.messenger.inbound import read as read_messenger
from chatbot.channels.telegram.inbound import read as read_telegram
from chatbot.channels.telegram.update import Bot
from chatbot.conversation.batch import records_of
from chatbot.conversation.waiting import PlacesLeft
from chatbot.core.errors import ModelUnavailable
from chatbot.core.limits import PLACES_CLOCKS_MS
from chatbot.core.message import Envelope, Kind
from chatbot.core.translations import say
from chatbot.core.turn import Origin
from chatbot.core.work import PLACE_UNKNOWN, Record
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.journal import FakeJournal
from tests.fakes.room import MemoryRoom
from tests.world import World

BOT = Bot(1, "bot")
SENTENCE = say("one_at_a_time", "en")


def record(number: int, place: int, conversation: str = "telegram:7") -> Record:
    body = Envelope("telegram", conversation, f"{number}:message", NOON, {}).to_json()
    return Record(f"m{number}", "receipt", conversation, 1, NOON, body, NOON, place)


def test_a_dropped_message_is_answered_with_the_sentence_and_without_the_model() -> None:
    world = World()
    envelope = world.envelope("one").as_dropped()
    world.queue.send(envelope)
    assert world.invoke() == []
    assert world.channel.received == [SENTENCE]
    assert not world.model.prompts
    [turn] = world.history.all(envelope.conversation)
    assert (turn.origin, turn.text) == (Origin.NOTICE, "")


def test_it_is_not_merged_with_those_before_it() -> None:
    world = World()
    world.queue.send(world.envelope("one"))
    world.queue.send(world.envelope("two"))
    world.queue.send(world.envelope("three").as_dropped())
    assert world.invoke() == []
    assert world.channel.received == ["You said: one\ntwo", SENTENCE]


def telegram(kind: str, update: dict[str, Any]) -> Envelope:
    return Envelope("telegram", "telegram:7", f"000000000001:{kind}", NOON, update).as_dropped()


def test_whatever_was_to_be_answered_stands_for_the_sentence_alone() -> None:
    person, chat = {"id": 7, "first_name": "Ada", "language_code": "de"}, {"id": 7}
    message = {"message_id": 1, "date": 1, "from": person, "chat": chat, "text": "/forget yes"}
    photo = {**message, "photo": [{"file_id": "f", "width": 1, "height": 1}], "media_group_id": "a"}
    for kind, update in (
        ("message", {"message": message}),
        ("message", {"message": photo}),
        (
            "callback",
            {"callback_query": {"id": "9", "from": person, "message": message, "data": "x"}},
        ),
    ):
        read = read_telegram(telegram(kind, {"update_id": 1, **update}), BOT)
        assert (read.kind, read.text, read.media, read.edits) == (Kind.DROPPED, "", (), "")
        assert read.author.id == "7"
        assert read.handles.callback == ("9" if kind == "callback" else "")


def test_what_was_never_to_be_answered_stays_what_it_is() -> None:
    person, chat = {"id": 7, "first_name": "Ada"}, {"id": -7, "type": "group", "title": "Us"}
    message = {"message_id": 1, "date": 1, "from": person, "chat": chat, "text": "Hello"}
    part = {**message, "photo": [{"file_id": "f", "width": 1, "height": 1}], "media_group_id": "a"}
    reaction = {"chat": chat, "user": person, "message_id": 1, "date": 1}
    reaction |= {"new_reaction": [{"type": "emoji", "emoji": "👍"}], "old_reaction": []}
    moved = {**message, "migrate_from_chat_id": -6}
    for kind, update in (
        ("message", {"message": part}),  # of an album that nobody has addressed to the bot
        ("edit", {"edited_message": message}),
        ("reaction", {"message_reaction": reaction}),
        ("moved", {"message": moved}),
    ):
        dropped = telegram(kind, {"update_id": 1, **update})
        plain = replace(dropped, event_id=dropped.event_id.removesuffix(":dropped"))
        expected = replace(read_telegram(plain, BOT), key=dropped.key)
        assert read_telegram(dropped, BOT) == expected
        assert expected.kind is not Kind.DROPPED


def test_of_the_staffs_messages_none_is_answered() -> None:
    event = {"sender": {"id": "page"}, "recipient": {"id": "p"}, "message": {"text": "I help"}}
    envelope = Envelope("messenger", "messenger:p", "m1:echo", NOON, event)
    assert read_messenger(envelope).kind is Kind.STAFF
    assert read_messenger(envelope.as_dropped()).kind is Kind.STAFF
    said = {**event, "sender": {"id": "p"}, "message": {"mid": "m2", "text": "Hello"}}
    envelope = Envelope("messenger", "messenger:p", "m2:message", NOON, said).as_dropped()
    assert read_messenger(envelope).kind is Kind.DROPPED


def leave(records: Sequence[Record], room: MemoryRoom, journal: FakeJournal | None = None) -> None:
    clock = FakeClock()
    PlacesLeft(lambda: room, 5, journal or FakeJournal(), clock)(records, clock() + 60_000)


def test_the_places_of_what_is_finished_are_free() -> None:
    room = MemoryRoom(FakeClock())
    room.take("telegram:7", 5, 5, 60)
    leave([record(1, 1), record(2, 2), record(4, 0)], room)
    assert room.rooms["telegram:7"]["open_to"] == 7
    assert room.calls["leave"] == 1


def test_where_the_last_place_is_unknown_what_was_taken_before_it_is_free() -> None:
    clock = FakeClock()
    room = MemoryRoom(clock)
    room.take("telegram:7", 5, 5, 60)
    records = [record(1, 2), record(2, PLACE_UNKNOWN), record(3, PLACE_UNKNOWN)]
    leave(records[:1], room)
    assert room.rooms["telegram:7"]["open_to"] == 7
    leave([record(1, PLACE_UNKNOWN), record(2, 3)], room)
    assert room.rooms["telegram:7"]["open_to"] == 8
    assert not room.calls["leave_all"]
    leave(records, room)
    assert room.rooms["telegram:7"]["open_to"] == 10
    clock.advance(PLACES_CLOCKS_MS / 1000)
    room.take("telegram:7", 1, 5, 60)
    leave(records, room)
    assert room.rooms["telegram:7"]["open_to"] == 11
    clock.advance(0.001)
    room.take("telegram:7", 1, 5, 60)
    leave(records, room)
    assert room.rooms["telegram:7"]["open_to"] == 11


def test_messages_without_a_place_cost_nothing() -> None:
    room = MemoryRoom(FakeClock())
    leave([record(1, 0), record(2, 0)], room)
    assert not room.calls


def test_a_table_that_is_away_and_a_record_that_cannot_be_read_cost_nothing() -> None:
    room, journal = MemoryRoom(FakeClock()), FakeJournal()
    odd = Record("m9", "receipt", "telegram:9", 1, NOON, "{", NOON, 4)
    leave([odd], room, journal)
    assert not room.calls
    room.take("telegram:7", 5, 5, 60)
    room.down = True
    leave([record(1, 1)], room, journal)
    assert journal.warnings == [("waiting_not_counted", {"reason": "down"})]


def test_who_is_done_leaves_before_a_neighbour_ends_the_worker() -> None:
    world, room = World("Hi.", "Hi."), MemoryRoom(FakeClock())
    for group in ("telegram:7", "telegram:8"):
        world.queue.send(world.envelope("Hello", group))
        room.take(group, 5, 5, 60)
    records = [replace(each, place=3) for each in world.queue.receive()]
    left = threading.Event()

    def free(done: Sequence[Record], deadline: int) -> None:
        PlacesLeft(lambda: room, 5, world.journal, world.clock)(done, deadline)
        left.set()

    def watch(step: str, moment: str) -> None:
        if (step, moment) == ("mark_delivered", "before") and next(arrived) == 1:
            seen.append((left.wait(10), room.calls["leave"]))

    arrived = count()
    seen: list[tuple[bool, int]] = []
    world.batch.leave, world.history.fault = free, watch
    world.history._lock = nullcontext()  # type: ignore[assignment]
    assert world.batch.run(records, world.deadline) == []
    assert seen == [(True, 1)]  # while the second one is not done
    assert room.calls["leave"] == 2  # once for each
    assert {name: each["open_to"] for name, each in room.rooms.items()} == {
        "telegram:7": 8,
        "telegram:8": 8,
    }


def test_what_is_delivered_again_keeps_its_place_and_so_do_all_without_time() -> None:
    world, left = World(ModelUnavailable("away")), list[Sequence[Record]]()
    world.queue.send(world.envelope("Hello"))
    world.batch.leave = lambda done, _: left.append(done)
    assert len(world.invoke()) == 1
    assert left == [[]]
    room = MemoryRoom(world.clock)
    room.take("telegram:7", 5, 5, 60)
    places_left = PlacesLeft(lambda: room, 5, world.journal, world.clock)
    places_left([record(1, 1)], world.clock() + 3_000)
    places_left([record(1, 0)], world.clock() + 60_000)
    assert not room.calls["leave"]


def test_the_place_comes_with_the_record() -> None:
    item = {
        "messageId": "m1",
        "receiptHandle": "receipt",
        "body": json.dumps({}),
        "attributes": {
            "MessageGroupId": "g",
            "ApproximateReceiveCount": "1",
            "ApproximateFirstReceiveTimestamp": "8",
            "SentTimestamp": "7",
        },
    }
    placed = {"place": {"stringValue": "12", "dataType": "Number"}}
    [without, bare, placed_record] = records_of(
        {
            "Records": [
                {**item, "messageAttributes": {}},
                item,
                {**item, "messageAttributes": placed},
            ]
        }
    )
    assert (without.place, bare.place, placed_record.place) == (0, 0, 12)
