"""Tells the platforms where the stack is and what its bot can do, and takes that back.

Reports are one short text by the channel's title: `registered @name`, `off: no token`,
`failed: …`; none holds a secret. They are the stack's outputs.
"""

from __future__ import annotations

from collections.abc import Callable

from chatbot.bootstrap import channels
from chatbot.channels.description import ChannelDescription, load
from chatbot.channels.registering import MakeRegistration, Registration, Tries, without_secrets
from chatbot.core.errors import ChatbotError, PostRefused
from chatbot.core.settings import Settings
from chatbot.net.post import Session


def registered() -> list[ChannelDescription]:
    """The channels whose platforms are told of the stack."""
    return [channel for channel in channels.CHANNELS if channel.registration]


def register(settings: Settings, url: str, session: Session, seconds: float) -> dict[str, str]:
    """Register the stack at `url` wherever there is a token, within `seconds`."""

    def step(channel: ChannelDescription, registration: Registration) -> str:
        if not getattr(settings, channel.token):
            return "off: no token"
        missing = channel.missing(registration.needs, settings)
        if missing:
            raise PostRefused(f"{', '.join(missing)} not set")
        return f"registered {registration.register()}"

    return _reports(step, settings, url, session, seconds)


def unregister(settings: Settings, url: str, session: Session, seconds: float) -> dict[str, str]:
    """Only what still points to the stack at `url`: another may have taken over since."""

    def step(channel: ChannelDescription, registration: Registration) -> str:
        if not getattr(settings, channel.token) or not registration.points_here():
            return "off: nothing points here"
        registration.unregister()
        return "unregistered"

    return _reports(step, settings, url, session, seconds)


def _reports(
    step: Callable[[ChannelDescription, Registration], str],
    settings: Settings,
    url: str,
    session: Session,
    seconds: float,
) -> dict[str, str]:
    tries, reports = Tries(seconds), {}
    for channel in registered():
        make: MakeRegistration = load(channel.registration)
        try:
            report = step(channel, make(settings, url.rstrip("/"), session, tries))
        except (ChatbotError, LookupError, TypeError) as error:
            reason = str(error) if isinstance(error, ChatbotError) else "unexpected answer"
            report = f"failed: {without_secrets(settings, reason)}"
        reports[channel.title] = report
    return reports
