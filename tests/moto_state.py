"""Save and restore moto's state in this process, so that every test finds the stack as created.

moto takes as long to create the template's stack as the tests that use it take; restoring a copy
takes a millisecond. Everything that a test left is removed, as moto's state is reset first.
"""

from __future__ import annotations

import copy
from typing import Any

from moto.core.base_backend import AccountSpecificBackend, BackendDict, BaseBackend
from moto.sqs.models import SQSBackend


class MotoState:
    """A copy of moto's present state in all services, accounts and regions."""

    def __init__(self) -> None:
        self._places: list[tuple[BackendDict[Any], str, str, BaseBackend]] = [
            (service, account, region, backend)
            for service in BackendDict._instances  # type: ignore[misc]
            for account, region, backend in service.iter_backends()
        ]
        self._contents = self._copied([backend.__dict__ for *_, backend in self._places])

    def restore(self) -> None:
        """Replace moto's state by this one. Clients that exist already keep working."""
        BackendDict.reset()
        contents = self._copied(self._contents)
        for (service, account, region, backend), content in zip(
            self._places, contents, strict=True
        ):
            regions: AccountSpecificBackend[Any] = service[account]
            regions[region] = backend
            backend.__dict__ = content

    def _copied(self, contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Copy everything at once, as a stack refers to its tables and queues."""
        # A queue's lock cannot be copied. It is never held between tests.
        kept: list[Any] = [backend for *_, backend in self._places]
        for (*_, backend), content in zip(self._places, contents, strict=True):
            if isinstance(backend, SQSBackend):
                kept += [queue._messages_lock for queue in content["queues"].values()]
        return copy.deepcopy(contents, {id(each): each for each in kept})
