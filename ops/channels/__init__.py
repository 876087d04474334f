"""What an operator can ask a channel's platform: one module for each channel that has such checks.

`ops.channels.<name>` is found by the channel's name, and is optional.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

from chatbot.bootstrap import channels
from chatbot.channels.description import ChannelDescription
from chatbot.core.settings import Settings
from ops.findings import Finding

SECONDS = 30.0
"""For all calls of one check."""
STORE_A_GOOD_ONE = "store a good one: python -m ops secrets"
REGISTER = "python -m ops register"


@dataclass(frozen=True)
class Checked:
    """A finding, and settings that the platform told on the way."""

    finding: Finding
    learned: tuple[tuple[str, str], ...] = ()


class Checks(Protocol):
    """What a module of this package offers."""

    def token(self, settings: Settings) -> Checked:
        """Whether the channel's token is valid, whose it is, and what it is good for."""

    def webhook(self, settings: Settings, url: str) -> Iterator[Finding]:
        """Whether the platform calls the stack at `url`. Raises PostRefused, AmbiguousPost."""


def checks_of(channel: ChannelDescription) -> Checks | None:
    """The channel's checks, None where it has none."""
    name = f"{__name__}.{channel.name}"
    return cast(Checks, import_module(name)) if find_spec(name) else None


def checks(settings: Settings) -> Iterator[tuple[ChannelDescription, Checks]]:
    """Those of each channel whose token is there."""
    for channel in channels.CHANNELS:
        found = checks_of(channel)
        if found and channel.token and getattr(settings, channel.token):
            yield channel, found
