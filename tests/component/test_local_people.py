"""People, their settings and what the console shows of them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chatbot.channels.messenger.inbound import MessengerInbound
from chatbot.channels.telegram.inbound import TelegramInbound
from chatbot.channels.web.inbound import WebInbound
from chatbot.core.settings import load
from chatbot.edge.http import Inbound, Request
from local import config
from local.cli.console import LineWriter, Pretty
from local.http.recorder import Recorder
from local.standins.people import CHANNELS, Person, Post, Signer

ORIGIN = "http://127.0.0.1:8000"
SETTINGS = config.DEVELOPMENT
ADA = Person("ada", Signer(SETTINGS))
INBOUNDS = {"telegram": TelegramInbound, "messenger": MessengerInbound, "web": WebInbound}


def _request(post: Post) -> Request:
    cookies = dict([post.headers["cookie"].split("=", 1)]) if "cookie" in post.headers else {}
    headers = {**post.headers, "host": urlsplit(ORIGIN).netloc, "x-forwarded-proto": "http"}
    return Request("POST", post.path, headers, {}, cookies, post.body)


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_a_person_writes_is_authentic_and_theirs(channel: str) -> None:
    inbound: Inbound = INBOUNDS[channel](load(SETTINGS))
    post = ADA.write(channel, "Hello", ORIGIN)
    (envelope,) = inbound.receive(_request(post)).envelopes
    assert envelope.conversation == ADA.conversation(channel)
    assert envelope.event_id == f"{post.marker}:message"


def test_a_name_is_the_same_person_each_time() -> None:
    again, other = Person("ada", ADA.signer), Person("bob", ADA.signer)
    for channel in CHANNELS:
        assert again.conversation(channel) == ADA.conversation(channel)
        assert other.conversation(channel) != ADA.conversation(channel)


def test_messages_rise() -> None:
    markers = [ADA.telegram("Hello").marker for _ in range(50)]
    assert markers == sorted(set(markers))


def test_settings_come_from_environment_then_file_then_development(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_MODEL=of-the-file\nHISTORY_TURNS=3\nWEB_SESSION_KEY=\n")
    settings = config.load(tmp_path, {"OPENAI_MODEL": "of-the-environment", "UNKNOWN": "1"})
    assert settings["OPENAI_MODEL"] == "of-the-environment"
    assert settings["HISTORY_TURNS"] == "3"
    assert settings["WEB_SESSION_KEY"] == config.DEVELOPMENT["WEB_SESSION_KEY"]
    assert "TELEGRAM_API_URL" not in settings
    assert "UNKNOWN" not in settings


def test_every_development_value_is_a_setting() -> None:
    assert set(config.DEVELOPMENT) <= set(config.load(Path("/nowhere"), {}))


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def test_the_console_shows_a_log_line_readably(out: io.StringIO) -> None:
    line = {
        "level": "WARNING",
        "location": "f:1",
        "message": "held",
        "timestamp": "2026-11-21 03:27:56,123+0000",
        "service": "worker",
        "channel": "telegram",
        "bytes": 12,
    }
    Pretty(out).line(json.dumps(line))
    assert out.getvalue().split() == [
        "03:27:56.123",
        "worker",
        "held",
        "WARNING",
        "channel=telegram",
        "bytes=12",
    ]


def test_the_console_leaves_out_metrics_and_the_emulator(out: io.StringIO) -> None:
    for line in ('{"_aws": {}, "Received": 1}', "START RequestId: 1 Version: $LATEST", " "):
        Pretty(out).line(line)
    assert out.getvalue() == ""
    Pretty(out).line("Traceback (most recent call last):")
    assert out.getvalue() == "Traceback (most recent call last):\n"


def test_the_console_shows_a_hop_without_its_words(out: io.StringIO) -> None:
    recorder = Recorder()
    recorder.listen(Pretty(out).record)
    recorder.add("telegram", "sendMessage", 0, 200, b"words asked", b"words answered")
    recorder.add("graph", "POST messages", 0, 0, b"", b"")
    first, second = out.getvalue().splitlines()
    assert "sendMessage" in first
    assert "11 → 14 B" in first
    assert "hung up" in second
    assert "words" not in out.getvalue()


def test_whole_lines_are_handed_on() -> None:
    lines: list[str] = []
    writer = LineWriter(lines.append)
    print("one", "line", file=writer)
    writer.write("two\nhalf")
    assert lines == ["one line", "two"]
