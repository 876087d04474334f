"""Start other people's programs on the loopback interface, and end them surely.

Linux ends them with the test process, however that ends; leaving the block ends them and all that
they have started.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests

HOST = "127.0.0.1"
# Has Linux end the process with its parent (prctl's PR_SET_PDEATHSIG), then becomes the program.
_END_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
os.execv(sys.argv[1], sys.argv[1:])
"""
# Below the ports that Linux gives to clients, which could take one between choice and use.
_PORTS = range(20_000, 32_768)
# Nothing leaves this machine: whatever a program asks of the internet is refused at once.
_OFFLINE = {
    "HTTP_PROXY": f"http://{HOST}:9",
    "HTTPS_PROXY": f"http://{HOST}:9",
    "NO_PROXY": f"{HOST},localhost",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True)
class Program:
    """A running program; what it prints is in the file `log`."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """What it has printed until now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready`. Raises AssertionError with the log when it ends or takes longer."""
        end = time.monotonic() + seconds
        while not ready():
            code = self.process.poll()
            assert code is None, f"it ended with {code}:\n{self.said()[-4000:]}"
            assert time.monotonic() < end, (
                f"it was not ready in {seconds} s:\n{self.said()[-4000:]}"
            )
            time.sleep(0.05)


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a program without input, in a group of its own, which is killed in the end.

    Of this process's environment it gets only what finds programs; its home is the log's folder.
    """
    own = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-ISc", _END_WITH_PARENT, *map(str, command)],
            cwd=log.parent,
            env={**own, "HOME": str(log.parent), **_OFFLINE, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Program(process, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A port on which nothing listens."""
    for _ in range(100):
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise RuntimeError("no free port")


def answers(url: str) -> bool:
    """Whether a GET gets status 200."""
    with suppress(requests.RequestException):
        return requests.get(url, timeout=5).ok
    return False
