"""What is known about a failed call, and what an error text may contain."""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from chatbot.channels.posts import best_effort
from chatbot.core.errors import AmbiguousPost, ChatbotError, PostRefused
from chatbot.net import post as posting
from chatbot.net.post import Answer, Session, send
from tests.fakes.journal import FakeJournal

Talk = Callable[[socket.socket], None]
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + b'{"ok": true}'


@pytest.fixture
def session() -> Iterator[Session]:
    with Session() as session:
        yield session


@contextmanager
def listening(*talks: Talk) -> Iterator[str]:
    """Run a server whose n-th connection is handled by the n-th function."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            for talk in talks:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(10)
                    talk(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def answering(*answers: bytes) -> Talk:
    """Answer requests of one connection in turn, then close it."""

    def talk(connection: socket.socket) -> None:
        for answer in answers:
            connection.recv(65536)
            connection.sendall(answer)

    return talk


def failure(session: Session, url: str, timeout: float = 5) -> ChatbotError:
    with pytest.raises(ChatbotError) as caught:
        send(session, "POST", url, timeout=timeout, fields={"text": "words"})
    return caught.value


@pytest.fixture
def nobody() -> str:
    """A URL at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def test_a_good_answer(session: Session) -> None:
    with listening(answering(GOOD)) as url:
        assert send(session, "POST", url, timeout=5) == Answer(200, {"ok": True}, None)


def test_a_refused_connection_surely_left_nothing(session: Session, nobody: str) -> None:
    assert type(failure(session, nobody)) is PostRefused


@pytest.mark.parametrize("url", ["http://nowhere.invalid/", "http://[/", "nowhere", "", "ftp://x/"])
def test_an_address_without_a_server_surely_left_nothing(session: Session, url: str) -> None:
    assert type(failure(session, url)) is PostRefused


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"no http at all\r\n\r\n",
    ],
    ids=["hung up", "cut", "cut chunk", "nonsense"],
)
def test_a_connection_that_broke_is_ambiguous(session: Session, answer: bytes) -> None:
    with listening(answering(answer)) as url:
        assert type(failure(session, url)) is AmbiguousPost


def test_no_answer_in_time_is_ambiguous(session: Session) -> None:
    done = threading.Event()

    def stay(connection: socket.socket) -> None:
        done.wait(10)

    with listening(stay) as url:
        assert type(failure(session, url, timeout=0.3)) is AmbiguousPost
        done.set()


def test_a_kept_connection_that_breaks_is_ambiguous(session: Session) -> None:
    with listening(answering(GOOD, b"")) as url:
        send(session, "POST", url, timeout=5)
        assert type(failure(session, url)) is AmbiguousPost


def test_connections_are_kept_until_they_idled(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    after: list[bytes] = []

    def twice(connection: socket.socket) -> None:
        answering(GOOD, GOOD)(connection)
        after.append(connection.recv(65536))

    with listening(twice, answering(GOOD)) as url:
        send(session, "POST", url, timeout=5)
        send(session, "POST", url, timeout=5)
        monkeypatch.setattr(posting, "_IDLE_SECONDS", -1)
        send(session, "POST", url, timeout=5)
    assert after == [b""]


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        (Answer(200, {}, None), None),
        (Answer(400, None, None), None),
        (Answer(200, None, None), AmbiguousPost),
        (Answer(500, {}, None), AmbiguousPost),
        (Answer(429, {}, 7), PostRefused),
        (Answer(302, None, None), PostRefused),
    ],
)
def test_what_a_status_means_everywhere(answer: Answer, meant: type[ChatbotError] | None) -> None:
    refusal = answer.refusal()
    assert type(refusal) is (meant or type(None))
    if isinstance(refusal, PostRefused):
        assert refusal.retry_after == answer.retry_after


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("", None), ("soon", None), ("-1", None), ("9" * 99, None)]
)
def test_retry_after_is_in_seconds(session: Session, header: str, seconds: float | None) -> None:
    lines = f"HTTP/1.1 429 No\r\nRetry-After: {header}\r\nContent-Length: 0\r\n\r\n"
    with listening(answering(lines.encode())) as url:
        assert send(session, "POST", url, timeout=5) == Answer(429, None, seconds)


def test_redirects_are_not_followed(session: Session, nobody: str) -> None:
    moved = f"HTTP/1.1 302 Found\r\nLocation: {nobody}\r\nContent-Length: 0\r\n\r\n"
    with listening(answering(moved.encode())) as url:
        assert send(session, "POST", url, timeout=5).status == 302


def test_neither_text_nor_cause_nor_log_holds_the_address(
    session: Session, nobody: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with listening(answering(b""), answering(GOOD)) as url:
        errors = [failure(session, f"{base}/bot99:token/sendMessage") for base in (url, nobody)]
        send(session, "POST", f"{url}/bot99:token/sendMessage", timeout=5)
    told = "".join("".join(traceback.format_exception(error)) for error in errors)
    assert "99:token" not in told + caplog.text
    assert all(error.__suppress_context__ and error.__cause__ is None for error in errors)


def test_a_failed_best_effort_call_is_logged_and_not_raised() -> None:
    journal = FakeJournal()

    def refused(limit: float) -> Answer:
        raise PostRefused("Timeout")

    best_effort("telegram", "typing", refused, journal)
    best_effort("telegram", "typing", lambda limit: Answer(400, {}, None), journal)
    best_effort("telegram", "typing", lambda limit: Answer(200, {}, None), journal)
    assert [facts["reason"] for _, facts in journal.infos] == ["Timeout", "status 400"]
