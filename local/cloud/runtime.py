"""Functions, and the execution environments that run them.

As in Lambda, an execution environment handles one invocation at a time. Here it is either the
function's module loaded into this process (`InProcess`), or a process under AWS's runtime interface
emulator (`local.cloud.rie`).

See "Understanding the Lambda execution environment lifecycle" in the AWS Lambda guide.
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

LogSink = Callable[[str], None]
"""Takes each line that a function's process prints, without its line break."""


@dataclass(frozen=True)
class Function:
    """The configuration of a function of the template, as deployed on this machine."""

    name: str  # logical id
    folder: Path  # its code
    handler: str  # "module.function"
    timeout: int  # seconds
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Result:
    """Outcome of an invocation: the function's response, or the error that Lambda would report."""

    payload: Any = None  # decoded JSON
    error: str = ""  # such as "Runtime.ExitError", "Sandbox.Timedout", "ValueError: …"


class ExecutionEnvironment(Protocol):
    """Runs one function, one invocation at a time."""

    def invoke(self, event: str) -> Result:
        """Run the handler with a JSON event. A failure is a Result too, never an exception."""

    def kill(self) -> None:
        """Crash the invocation in progress. The next invocation starts a new process.

        Raises RuntimeError where that is not possible.
        """

    def close(self) -> None:
        """Release the process, if there is one."""


class Pool:
    """Up to `size` execution environments of one function.

    A new one is made when all others are busy. Safe between threads.
    """

    def __init__(self, make: Callable[[], ExecutionEnvironment], size: int) -> None:
        self._make = make
        self._room = threading.Semaphore(size)
        self._all: list[ExecutionEnvironment] = []
        self._idle: list[ExecutionEnvironment] = []

    def warm(self) -> None:
        """Make the first execution environment now, ahead of the first invocation."""
        with self._taken():
            """It is idle from now on."""

    def invoke(self, event: Mapping[str, Any]) -> Result:
        """Invoke the function. Waits while `size` invocations are in progress."""
        with self._taken() as environment:
            return environment.invoke(json.dumps(event))

    def kill(self) -> int:
        """Crash every invocation in progress. Returns how many there were."""
        busy = [each for each in self._all if each not in self._idle]
        for environment in busy:
            environment.kill()
        return len(busy)

    def retire(self) -> None:
        """Use the idle ones no more: the next invocations start new ones."""
        self._idle.clear()

    def close(self) -> None:
        """Close all execution environments."""
        while self._all:
            self._all.pop().close()

    @contextmanager
    def _taken(self) -> Iterator[ExecutionEnvironment]:
        with self._room:
            try:
                environment = self._idle.pop()
            except IndexError:
                environment = self._make()
                self._all.append(environment)
            try:
                yield environment
            finally:
                self._idle.append(environment)


_loading = threading.Lock()


class InProcess:
    """The function's module, loaded anew into this process.

    It cannot be killed, and the time limit is not enforced. What the function prints goes to this
    process's standard output.
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        module_name, _, handler = function.handler.rpartition(".")
        path = function.folder / f"{module_name}.py"
        with _loading, _environment(function.environment):
            self._handler: Callable[[Any, Any], Any] = runpy.run_path(str(path))[handler]

    def invoke(self, event: str) -> Result:
        """Call the handler. An exception becomes the Result's error."""
        context = Context(self._function.name, time.time() + self._function.timeout)
        try:
            return Result(json.loads(json.dumps(self._handler(json.loads(event), context))))
        except Exception as error:  # noqa: BLE001 - as Lambda: whatever it is, it ends here
            return Result(error=f"{type(error).__name__}: {error}")

    def kill(self) -> None:
        """Raises RuntimeError: a module in this process cannot be crashed."""
        raise RuntimeError("only real Lambda processes can be killed: use the rie runtime")

    def close(self) -> None:
        """Do nothing: a module in this process holds no process of its own."""


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Replace `os.environ` with a mapping that the function may keep, and reset boto3's session."""
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
    """Lambda's context object, as far as functions use it.

    See "Using the Lambda context object to retrieve Python function information".
    """

    function_name: str
    deadline: float  # epoch seconds
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "256"

    @property
    def invoked_function_arn(self) -> str:
        """An ARN in a made-up account."""
        return f"arn:aws:lambda:local:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the deadline, at least 0."""
        return max(0, round((self.deadline - time.time()) * 1000))
