import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from chatbot.core.errors import (
    Forged,
    HistoryUnavailable,
    QueueUnavailable,
    RequestRefused,
    Unreadable,
)
from chatbot.core.key import TurnKey
from chatbot.core.message import Envelope, Stop
from chatbot.edge.http import Guess, Received, Request, Response
from chatbot.edge.refusal import refuse
from chatbot.edge.webhook import MAX_EVENT_ID, MAX_TIME, ClosedChannels, handle
from tests.fakes.journal import FakeJournal

REQUEST = Request("POST", "/telegram", body=b"some words of a person")


def envelope(
    event_id: str = "1:message", occurred_at: int = 1, conversation: str = "t:1"
) -> Envelope:
    return Envelope("telegram", conversation, event_id, occurred_at, {"text": "words"})


def no_stop(stop: Stop) -> None:
    raise AssertionError


@dataclass
class StubInbound:
    outcome: Received | RequestRefused
    name: str = "telegram"

    def receive(self, request: Request) -> Received:
        if isinstance(self.outcome, RequestRefused):
            raise self.outcome
        return self.outcome


@dataclass
class StubSender:
    up: bool = True
    sent: list[Envelope] = field(default_factory=list)

    def send(self, envelopes: Sequence[Envelope], places: Mapping[TurnKey, int]) -> None:
        if not self.up:
            raise QueueUnavailable("down")
        self.sent.extend(envelopes)


def test_what_was_received_is_queued_counted_and_acknowledged() -> None:
    journal, sender = FakeJournal(), StubSender()
    received = Received((envelope(), envelope("2:message")), ("echo", "read", "echo"))
    assert handle(REQUEST, StubInbound(received), sender, no_stop, journal) == Response()
    assert [sent.event_id for sent in sender.sent] == ["1:message", "2:message"]
    assert journal.metrics["Received", "telegram"] == 2
    assert journal.metrics["Ignored", "telegram"] == 3
    assert ("ignored", {"channel": "telegram", "reason": "echo", "events": 2}) in journal.infos


def test_the_channels_own_answer_is_given() -> None:
    answer = Response(202, "{}")
    received = Received((envelope(),), response=answer)
    assert handle(REQUEST, StubInbound(received), StubSender(), no_stop, FakeJournal()) is answer


@pytest.mark.parametrize("status", [401, 403])
def test_a_forgery_is_refused_counted_and_its_body_kept_out_of_the_log(status: int) -> None:
    journal, sender = FakeJournal(), StubSender()
    response = handle(REQUEST, StubInbound(Forged("signature", status)), sender, no_stop, journal)
    assert response.status == status
    assert not sender.sent
    assert journal.metrics == {("Refused", "telegram"): 1}
    assert "words" not in repr(journal.warnings)


def test_the_unreadable_is_acknowledged_with_a_digest_in_the_log() -> None:
    journal = FakeJournal()
    assert (
        handle(REQUEST, StubInbound(Unreadable("json")), StubSender(), no_stop, journal).status
        == 200
    )
    assert journal.metrics == {("Ignored", "telegram"): 1}
    [(name, facts)] = journal.warnings
    assert name == "unreadable"
    assert facts["digest"] == hashlib.sha256(REQUEST.body).hexdigest()
    assert "words" not in repr(facts)


def test_the_unreadable_is_explained_to_a_page_with_the_time_here() -> None:
    journal = FakeJournal()
    inbound = StubInbound(Unreadable("text must not be empty", 413))
    before = time.time_ns() // 1_000_000
    response = handle(REQUEST, inbound, StubSender(), no_stop, journal, explain=True)
    told = json.loads(response.body)
    assert (response.status, told["error"]) == (413, "text must not be empty")
    assert before <= told["now"] <= time.time_ns() // 1_000_000
    assert journal.metrics == {("Ignored", "telegram"): 1}
    facts = {"channel": "telegram", "reason": "text must not be empty", "events": 1}
    assert (journal.infos, journal.warnings) == ([("ignored", facts)], [])


def test_what_is_refused_before_any_channel_saw_it() -> None:
    """A body that is not as its event says, a GET of the page: no platform sent them."""
    journal = FakeJournal()
    unreadable = refuse(Unreadable("base64"), "webhook", journal)
    assert (unreadable.status, json.loads(unreadable.body)) == (400, {"error": "base64"})
    assert (dict(journal.metrics), journal.infos, journal.warnings) == ({}, [], [])
    forged = refuse(Forged("session"), "web", journal)
    assert (forged.status, json.loads(forged.body)) == (401, {"error": "session"})
    assert journal.metrics == {("Refused", "web"): 1}
    assert journal.warnings == [("refused", {"channel": "web", "reason": "session"})]


def test_a_queue_that_is_down_asks_the_platform_to_come_again() -> None:
    journal = FakeJournal()
    received = Received((envelope(),), response=Response(202))
    response = handle(REQUEST, StubInbound(received), StubSender(up=False), no_stop, journal)
    assert response.status == 503
    assert response.headers["retry-after"] == "2"
    assert not journal.counted("Received")


@pytest.mark.parametrize(
    "odd",
    [
        envelope(occurred_at=-1),
        envelope(occurred_at=MAX_TIME),
        envelope(event_id=""),
        envelope(event_id="x" * (MAX_EVENT_ID + 1)),
        envelope(conversation="é" * 451),
    ],
)
def test_a_key_that_no_table_can_hold_is_dropped_and_the_rest_goes_on(odd: Envelope) -> None:
    journal, sender = FakeJournal(), StubSender()
    received = Received((odd, envelope("good")))
    assert handle(REQUEST, StubInbound(received), sender, no_stop, journal).status == 200
    assert [sent.event_id for sent in sender.sent] == ["good"]
    assert journal.counted("Ignored") == 1


def test_a_channel_that_is_off_says_why_once() -> None:
    journal = FakeJournal()
    closed = ClosedChannels(journal)
    answers = [closed.answer("telegram", "TELEGRAM_BOT_TOKEN") for _ in range(3)]
    assert [answer.status for answer in answers] == [404] * 3
    assert len(journal.warnings) == 1
    assert closed.answer("web", "WEB_SESSION_KEY").status == 404
    assert len(journal.warnings) == 2


STOP = Stop("telegram:42", "", 7)


def test_a_wish_to_stop_is_written_down_and_never_queued() -> None:
    stops: list[Stop] = []
    sender = StubSender()
    received = Received((envelope(),), stops=(STOP,))
    answer = handle(REQUEST, StubInbound(received), sender, stops.append, FakeJournal())
    assert answer.status == 200
    assert stops == [STOP]
    assert len(sender.sent) == 1


def test_a_table_that_does_not_answer_asks_the_platform_to_come_again() -> None:
    def down(stop: Stop) -> None:
        raise HistoryUnavailable("down")

    sender, received = StubSender(), Received((envelope(),), stops=(STOP,))
    response = handle(REQUEST, StubInbound(received), sender, down, FakeJournal())
    assert (response.status, response.headers["retry-after"]) == (503, "2")
    assert not sender.sent


@pytest.mark.parametrize(
    "odd",
    [
        Stop("telegram:42", "", MAX_TIME),
        Stop("telegram:42", "", 10**400),
        Stop("telegram:42", "", -1),
        Stop("telegram:42", "x" * (MAX_EVENT_ID + 1), 7),
        Stop("", "", 7),
    ],
)
def test_a_stop_that_no_table_can_hold_is_dropped_and_not_asked_for_again(odd: Stop) -> None:
    """The table would refuse it each time, and the platform would repeat it for a day."""
    journal, stops = FakeJournal(), list[Stop]()
    received = Received((envelope(),), ("echo",), stops=(odd, STOP))
    sender = StubSender()
    answer = handle(REQUEST, StubInbound(received), sender, stops.append, journal)
    assert (answer.status, stops, len(sender.sent)) == (200, [STOP], 1)
    assert journal.counted("Ignored") == 2


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("wait", [0, 8])
def test_an_access_code_is_judged_before_it_opens(right: bool, wait: int) -> None:
    journal = FakeJournal()
    judged: list[tuple[str, bool]] = []

    def judge(address: str, *, right: bool) -> int:
        judged.append((address, right))
        return wait

    opened = Response(204, "", {"set-cookie": "access=…"})
    received = Received(response=opened if right else None, guess=Guess("a hash", right))
    response = handle(
        Request("POST", "/web/access"),
        StubInbound(received),
        StubSender(),
        no_stop,
        journal,
        explain=True,
        judge=judge,
    )
    assert judged == [("a hash", right)]
    if wait:
        assert (response.status, response.headers["retry-after"]) == (429, "8")
        assert "set-cookie" not in response.headers
        assert journal.warnings == [("refused", {"channel": "telegram", "reason": "code_pause"})]
    elif right:
        assert response == opened
    else:
        assert (response.status, response.body) == (403, '{"error":"code"}')


def test_without_the_table_no_code_opens() -> None:
    def judge(address: str, *, right: bool) -> int:
        raise HistoryUnavailable("away")

    received = Received(response=Response(204), guess=Guess("a hash", True))
    given = (Request("POST", "/web/access"), StubInbound(received), StubSender())
    assert handle(*given, no_stop, FakeJournal(), judge=judge).status == 503
