"""Run functions in processes and measure them: init, processor time, memory, size of logs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.built import Built
from local.cloud.rie import Rie
from local.cloud.runtime import Function

_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)")
_OF_EMULATOR = "[INFO] (rapid)"


@dataclass
class Process:
    """A function that runs in a process as in Lambda, and the lines that the process printed."""

    rie: Rie
    _lines: list[str] = field(default_factory=list)

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Return the response. Raises RuntimeError where Lambda would report an error."""
        result = self.rie.invoke(json.dumps(event))
        if result.error:
            raise RuntimeError(f"{result.error}\n" + "\n".join(self._lines[-20:]))
        return result.payload

    def init_ms(self) -> float:
        """Return the milliseconds of the init phase, after the first invocation.

        Raises RuntimeError when the emulator does not report them.
        """
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for line in self._lines:
                if found := _INIT.search(line):
                    return float(found[1])
            time.sleep(0.01)
        raise RuntimeError("the emulator reported no init")

    def cpu_ms(self) -> float:
        """Return the processor time of all threads so far, in milliseconds."""
        # Linux derives the id of a process's clock from its process id (clock_getcpuclockid).
        return time.clock_gettime_ns((~self._pid << 3) | 2) / 1e6

    def peak_mb(self) -> float:
        """Return the peak of resident memory so far, in MB (/proc, VmHWM)."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    def log_bytes(self) -> int:
        """Return the bytes that CloudWatch Logs would have received so far."""
        return sum(len(line) + 1 for line in self._lines if _OF_EMULATOR not in line)

    @property
    def _pid(self) -> int:
        return self.rie.pids()[0]


class Starter:
    """Starts a build's functions, with the environment that `functions` has of each.

    The references get `settings` as environment variables; the bot's functions read them from the
    parameter store.
    """

    def __init__(
        self, built: Built, functions: Mapping[str, Function], settings: Mapping[str, str]
    ) -> None:
        self._built = built
        self._functions = functions
        self._settings = settings

    @contextmanager
    def ours(self, name: str, plain: bool = False) -> Iterator[Process]:
        """Run a function of the bot, by its logical id; `plain`: with layers without bytecode."""
        layers = self._built.plain_layers if plain else self._built.layers
        with self._start(name, self._built.functions / name, layers, {}) as process:
            yield process

    @contextmanager
    def reference(self, name: str) -> Iterator[Process]:
        """Run the reference program for a function, by the function's logical id."""
        folder = self._built.references / name.removesuffix("Function").lower()
        with self._start(name, folder, self._built.layers, self._settings) as process:
            yield process

    @contextmanager
    def _start(
        self, name: str, folder: Path, layers: tuple[Path, ...], more: Mapping[str, str]
    ) -> Iterator[Process]:
        described = self._functions[name]
        function = Function(
            name=name,
            folder=folder,
            handler=described.handler,
            timeout=60,  # a busy machine must not look like a slow function
            # Lambda's disk is read-only.
            environment={**more, **described.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        lines: list[str] = []
        path = (*layers, self._built.runtime)
        process = Process(Rie(function, lines.append, path, self._built.python), lines)
        try:
            yield process
        finally:
            process.rie.close()
