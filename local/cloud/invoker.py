"""Invoke functions by name: each has its own pool of execution environments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Literal

from local.cloud.rie import Rie
from local.cloud.runtime import (
    ExecutionEnvironment,
    Function,
    InProcess,
    LogSink,
    Pool,
    Result,
)

Runtime = Literal["inprocess", "rie"]
"""Where functions run: in this process, or in processes under the runtime interface emulator."""


class Invoker:
    """Runs functions, by logical id. `log` takes what their processes print. Close it."""

    def __init__(self, log: LogSink) -> None:
        self._log = log
        self._functions: dict[str, Function] = {}
        self._runtimes: dict[str, Runtime] = {}
        self._pools: dict[str, Pool] = {}
        self._closing = ExitStack()
        # Processes are tied to the thread that started them: it must live as long as they do.
        self._starters = ThreadPoolExecutor(4, "starter")
        self._closing.callback(self._starters.shutdown)

    def add(self, function: Function, runtime: Runtime, size: int) -> None:
        """Run `function` from now on, up to `size` invocations at once."""
        name = function.name
        self._functions[name], self._runtimes[name] = function, runtime
        self._pools[name] = self._pool(function, runtime, size)

    def warm(self, names: Iterable[str]) -> None:
        """Start one execution environment of each function named, all at the same time."""
        with ThreadPoolExecutor() as warming:
            list(warming.map(Pool.warm, [self._pools[name] for name in names]))

    def invoke(self, name: str, event: Mapping[str, Any]) -> Result:
        """Invoke a function and wait for its result. Raises KeyError for an unknown name."""
        return self._pools[name].invoke(event)

    def isolate(self, name: str, size: int) -> None:
        """Run the function in processes from now on, which can be killed.

        Raises RuntimeError where the runtime interface emulator is not available.
        """
        if self._runtimes[name] == "inprocess":
            pool = self._pool(self._functions[name], "rie", size)
            pool.warm()
            self._runtimes[name], self._pools[name] = "rie", pool

    def kill(self, name: str) -> int:
        """Crash the function's invocations in progress. Returns how many there were.

        Raises RuntimeError where the function runs in this process and is busy.
        """
        return self._pools[name].kill()

    def retire(self) -> None:
        """Have every function start anew at its next invocation."""
        for pool in self._pools.values():
            pool.retire()

    def close(self) -> None:
        """End all processes."""
        self._closing.close()

    def _pool(self, function: Function, runtime: Runtime, size: int) -> Pool:
        def make() -> ExecutionEnvironment:
            if runtime == "inprocess":
                return InProcess(function)
            return self._starters.submit(Rie, function, self._log).result()

        pool = Pool(make, size)
        self._closing.callback(pool.close)
        return pool
