"""Checks of a channel's token and webhook at its platform: one optional module for each channel.

The module `ops.channels.<name>` is found by the channel's name.
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
from ops.findings import OPS, Finding

SECONDS = 30.0
"""Longest time for all calls of one check."""
STORE_A_VALID_ONE = f"store a valid one (it asks again): {OPS} secrets"
REGISTER = f"{OPS} register"


@dataclass(frozen=True)
class Checked:
    """A finding, and settings that the platform's answer gave, as pairs of name and value."""

    finding: Finding
    learned: tuple[tuple[str, str], ...] = ()


class Checks(Protocol):
    """What a channel's module in this package has: the checks of its token and of its webhook."""

    def token(self, settings: Settings) -> Checked:
        """Check that the channel's token is valid, whose it is, and what it permits."""

    def webhook(self, settings: Settings, url: str) -> Iterator[Finding]:
        """Check that the platform sends events to the stack at `url`.

        Raises PostRefused, AmbiguousPost.
        """


def checks_of(channel: ChannelDescription) -> Checks | None:
    """Return the channel's checks, None where it has none."""
    name = f"{__name__}.{channel.name}"
    return cast(Checks, import_module(name)) if find_spec(name) else None


def checks(settings: Settings) -> Iterator[tuple[ChannelDescription, Checks]]:
    """Yield each channel whose token is set and that has checks, with them."""
    for channel in channels.CHANNELS:
        found = checks_of(channel)
        if found and channel.token and getattr(settings, channel.token):
            yield channel, found
