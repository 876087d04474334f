"""Functions and their slots: as in Lambda, a slot serves one invocation at a time.

A slot is the module loaded into this process, or a real Lambda process (local/cloud/rie.py).
"""

from __future__ import annotations

import json
import os
import runpy
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import boto3

Lines = Callable[[str], None]


@dataclass(frozen=True)
class Function:
    """A function of the template as deployed here. `timeout` in seconds."""

    name: str  # logical id
    folder: Path
    handler: str
    timeout: int
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Result:
    """What an invocation came to: its response, or the error that Lambda would report."""

    payload: Any = None
    error: str = ""  # such as "Runtime.ExitError", "Sandbox.Timedout", "ValueError: …"


class Slot(Protocol):
    def invoke(self, event: str) -> Result: ...

    def kill(self) -> None:
        """End what runs at once, as a crash would. The slot serves again afterwards."""

    def close(self) -> None: ...


class Pool:
    """Up to `size` slots of a function, each made when all others are busy."""

    def __init__(self, make: Callable[[], Slot], size: int) -> None:
        self._make = make
        self._room = threading.Semaphore(size)
        self._slots: list[Slot] = []
        self._idle: list[Slot] = []

    def warm(self) -> None:
        """Make the first slot now."""
        with self._slot():
            """It is idle from now on."""

    def invoke(self, event: Mapping[str, Any]) -> Result:
        """Waits for a slot when all are busy."""
        with self._slot() as slot:
            return slot.invoke(json.dumps(event))

    def kill(self) -> int:
        """Crash every slot that is busy; how many there were."""
        busy = [slot for slot in self._slots if slot not in self._idle]
        for slot in busy:
            slot.kill()
        return len(busy)

    def close(self) -> None:
        while self._slots:
            self._slots.pop().close()

    @contextmanager
    def _slot(self) -> Iterator[Slot]:
        with self._room:
            try:
                slot = self._idle.pop()
            except IndexError:
                slot = self._make()
                self._slots.append(slot)
            try:
                yield slot
            finally:
                self._idle.append(slot)


_loading = threading.Lock()


class InProcess:
    """The function's module, loaded anew into this process. Cannot be killed, nor timed out.

    What it prints goes to this process's standard output.
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        module_name, _, handler = function.handler.rpartition(".")
        path = function.folder / f"{module_name}.py"
        with _loading, _environment(function.environment):
            self._handler: Callable[[Any, Any], Any] = runpy.run_path(str(path))[handler]

    def invoke(self, event: str) -> Result:
        context = Context(self._function.name, time.time() + self._function.timeout)
        try:
            return Result(json.loads(json.dumps(self._handler(json.loads(event), context))))
        except Exception as error:  # noqa: BLE001 - as Lambda: whatever it is, it ends here
            return Result(error=f"{type(error).__name__}: {error}")

    def kill(self) -> None:
        raise RuntimeError("only real Lambda processes can be killed: use the rie runtime")

    def close(self) -> None:
        """Nothing to release."""


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """A mapping in place of `os.environ`, which the function may keep; and boto3 reads it anew."""
    before = os.environ
    boto3.DEFAULT_SESSION = None
    os.environ = cast("os._Environ[str]", dict(values))  # noqa: B003
    try:
        yield
    finally:
        os.environ = before  # noqa: B003
        boto3.DEFAULT_SESSION = None


@dataclass(frozen=True)
class Context:
    """What of Lambda's context object functions use."""

    function_name: str
    deadline: float  # epoch seconds
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "256"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:local:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self.deadline - time.time()) * 1000))
