"""Take moto's state of this process and put it back: every test finds the stack as it was made.

Making the template's stack takes moto as long as the tests of it; a copy of what it made takes a
thousandth of a second. Whatever a test leaves anywhere goes: moto forgets all of it first.
"""

from __future__ import annotations

import copy
from typing import Any

from moto.core.base_backend import AccountSpecificBackend, BackendDict, BaseBackend
from moto.sqs.models import SQSBackend


class MotoState:
    """What moto holds at this moment, in all services, accounts and regions."""

    def __init__(self) -> None:
        self._places: list[tuple[BackendDict[Any], str, str, BaseBackend]] = [
            (service, account, region, backend)
            for service in BackendDict._instances  # type: ignore[misc]
            for account, region, backend in service.iter_backends()
        ]
        self._contents = self._copied([backend.__dict__ for *_, backend in self._places])

    def restore(self) -> None:
        """Have moto hold this and nothing else. Clients that were made before stay good."""
        BackendDict.reset()
        contents = self._copied(self._contents)
        for (service, account, region, backend), content in zip(
            self._places, contents, strict=True
        ):
            regions: AccountSpecificBackend[Any] = service[account]
            regions[region] = backend
            backend.__dict__ = content

    def _copied(self, contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """All in one copy, as a stack refers to its tables and queues."""
        # A queue's lock cannot be copied, and nobody holds it between tests.
        kept: list[Any] = [backend for *_, backend in self._places]
        for (*_, backend), content in zip(self._places, contents, strict=True):
            if isinstance(backend, SQSBackend):
                kept += [queue._messages_lock for queue in content["queues"].values()]
        return copy.deepcopy(contents, {id(each): each for each in kept})
