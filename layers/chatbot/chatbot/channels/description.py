"""Describes a channel to the rest of the bot: its name, routes, settings and classes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatbot.core.settings import Settings


@dataclass(frozen=True)
class ChannelDescription:
    """Everything that the bot has to know of a channel; listed in `bootstrap.channels.CHANNELS`.

    Classes are named by entry points (`package.module:attribute`, as in Python's packaging
    metadata). `load` imports them when they are used, so the webhook never imports outbound code.
    A channel that consists of two modules:

        ChannelDescription(
            name="toy",
            title="Toy",
            routes=("POST /toy",),
            inbound="chatbot.channels.toy.inbound:ToyInbound",
            outbound="chatbot.channels.toy.outbound:ToyChannel",
        )

    Settings are named by their fields in `Settings` (`telegram_bot_token`).
    """

    name: str
    """Part of conversation ids (`telegram:42`), stored turns, logs and metrics; never change it."""
    title: str
    """Name for people: in the operator's commands and in outputs of the stack."""
    routes: tuple[str, ...]
    """Method and path of each request that the webhook passes to it, as in template.yaml."""
    inbound: str
    """Entry point of a `MakeInbound` (edge.http), used by the webhook."""
    outbound: str
    """Entry point of a `MakeOutbound` (channels.base), used by the worker."""
    registration: str = ""
    """Entry point of a `MakeRegistration` (channels.registering); "" when no platform has to know
    the stack's URL."""
    webhook_needs: tuple[str, ...] = ()
    """Settings without which the webhook answers 404 on its routes."""
    worker_needs: tuple[str, ...] = ()
    """Settings without which the worker does not load the channel."""
    explains_refusals: bool = False
    """Whether an authentic but unreadable request gets a 4xx with the reason, which a page can
    show, or an empty 200: a platform would repeat a request that got a 4xx."""
    token: str = ""
    """The secret from the platform that turns the channel on: without it, `ops` reports no other
    setting of the channel as missing. "" when the channel needs no token."""
    platform_settings: tuple[str, ...] = ()
    """Further settings that the operator copies from the platform."""
    generated_secrets: tuple[str, ...] = ()
    """Secrets that `ops secrets` generates."""

    def missing(self, needs: tuple[str, ...], settings: Settings) -> list[str]:
        """Return those of `needs` that are not set, in upper case as the operator sets them."""
        return [need.upper() for need in needs if not getattr(settings, need)]


def load(entry_point: str) -> Any:
    """Import `package.module:attribute`. Raises ImportError, AttributeError."""
    module, _, attribute = entry_point.partition(":")
    return getattr(import_module(module), attribute)
