"""The table's items besides turns: tries, daily counts, profiles, drafts and stop requests."""

from __future__ import annotations

from dataclasses import replace
from sys import getsizeof
from typing import Any

import pytest

from chatbot.adapters.dynamodb.state import put_stop
from chatbot.adapters.dynamodb.turns import Table
from chatbot.adapters.dynamodb.waiting import WaitingPlaces
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.limits import MOST_HISTORY_BYTES
from chatbot.core.message import Stop
from chatbot.core.ports import Counted
from chatbot.core.timeline import ConversationProfile
from chatbot.core.work import MOST_CRASHES, Tries
from tests.component.conftest import Aws
from tests.component.turns import CONVERSATION, DAYS, Store, make
from tests.fakes.clock import NOON, FakeClock

COUNTED = Tries(1, died=1, since=NOON)
"""What is stored for an event that was counted once."""


def test_tries_are_counted_for_one_event_at_a_time(history: Store) -> None:
    first, second = make(1).key, make(2).key
    assert [history.raise_try(first, 1, NOON) for _ in range(3)] == [
        replace(COUNTED, crashes=crashes) for crashes in (1, 2, 3)
    ]
    noted = Tries(2, 1, 4, (("one", "said"), ("two", "")), died=0, since=NOON)
    assert history.note_try(first, Tries(3), noted)
    assert history.tries(CONVERSATION) == (first.sort, noted)
    noted = replace(noted, died=2)
    assert history.raise_try(first, 2, NOON + 1) == replace(noted, crashes=3)
    assert history.tries(CONVERSATION) == (first.sort, replace(noted, crashes=3))
    assert not history.note_try(second, Tries(1), Tries())  # not the one that is counted
    assert history.raise_try(first, 2, NOON + 1) == replace(noted, crashes=4)
    assert history.raise_try(second, 1, NOON) == COUNTED
    assert history.raise_try(first, 2, NOON) is None  # a later event is counted
    assert history.raise_try(second, 1, NOON) == replace(COUNTED, crashes=2)
    assert history.raise_try(first, 1, NOON, replace_later=True) == COUNTED
    assert history.raise_try(first, 1, NOON) == replace(COUNTED, crashes=2)


def test_a_note_replaces_only_what_its_delivery_knows(history: Store) -> None:
    key = make(2).key
    history.raise_try(make(3).key, 1, NOON)
    assert not history.note_try(key, None, Tries(-1, asked=1))  # the group has gone on
    history.raise_try(make(1).key, 1, NOON, replace_later=True)
    first = Tries(-1, paid=1, asked=2, died=1, since=NOON)
    assert history.note_try(key, None, first)  # of the first delivery, which is not counted
    assert not history.note_try(key, None, replace(first, asked=3))
    counted = history.raise_try(key, 1, NOON)
    assert counted == replace(first, crashes=0)
    more = replace(counted, paid=2, asked=3)
    assert history.note_try(key, counted, more)
    assert not history.note_try(key, counted, more)  # repeated by the SDK after a lost response
    assert history.raise_try(key, 1, NOON) == replace(more, crashes=1)  # another worker
    assert not history.note_try(key, more, replace(more, crashes=-1))
    assert history.raise_try(key, 1, NOON) == replace(more, crashes=2)


def test_a_note_without_a_time_is_dated_by_the_next_count(history: Store) -> None:
    one, two = make(1).key, make(2).key
    assert history.raise_try(one, 1, NOON) == COUNTED
    assert history.note_try(two, None, Tries(-1))
    assert history.raise_try(two, 1, NOON + 1) == Tries(0, died=1, since=NOON + 1)
    assert history.note_try(two, Tries(0, died=1, since=NOON + 1), Tries(-1, since=NOON + 1))
    assert history.raise_try(two, 1, NOON + 2) == Tries(0, died=1, since=NOON + 1)


def test_a_message_that_is_redriven_starts_anew(history: Store) -> None:
    key = make(1).key
    for _ in range(MOST_CRASHES + 1):
        history.raise_try(key, 1, NOON)
    assert history.note_try(key, None, Tries(-1, asked=1))
    assert history.raise_try(key, 1, NOON) == Tries(0, asked=1, died=1, since=NOON)


def test_what_was_noted_before_a_message_was_redriven_is_replaced(history: Store) -> None:
    key = make(1).key
    assert history.raise_try(key, 1, NOON)
    noted = Tries(4, 3, 9, (("voice", "said"),), 2, NOON)
    assert history.note_try(key, COUNTED, noted)
    assert history.raise_try(key, 3, NOON + 9, anew_before=NOON) == replace(
        noted, crashes=5, died=3
    )
    redriven = Tries(1, died=4, since=NOON + 9)
    assert history.raise_try(key, 4, NOON + 9, anew_before=NOON + 1) == redriven
    assert history.tries(CONVERSATION) == (key.sort, redriven)
    again = history.raise_try(key, 5, NOON + 99, anew_before=NOON + 1)
    assert again == replace(redriven, crashes=2, died=5)
    history.raise_try(make(2).key, 1, NOON)
    assert history.raise_try(key, 1, NOON, anew_before=NOON + 1) is None  # a later event's


def test_what_an_older_version_has_counted_counts(
    aws: Aws, table: str, dynamodb_table: Table
) -> None:
    key = make(1).key
    item = {"pk": {"S": key.conversation}, "sk": {"S": "~try"}, "n": {"N": "1"}}
    aws.dynamodb.put_item(TableName=table, Item={**item, "event": {"S": key.sort}})
    assert dynamodb_table.tries(key.conversation) == (key.sort, Tries(1, died=1))
    counted = dynamodb_table.raise_try(key, 2, NOON, anew_before=NOON)  # `since` is not known
    assert counted == Tries(2, died=2, since=NOON)
    assert dynamodb_table.note_try(key, counted, Tries(1, asked=1))


def test_a_day_counts_each_event_once_and_up_to_a_limit(history: Store) -> None:
    def count(
        event: str, kind: str = "messages", day: str = "2026-11-21", most: int = 2
    ) -> Counted:
        return history.count_today(CONVERSATION, day, kind, event, most)

    assert [count(event) for event in ("a", "a", "b", "b", "c", "c")] == [
        Counted.NOW,
        *(Counted.BEFORE, Counted.NOW, Counted.BEFORE),
        *(Counted.TOO_MANY, Counted.TOO_MANY),
    ]
    assert count("d", kind="images", most=1) is Counted.NOW
    assert count("e", kind="images", most=1) is Counted.TOO_MANY
    assert count("c", most=0) is Counted.NOW
    tomorrow = "2026-11-22"
    assert [count(event, day=tomorrow, most=1) for event in "aab"] == [
        *(Counted.NOW, Counted.BEFORE, Counted.TOO_MANY)
    ]
    assert count("d", kind="images", day=tomorrow, most=1) is Counted.NOW


def test_minutes_are_counted_by_their_number(history: Store) -> None:
    def count(event: str, minutes: int, day: str = "2026-11-21") -> Counted:
        return history.count_today(CONVERSATION, day, "recordings", event, 5, minutes)

    said = [count("a", 3), count("b", 3), count("a", 3), count("c", 2), count("d", 1)]
    assert said == [
        *(Counted.NOW, Counted.TOO_MANY, Counted.BEFORE),
        *(Counted.NOW, Counted.TOO_MANY),
    ]
    assert history.count_today(CONVERSATION, "2026-11-21", "messages", "e", 1) is Counted.NOW
    tomorrow = "2026-11-22"
    assert history.count_today(CONVERSATION, tomorrow, "messages", "f", 1) is Counted.NOW
    assert [count("g", 5, tomorrow), count("h", 1, tomorrow)] == [Counted.NOW, Counted.TOO_MANY]


def test_what_has_no_name_is_counted_each_time(history: Store) -> None:
    counted = [history.count_today("~total", "2026-11-21", "total", "", 3) for _ in range(4)]
    assert counted == [Counted.NOW] * 3 + [Counted.TOO_MANY]


def test_forgetting_leaves_the_days_count(history: Store) -> None:
    assert history.count_today(CONVERSATION, "2026-11-21", "messages", "a", 1) is Counted.NOW
    history.erase(make(9).key)
    assert history.count_today(CONVERSATION, "2026-11-21", "messages", "b", 1) is Counted.TOO_MANY


def test_forgetting_leaves_a_time_and_counts_that_soon_expire(aws: Aws, table: str) -> None:
    """What people are told, and the table of docs/security.md."""
    clock = FakeClock()
    history = Table(aws.dynamodb, table, clock, DAYS)
    history.put(make(1))
    history.save_draft(make(2).key, "words")
    history.raise_try(make(2).key, 1, NOON)
    history.save_profile(CONVERSATION, ConversationProfile(name="Ada"))
    history.count_today(CONVERSATION, "2026-11-21", "messages", "a", 1)
    WaitingPlaces(aws.dynamodb, table, clock).take(CONVERSATION, 1, 50, 60)
    history.erase(make(9).key)
    found = aws.dynamodb.scan(TableName=table)["Items"]
    seconds = {item["sk"]["S"]: int(item["expires_at"]["N"]) - clock() // 1000 for item in found}
    assert seconds == {"~state": DAYS * 86_400, "~day": 2 * 86_400, "~waiting": 86_400}
    (state,) = [item for item in found if item["sk"]["S"] == "~state"]
    assert set(state) == {"pk", "sk", "forgotten_before", "expires_at"}


def test_a_person_is_remembered(history: Store) -> None:
    person = ConversationProfile(registered=True, name="Ada", language="en")
    history.save_profile(CONVERSATION, person)
    history.put(make())
    window = history.read(CONVERSATION, 1)
    assert window.profile == person
    assert window.turns == (make(),)
    history.save_profile(CONVERSATION, ConversationProfile(registered=False))
    assert history.read(CONVERSATION, 1).profile == ConversationProfile()


def test_saving_a_person_leaves_the_tombstone(aws: Aws, table: str, dynamodb_table: Table) -> None:
    aws.dynamodb.put_item(
        TableName=table,
        Item={
            "pk": {"S": CONVERSATION},
            "sk": {"S": "~state"},
            "forgotten_before": {"S": "turn#5"},
        },
    )
    dynamodb_table.save_profile(
        CONVERSATION, ConversationProfile(registered=True, forgotten_before="turn#9")
    )
    person = ConversationProfile(registered=True, forgotten_before="turn#5")
    assert dynamodb_table.read(CONVERSATION, 1).profile == person


def test_what_a_person_chose_comes_back(history: Store) -> None:
    person = ConversationProfile(
        True, "Ada", "de", mode="image", persona="Poet", asked_to_start=True
    )
    history.save_profile(CONVERSATION, person)
    assert history.read(CONVERSATION, 1).profile == person
    history.save_profile(CONVERSATION, ConversationProfile())
    assert history.read(CONVERSATION, 1).profile == ConversationProfile()


def test_a_conversation_goes_on_under_a_new_id(history: Store) -> None:
    old, new = "telegram:-5", "telegram:-100"
    for number in range(4):
        history.put(make(number, conversation=old))
    history.put(make(9, conversation=new))
    profile = ConversationProfile(persona="Poet", moved_from=old)
    history.save_profile(new, profile)
    timeline = history.read(new, 3)
    assert (timeline.profile, timeline.turns[0]) == (profile, make(9, conversation=new))
    assert timeline.turns[1:4] == tuple(make(n, conversation=old) for n in (3, 2, 1))
    assert history.read(new, 1).turns == (make(9, conversation=new),)
    older = [turn.key for turn in history.older(make(10, conversation=new).key)]
    assert older == [make(9, conversation=new).key] + [
        make(n, conversation=old).key for n in (3, 2, 1, 0)
    ]
    history.save_profile(new, ConversationProfile(mode="image"))
    assert history.read(new, 3).profile.moved_from == old


def test_erasing_erases_what_has_an_earlier_id_too(history: Store) -> None:
    old, new = "telegram:-5", "telegram:-100"
    history.put(make(1, conversation=old))
    history.put(make(2, conversation=new))
    history.save_profile(old, ConversationProfile(name="Ada"))
    history.save_profile(new, ConversationProfile(moved_from=old))
    before = make(3, conversation=new).key
    for _ in range(2):
        history.erase(before)
        for conversation in (old, new):
            timeline = history.read(conversation, 9)
            assert timeline.turns == ()
            assert timeline.profile == ConversationProfile(forgotten_before=before.sort)


def test_erasing_leaves_the_tombstone_and_what_came_after(history: Store) -> None:
    for number in range(60):
        history.put(make(number))
    history.put(make(1, conversation="telegram:421"))
    history.save_profile(CONVERSATION, ConversationProfile(True, "Ada", "de", persona="Poet"))
    history.raise_try(make(3).key, 1, NOON)
    for _ in range(2):
        history.erase(make(58).key)
        window = history.read(CONVERSATION, 100)
        assert window.turns == (make(59), make(58))
        assert window.profile == ConversationProfile(forgotten_before=make(58).key.sort)
    assert len(history.read("telegram:421", 10).turns) == 1


def test_erasing_leaves_nothing_else_in_the_table(
    aws: Aws, table: str, dynamodb_table: Table
) -> None:
    for number in range(3):
        dynamodb_table.put(make(number))
    dynamodb_table.save_profile(CONVERSATION, ConversationProfile(True, "Ada", "de"))
    dynamodb_table.save_draft(make(2).key, "half an answer")
    dynamodb_table.note_try(
        make(2).key, None, Tries(-1, asked=2, heard=(("one", "what was said"),))
    )
    last = make(3).key
    dynamodb_table.erase(last)
    (item,) = aws.dynamodb.scan(TableName=table)["Items"]
    assert {name: value for name, value in item.items() if name != "expires_at"} == {
        "pk": {"S": CONVERSATION},
        "sk": {"S": "~state"},
        "forgotten_before": {"S": last.sort},
    }
    # Nor does it lift the limits of the day.
    day = (CONVERSATION, "2026-11-21", "images")
    dynamodb_table.count_today(*day, "1", 1)
    dynamodb_table.erase(last)
    assert dynamodb_table.count_today(*day, "2", 1) is Counted.TOO_MANY
    # The deaths of the event that erases must not be forgotten, or it would die for ever.
    for _ in range(2):
        dynamodb_table.raise_try(last, 1, NOON)
    dynamodb_table.erase(last)
    assert dynamodb_table.raise_try(last, 1, NOON) == replace(COUNTED, crashes=3)


def test_a_draft_is_there_until_its_turn_is(history: Store) -> None:
    turn = make()
    assert history.draft_of(CONVERSATION) is None
    history.save_draft(turn.key, "so")
    history.save_draft(turn.key, "so far")
    assert history.draft_of(CONVERSATION) == (turn.key.event_id, "so far")
    assert history.draft_of("telegram:43") is None
    history.put(turn)
    assert history.draft_of(CONVERSATION) is None


def test_a_draft_that_nobody_goes_on_with_vanishes(aws: Aws, table: str) -> None:
    clock = FakeClock()
    history = Table(aws.dynamodb, table, clock, DAYS)
    history.save_draft(make().key, "so far")
    clock.advance(29)
    assert history.draft_of(CONVERSATION)
    clock.advance(2)
    assert history.draft_of(CONVERSATION) is None


@pytest.mark.parametrize(
    ("event", "at", "wished"),
    [
        ("", NOON + 1, True),
        ("", NOON, False),
        ("000000000001:message", 1, True),
        ("77", 1, True),
        ("000000000002:message", NOON + 5, False),
    ],
)
def test_a_stop_is_for_its_message(
    aws: Aws, table: str, dynamodb_table: Table, event: str, at: int, *, wished: bool
) -> None:
    put_stop(aws.dynamodb, table, Stop(CONVERSATION, "else", 1))
    put_stop(aws.dynamodb, table, Stop(CONVERSATION, event, at))
    assert dynamodb_table.stop_requested(make().key, "77") is wished
    assert not dynamodb_table.stop_requested(make(conversation="telegram:43").key, "77")


def test_a_stop_that_cannot_be_written_says_so(aws: Aws) -> None:
    with pytest.raises(HistoryUnavailable):
        put_stop(aws.dynamodb, "no-table", Stop(CONVERSATION, "", 1))


def test_drafts_and_stops_take_no_turns_place(aws: Aws, table: str, dynamodb_table: Table) -> None:
    for number in range(20):
        dynamodb_table.put(make(number))
    dynamodb_table.save_profile(CONVERSATION, ConversationProfile(registered=True))
    dynamodb_table.raise_try(make(20).key, 1, NOON)
    dynamodb_table.save_draft(make(20).key, "so far")
    put_stop(aws.dynamodb, table, Stop(CONVERSATION, "", 1))
    window = dynamodb_table.read(CONVERSATION, 10)
    assert [turn.text for turn in window.turns][:10] == [f"question {n}" for n in range(19, 9, -1)]
    assert window.profile.registered


def test_the_profile_is_read_though_no_turn_is(aws: Aws, table: str, dynamodb_table: Table) -> None:
    """With HISTORY_TURNS=0. Other items come before the profile."""
    dynamodb_table.save_profile(CONVERSATION, ConversationProfile(registered=True))
    dynamodb_table.raise_try(make(20).key, 1, NOON)
    put_stop(aws.dynamodb, table, Stop(CONVERSATION, "", 1))
    assert dynamodb_table.read(CONVERSATION, 0).profile.registered


@pytest.mark.parametrize("letter", ["x", "ä", "🦊"])
def test_of_long_turns_fewer_are_read(dynamodb_table: Table, letter: str) -> None:
    text = "x" * 250_000 + letter
    for number in range(20):
        dynamodb_table.put(make(number, text=text))
    dynamodb_table.save_profile(CONVERSATION, ConversationProfile(registered=True))
    found = dynamodb_table.read(CONVERSATION, 100)
    assert found.profile.registered
    assert not found.complete
    assert 1 <= len(found.turns) <= 8
    sizes = [getsizeof(turn.text) for turn in found.turns]
    assert sum(sizes[:-4]) < MOST_HISTORY_BYTES, "a page of 1 MB beyond it at most"
    assert found.reaches(found.turns[-1].key)
    assert not found.reaches(make(0).key)


def test_drafts_and_stops_expire(aws: Aws, table: str, dynamodb_table: Table) -> None:
    dynamodb_table.save_draft(make().key, "so far")
    put_stop(aws.dynamodb, table, Stop(CONVERSATION, "", NOON))
    for item in aws.dynamodb.scan(TableName=table)["Items"]:
        assert int(item["expires_at"]["N"]) == NOON // 1000 + 86400


def test_erasing_ends_in_time_and_goes_on_when_repeated(
    dynamodb_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        dynamodb_table.put(make(number, text="x" * 300_000))  # several pages
    deleted: list[int] = []
    plain = dynamodb_table._client.delete

    def delete(items: list[Any]) -> None:
        deleted.append(len(items))
        plain(items)

    monkeypatch.setattr(dynamodb_table._client, "delete", delete)
    with pytest.raises(HistoryUnavailable, match="not all"):
        dynamodb_table.erase(make(20).key, seconds=0)
    left = len(list(dynamodb_table.older(make(20).key)))
    assert 0 < left < 12
    assert deleted == [12 - left], "no more than one page is held"
    dynamodb_table.erase(make(20).key)
    assert list(dynamodb_table.older(make(20).key)) == []
