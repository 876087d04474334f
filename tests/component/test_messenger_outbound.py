"""What is sent to Messenger, and how its responses are understood, with the stand-in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from chatbot.channels.messenger.outbound import TEXT_LIMIT, MessengerChannel
from chatbot.core.errors import (
    AmbiguousPost,
    ChatbotError,
    CredentialRefused,
    PostRefused,
    Undeliverable,
)
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Kind, Message
from chatbot.core.ports import Channel, Settling
from chatbot.core.settings import Settings
from chatbot.core.turn import Button, Origin, Part, Reply, State, Turn
from chatbot.net.post import Session
from local.http.server import Running, serve
from local.standins.faults import Fault
from local.standins.graph import GraphStandIn
from tests.fakes.clock import NOON
from tests.fakes.journal import FakeJournal
from tests.services import services

PAGE, TOKEN, PSID = "2000", "a-page-token", "77"
KEY = TurnKey.of(f"messenger:{PSID}", NOON, "m1:message")


@pytest.fixture
def graph() -> GraphStandIn:
    stand_in = GraphStandIn("1000", "an app secret", PAGE, TOKEN)
    stand_in.require_proof = True
    return stand_in


@pytest.fixture
def server(graph: GraphStandIn) -> Iterator[Running]:
    with closing(serve(graph)) as running:
        yield running


@pytest.fixture
def settings(server: Running) -> Settings:
    return Settings(
        messenger_page_token=TOKEN,
        messenger_app_secret="an app secret",
        messenger_page_id=PAGE,
        graph_api_url=f"{server.url}/v26.0",
    )


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


@pytest.fixture
def channel(settings: Settings, journal: FakeJournal) -> Iterator[MessengerChannel]:
    with Session() as session:
        yield MessengerChannel(services(settings, journal), session)


@pytest.fixture
def turn() -> Turn:
    return Turn(
        key=KEY,
        channel="messenger",
        author=Author(PSID),
        text="Hi",
        reply=Reply("Hello"),
        state=State.SENDING,
        origin=Origin.MODEL,
        opened_at=time.time_ns() // 1_000_000,
    )


MESSAGE = Message(KEY, "messenger", Kind.TEXT, "Hi", Author(PSID))


def page_wrote(mid: str, text: str, seconds: int) -> dict[str, object]:
    return {
        "id": mid,
        "created_time": f"2026-11-21T12:00:{seconds:02d}+0000",
        "from": {"id": PAGE},
        "message": text,
    }


def shown(*messages: dict[str, object]) -> Fault:
    """Have the next read of the conversation return these, newest first."""
    body = json.dumps({"data": [{"messages": {"data": messages}}]})
    return Fault("malformed", match="GET conversations", body=body)


def failure(channel: MessengerChannel, turn: Turn) -> ChatbotError:
    with pytest.raises(ChatbotError) as caught:
        channel.post(turn, Part("Hello"))
    return caught.value


def test_it_is_a_channel_that_can_be_read_back(channel: MessengerChannel) -> None:
    port: Channel = channel
    assert (port.name, port.settling) == ("messenger", Settling.READ_BACK)


def test_a_post(graph: GraphStandIn, channel: MessengerChannel, turn: Turn) -> None:
    posted = channel.post(turn, Part("Grüße 👋"))
    [call] = graph.accepted
    assert call.params == {
        "recipient": {"id": PSID},
        "messaging_type": "RESPONSE",
        "message": {"text": "Grüße 👋", "metadata": "chatbot:m1:message"},
    }
    assert posted == call.result["message_id"]


def test_parts_are_of_the_length_that_messenger_takes(
    graph: GraphStandIn, channel: MessengerChannel, turn: Turn
) -> None:
    parts = channel.split(Reply("x" * (TEXT_LIMIT + 1)))
    for part in parts:
        channel.post(turn, part)
    assert [len(part.text) for part in parts] == [TEXT_LIMIT, 1]


def test_there_is_no_place_for_drafts(graph: GraphStandIn, channel: MessengerChannel) -> None:
    assert not channel.preview(MESSAGE, "so far")
    assert graph.accepted == []


def test_typing_and_acknowledgement(graph: GraphStandIn, channel: MessengerChannel) -> None:
    channel.acknowledge(MESSAGE)
    channel.show_typing(MESSAGE)
    assert [call.params["sender_action"] for call in graph.accepted] == ["mark_seen", "typing_on"]


@pytest.mark.parametrize("kind", ["status", "hang_up_before", "malformed"])
def test_a_failed_typing_action_raises_nothing(
    kind: str, graph: GraphStandIn, channel: MessengerChannel, journal: FakeJournal
) -> None:
    graph.faults.add(Fault(kind, times=2))  # type: ignore[arg-type]
    channel.acknowledge(MESSAGE)
    channel.show_typing(MESSAGE)
    assert [facts["call"] for _, facts in journal.infos] == ["mark_seen", "typing_on"]


def coded(status: int, code: str, retry_after: int | None = None) -> Fault:
    return Fault("status", status=status, code=code, retry_after=retry_after)


@pytest.mark.parametrize(
    ("fault", "meant", "reason"),
    [
        (coded(403, "10/2018278"), Undeliverable, "outside_window"),
        (coded(403, "10/2018108"), Undeliverable, "unavailable"),
        (coded(400, "200/1545041"), Undeliverable, "unavailable"),
        (coded(400, "551/1545041"), Undeliverable, "unavailable"),
        (coded(400, "551"), Undeliverable, "unavailable"),
        (coded(400, "100/2018001"), Undeliverable, "no_such_user"),
        (coded(400, "100"), Undeliverable, "bad_request"),
        (coded(401, "190"), CredentialRefused, "code 190"),
        (coded(403, "200"), CredentialRefused, "code 200"),
        (coded(403, "10/2018028"), CredentialRefused, "code 10"),
        (coded(500, "1"), AmbiguousPost, "code 1"),
        (coded(400, "2"), AmbiguousPost, "code 2"),
        (coded(500, "1200"), AmbiguousPost, "code 1200"),
        *((coded(400, code), PostRefused, f"code {code}") for code in ("4", "17", "32")),
        (coded(400, "613", 7), PostRefused, "code 613"),
        (coded(400, "80006", 0), PostRefused, "code 80006"),
        (Fault("status", status=429, body="{}", retry_after=2), PostRefused, "status 429"),
        (Fault("status", status=503, body="<html>"), AmbiguousPost, "status 503"),
        (Fault("status", status=400, body='{"error":"odd"}'), Undeliverable, "bad_request"),
        (Fault("malformed"), AmbiguousPost, "status 200"),
        (Fault("malformed", body='{"message_id":7}'), AmbiguousPost, "answer without"),
        (Fault("hang_up_after"), AmbiguousPost, "ProtocolError"),
        (Fault("reset"), AmbiguousPost, "ProtocolError"),
    ],
    ids=str,
)
def test_what_an_answer_means(
    fault: Fault,
    meant: type[ChatbotError],
    reason: str,
    graph: GraphStandIn,
    channel: MessengerChannel,
    turn: Turn,
) -> None:
    graph.faults.add(fault)
    error = failure(channel, turn)
    assert type(error) is meant
    assert str(error).startswith(reason)
    assert getattr(error, "retry_after", None) == fault.retry_after
    assert len(graph.faults.fired) == 1  # nothing was repeated


def test_a_wrong_token(settings: Settings, journal: FakeJournal, turn: Turn) -> None:
    with Session() as session:
        wrong = replace(settings, messenger_page_token="revoked")
        error = failure(MessengerChannel(services(wrong, journal), session), turn)
    assert isinstance(error, CredentialRefused)
    assert "revoked" not in repr(error)


def test_a_post_is_found_by_its_text_time_and_id(
    graph: GraphStandIn, channel: MessengerChannel, turn: Turn
) -> None:
    posted = channel.post(turn, Part("Hello"))
    again = channel.post(turn, Part("Hello"))
    assert channel.find_posted(turn, Part("Hello"), ()) in (posted, again)
    assert channel.find_posted(turn, Part(" Hello\n"), {posted}) == again
    assert channel.find_posted(turn, Part("Hello"), {posted, again}) is None
    assert channel.find_posted(turn, Part("Hell"), ()) is None
    later = replace(turn, opened_at=turn.opened_at + 5000)
    assert channel.find_posted(later, Part("Hello"), ()) is None


def test_the_oldest_of_equal_posts_that_nobody_recorded(
    graph: GraphStandIn, channel: MessengerChannel, turn: Turn
) -> None:
    posts = [page_wrote(f"m{seconds}", "Hello", seconds) for seconds in (4, 3, 2)]
    graph.faults.add(shown(*posts))
    assert channel.find_posted(replace(turn, opened_at=NOON), Part("Hello"), {"m2"}) == "m3"


@pytest.mark.parametrize(("opened_at", "found"), [(2999, "m2"), (3000, None)])
def test_created_times_are_whole_seconds(
    opened_at: int, found: str | None, graph: GraphStandIn, channel: MessengerChannel, turn: Turn
) -> None:
    graph.faults.add(shown(page_wrote("m2", "Hello", 2)))
    opened = replace(turn, opened_at=NOON + opened_at)
    assert channel.find_posted(opened, Part("Hello"), ()) == found


def test_what_the_person_wrote_does_not_count(
    graph: GraphStandIn, channel: MessengerChannel, turn: Turn
) -> None:
    graph.person_wrote(PSID, "m1", "Hello", turn.opened_at)
    assert channel.find_posted(turn, Part("Hello"), ()) is None


def test_the_form_may_change_while_the_page_has_posted_nothing(
    graph: GraphStandIn, channel: MessengerChannel, turn: Turn
) -> None:
    graph.person_wrote(PSID, "m1", "Hello", turn.opened_at)
    assert channel.may_change_form(turn, ())
    posted = channel.post(turn, Part("any words"))
    assert not channel.may_change_form(turn, ())
    assert channel.may_change_form(turn, {posted})
    assert channel.may_change_form(replace(turn, opened_at=turn.opened_at + 5000), ())
    graph.faults.add(coded(500, "2"))
    with pytest.raises(PostRefused):
        channel.may_change_form(turn, ())


def test_a_plain_answer_is_posted_as_it_is_written(channel: MessengerChannel) -> None:
    parts = channel.split(Reply("*a* [b](https://c.de)\n\n" * 200, plain=True))
    assert "\n\n".join(part.text for part in parts) == ("*a* [b](https://c.de)\n\n" * 200).strip()


@pytest.mark.parametrize(
    "fault",
    [
        coded(400, "613"),
        coded(500, "2"),
        coded(400, "100/2018001"),
        Fault("hang_up_before"),
        Fault("malformed"),
        Fault("malformed", body='{"data":[{"messages":{"data":[{"id":"m1"}]}}]}'),
        Fault("malformed", body='{"data":[{"id":"t1"}]}'),
    ],
    ids=str,
)
def test_a_read_back_that_failed_posts_nothing(
    fault: Fault, graph: GraphStandIn, channel: MessengerChannel, turn: Turn
) -> None:
    graph.faults.add(fault)
    with pytest.raises(PostRefused):
        channel.find_posted(turn, Part("Hello"), ())


def test_buttons_are_quick_replies_of_the_last_part(
    graph: GraphStandIn, channel: MessengerChannel, turn: Turn
) -> None:
    buttons = (Button("Start fresh", "/new fresh"), Button("Früheres", "/new earlier"))
    first, last = channel.split(Reply("word " * 500, buttons))
    assert (first.buttons, last.buttons) == ((), buttons)
    channel.post(turn, last)
    assert graph.accepted[0].params["message"]["quick_replies"] == [
        {"content_type": "text", "title": "Start fresh", "payload": "/new fresh"},
        {"content_type": "text", "title": "Früheres", "payload": "/new earlier"},
    ]


def test_the_earlier_conversation_becomes_turns(
    graph: GraphStandIn, channel: MessengerChannel
) -> None:
    """Oldest first, each with its own key, only those before the message and none too old."""
    now = time.time_ns() // 1_000_000
    message = said(now)
    day = 86_400_000
    graph.person_wrote(PSID, "m1", "too old", now - day - 5000)
    graph.person_wrote(PSID, "m2", "Open?", now - 8000)
    graph.page_wrote(PSID, "m3", "Yes.", now - 6000)
    graph.person_wrote(PSID, "m4", "", now - 4000)
    graph.person_wrote(PSID, "m5", "Hello", now)
    graph.person_wrote(PSID, "m6", "later", now + 2000)
    earlier = channel.earlier(message, 10)
    assert [(turn.text, turn.origin, turn.posted) for turn in earlier] == [
        ("Open?", Origin.MODEL, ()),
        ("Yes.", Origin.STAFF, ("m3",)),
    ]
    assert {turn.state for turn in earlier} == {State.DELIVERED}
    assert all(turn.key < message.key for turn in earlier)
    assert channel.earlier(message, 1) == earlier[1:]
    assert channel.earlier(message, 10) == earlier


def test_an_earlier_conversation_that_nobody_tells_is_refused(
    graph: GraphStandIn, channel: MessengerChannel
) -> None:
    graph.faults.add(Fault("malformed"))
    with pytest.raises(PostRefused):
        channel.earlier(said(NOON), 10)


def said(at_ms: int) -> Message:
    key = TurnKey.of(f"messenger:{PSID}", at_ms, "m5:message")
    return Message(key, "messenger", Kind.TEXT, "Hello", Author(PSID))
