"""Register the stack's webhooks and the bot's commands with the platforms, and unregister them.

The result is one short text for each channel's title: `registered @name`, `off: no token` or
`failed: …`, without secrets. These texts are outputs of the CloudFormation stack.
"""

from __future__ import annotations

from collections.abc import Callable

from chatbot.bootstrap import channels
from chatbot.channels.description import ChannelDescription, load
from chatbot.channels.registering import MakeRegistration, Registration, Tries, without_secrets
from chatbot.core.errors import ChatbotError, PostRefused
from chatbot.core.settings import Settings
from chatbot.net.post import Session


def channels_to_register() -> list[ChannelDescription]:
    """Return the channels that have to be registered with their platform."""
    return [channel for channel in channels.CHANNELS if channel.registration]


def register(settings: Settings, url: str, session: Session, seconds: float) -> dict[str, str]:
    """Register the stack at `url` with every platform that has a token, within `seconds`.

    Returns a report for each channel's title; errors of a platform are reports, not raised.
    """

    def step(channel: ChannelDescription, registration: Registration) -> str:
        if not getattr(settings, channel.token):
            return "off: no token"
        missing = channel.missing(registration.needs, settings)
        if missing:
            raise PostRefused(f"{', '.join(missing)} not set")
        return f"registered {registration.register()}"

    return _reports(step, settings, url, session, seconds)


def unregister(settings: Settings, url: str, session: Session, seconds: float) -> dict[str, str]:
    """Unregister the stack at `url` where the platform still calls it, within `seconds`.

    A platform that calls another stack by now stays as it is. Returns reports as `register` does.
    """

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
    for channel in channels_to_register():
        make: MakeRegistration = load(channel.registration)
        try:
            report = step(channel, make(settings, url.rstrip("/"), session, tries))
        except (ChatbotError, LookupError, TypeError) as error:
            reason = str(error) if isinstance(error, ChatbotError) else "unexpected answer"
            report = f"failed: {without_secrets(settings, reason)}"
        reports[channel.title] = report
    return reports
