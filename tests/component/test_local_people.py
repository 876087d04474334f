"""The simulated people, and the settings of the local stack."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chatbot.bootstrap import channels
from chatbot.channels import description
from chatbot.core.settings import load
from chatbot.edge.http import Inbound, Request
from local import config
from local.cli.invoke import signed
from local.cloud.template import ROOT
from local.standins.people import CHANNELS, Person, Post, Signer

ORIGIN = "http://127.0.0.1:8000"
SETTINGS = config.DEVELOPMENT
ADA = Person("ada", Signer(SETTINGS))
INBOUNDS = {each.name: each.inbound for each in channels.CHANNELS}


def _request(post: Post) -> Request:
    cookies = dict([post.headers["cookie"].split("=", 1)]) if "cookie" in post.headers else {}
    headers = {**post.headers, "host": urlsplit(ORIGIN).netloc, "x-forwarded-proto": "http"}
    return Request("POST", post.path, headers, {}, cookies, post.body)


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_a_person_writes_is_authentic_and_theirs(channel: str) -> None:
    inbound: Inbound = description.load(INBOUNDS[channel])(load(SETTINGS))
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


def test_the_shells_own_language_is_not_the_bots(tmp_path: Path) -> None:
    exported = {"LANGUAGE": "de_DE:de", "OPENAI_MODEL": "exported"}
    assert "LANGUAGE" not in config.load(tmp_path, exported)
    (tmp_path / ".env").write_text("LANGUAGE=de\n")
    assert config.load(tmp_path, exported)["LANGUAGE"] == "de"
    assert config.load(tmp_path, exported)["OPENAI_MODEL"] == "exported"


def test_every_development_value_is_a_setting() -> None:
    assert set(config.DEVELOPMENT) <= set(config.load(Path("/nowhere"), {}))


def test_a_sample_of_messenger_is_invoked_as_if_it_had_been_sent_just_now() -> None:
    """What is as old as the sample is ignored."""
    event = json.loads((ROOT / "events/messenger/batch.json").read_text(encoding="utf-8"))
    given = json.loads(event["body"])["entry"][0]["messaging"]
    began = time.time_ns() // 1_000_000
    sent = json.loads(signed(event, Signer(SETTINGS))["body"])["entry"][0]["messaging"]
    later = {new["timestamp"] - old["timestamp"] for new, old in zip(sent, given, strict=True)}
    assert len(later) == 1
    assert max(each["timestamp"] for each in sent) - began in range(60_000)


@pytest.mark.parametrize("body", ["[]", "{", '{"entry": [{"messaging": [{}]}]}', '{"entry": 1}'])
def test_a_body_of_another_form_is_signed_as_it_is(body: str) -> None:
    event = json.loads((ROOT / "events/messenger/text.json").read_text(encoding="utf-8"))
    assert signed({**event, "body": body}, Signer(SETTINGS))["body"] == body
