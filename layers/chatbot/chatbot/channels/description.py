"""What the rest of the bot knows of a channel: its name, routes, settings and classes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatbot.core.settings import Settings


@dataclass(frozen=True)
class ChannelDescription:
    """One channel, said once: the row of `bootstrap.channels.CHANNELS`.

    Classes are named by entry points (`package.module:attribute`, the form of Python's packaging
    metadata) and imported by `load` when they are used, so that the webhook never loads what
    posts. A channel of two files is

        ChannelDescription(
            name="toy",
            title="Toy",
            routes=("POST /toy",),
            inbound="chatbot.channels.toy.inbound:ToyInbound",
            outbound="chatbot.channels.toy.outbound:ToyChannel",
        )

    Settings are named as fields of `Settings` (`telegram_bot_token`).
    """

    name: str
    """In conversations (`telegram:42`), stored turns, logs and metrics: never changes."""
    title: str
    """For people: in findings and, where there is a registration, the stack's outputs."""
    routes: tuple[str, ...]
    """Method and path of each request that the webhook passes on, as the template has them."""
    inbound: str
    """Of a `MakeInbound` (edge.http): the webhook's side."""
    outbound: str
    """Of a `MakeOutbound` (channels.base): the worker's side."""
    registration: str = ""
    """Of a `MakeRegistration` (channels.registering); "" when nobody must be told of the stack."""
    webhook_needs: tuple[str, ...] = ()
    """Settings without which the webhook answers 404."""
    worker_needs: tuple[str, ...] = ()
    """Settings without which the worker has no such channel."""
    explains_refusals: bool = False
    """How an authentic but unreadable request is answered: with its 4xx and the reason, which a
    page can show, or with 200, since a platform would repeat what it got a 4xx for."""
    token: str = ""
    """The secret that says that the operator wants the channel: without it nothing else of the
    channel is missed. "" when the channel has no operator's token."""
    given: tuple[str, ...] = ()
    """Settings beside the token that an operator copies from the platform."""
    made: tuple[str, ...] = ()
    """Secrets that nobody hands out: `ops secrets` makes them."""

    def missing(self, needs: tuple[str, ...], settings: Settings) -> list[str]:
        """Those of `needs` that are not set, by the names that operators know."""
        return [need.upper() for need in needs if not getattr(settings, need)]


def load(entry_point: str) -> Any:
    """What `package.module:attribute` names. Raises ImportError, AttributeError."""
    module, _, attribute = entry_point.partition(":")
    return getattr(import_module(module), attribute)
