"""The list of channels: what each row names exists and fulfils its protocol."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from chatbot.bootstrap.channels import CHANNELS
from chatbot.channels.base import BaseChannel, MakeOutbound
from chatbot.channels.description import ChannelDescription, load
from chatbot.channels.messenger.inbound import MessengerInbound
from chatbot.channels.messenger.outbound import MessengerChannel
from chatbot.channels.messenger.registration import MessengerRegistration
from chatbot.channels.registering import MakeRegistration, Registration, Tries
from chatbot.channels.telegram.inbound import TelegramInbound
from chatbot.channels.telegram.outbound import TelegramChannel
from chatbot.channels.telegram.registration import TelegramRegistration
from chatbot.channels.web.inbound import WebInbound
from chatbot.channels.web.outbound import WebChannel
from chatbot.core.ports import Channel
from chatbot.core.settings import Settings, secrets_of
from chatbot.edge.http import Inbound, MakeInbound
from chatbot.net.post import Session
from ops.channels import Checks, checks_of
from ops.channels import messenger as messenger_checks
from ops.channels import telegram as telegram_checks
from tests.services import services

every = pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)

# What the entry points name, as mypy sees it: each is what its side of the bot calls.
INBOUNDS: list[MakeInbound] = [TelegramInbound, MessengerInbound, WebInbound]
OUTBOUNDS: list[MakeOutbound] = [TelegramChannel, MessengerChannel, WebChannel]
REGISTRATIONS: list[MakeRegistration] = [TelegramRegistration, MessengerRegistration]
CHECKS: list[Checks] = [telegram_checks, messenger_checks]


def fulfils(made: object, protocol: type) -> None:
    """Whether each member exists, and each method takes the protocol's arguments by name."""
    for name in (each for each in dir(protocol) if not each.startswith("_")):
        wanted, found = getattr(protocol, name, None), getattr(made, name)
        if callable(wanted):
            asked, takes = inspect.signature(wanted), inspect.signature(found)
            assert [*asked.parameters][1:] == [*takes.parameters], name


@every
def test_the_webhooks_side(channel: ChannelDescription) -> None:
    make = load(channel.inbound)
    assert make in INBOUNDS
    made = make(Settings())
    fulfils(made, Inbound)
    assert made.name == channel.name


@every
def test_the_workers_side(channel: ChannelDescription) -> None:
    make = load(channel.outbound)
    assert make in OUTBOUNDS
    made = make(services())
    fulfils(made, Channel)
    assert made.name == channel.name


@every
def test_the_registration(channel: ChannelDescription) -> None:
    if not channel.registration:
        return
    make = load(channel.registration)
    assert make in REGISTRATIONS
    made = make(Settings(), "https://example.com", Session(), Tries(1))
    fulfils(made, Registration)
    assert not channel.missing(made.needs, Settings(**dict.fromkeys(made.needs, "set")))  # type: ignore[arg-type]
    assert channel.token, "without a token nobody knows whether to register"
    assert checks_of(channel) in CHECKS


def test_a_channel_without_defaults_of_its_own_is_whole() -> None:
    """BaseChannel leaves to its subclasses only what every channel must have."""
    members = {name for name in dir(Channel) if not name.startswith("_")}
    assert {name for name in members if not hasattr(BaseChannel, name)} == {
        "name",
        "post",
        "read",
        "split",
    }


@every
def test_each_function_may_read_what_a_channel_needs_there(channel: ChannelDescription) -> None:
    secrets = {
        name for function in ("webhook", "worker", "web", "setup") for name in secrets_of(function)
    }
    for function, needs in (("webhook", channel.webhook_needs), ("worker", channel.worker_needs)):
        named = {name.upper() for name in needs}
        assert named & secrets <= set(secrets_of(function))
    for name in (*channel.webhook_needs, *channel.worker_needs, *channel.platform_settings):
        assert hasattr(Settings, name)
    assert {name.upper() for name in channel.generated_secrets} <= secrets


def test_names_and_routes_are_each_channels_own() -> None:
    routes = [route for channel in CHANNELS for route in channel.routes]
    assert len(set(routes)) == len(routes)
    for names in ([c.name for c in CHANNELS], [c.title for c in CHANNELS]):
        assert len(set(names)) == len(CHANNELS)


def test_every_channels_folder_is_on_the_list() -> None:
    folder = Path(inspect.getfile(ChannelDescription)).parent
    described = {path.parent.name for path in folder.glob("*/description.py")}
    assert described == {channel.name for channel in CHANNELS}


def test_every_check_belongs_to_a_channel() -> None:
    folder = Path(inspect.getfile(Checks)).parent
    checks = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert checks <= {channel.name for channel in CHANNELS}


def test_the_list_loads_no_side_of_any_channel() -> None:
    program = "import sys, chatbot.bootstrap.channels; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    ours = {each for each in done.stdout.decode().split() if each.startswith("chatbot.")}
    allowed = {"chatbot.bootstrap", "chatbot.bootstrap.channels", "chatbot.channels"}
    assert {each for each in ours - allowed if each.rpartition(".")[2] != "description"} == {
        f"chatbot.channels.{channel.name}" for channel in CHANNELS
    }
