"""Find the functions' processes in /proc: only those that this process started."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_AT_REST = 2  # threads of a worker between invocations
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    pid: int
    started: int  # in clock ticks since the machine's start
    threads: int
    memory: int  # resident bytes

    @property
    def at_work(self) -> bool:
        """Whether a worker handles an invocation: it then has a thread for each conversation."""
        return self.threads > _AT_REST


def of_function(name: str) -> list[Process]:
    """Return the processes of a function, oldest first."""
    found = []
    for pid in _descendants(os.getpid()):
        with suppress(OSError):  # it ended meanwhile
            process = _read(pid, name)
            if process:
                found.append(process)
    return sorted(found, key=lambda process: process.started)


def own_memory() -> int:
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


def _read(pid: int, name: str) -> Process | None:
    root = Path(f"/proc/{pid}")
    command = (root / "cmdline").read_bytes().split(b"\0")
    environment = (root / "environ").read_bytes().split(b"\0")
    is_runtime = b"awslambdaric" in command and b"rapid" not in command[0]
    if not is_runtime or f"AWS_LAMBDA_FUNCTION_NAME={name}".encode() not in environment:
        return None
    figures = (
        (root / "stat").read_text().rpartition(")")[2].split()
    )  # fields from the third on, see proc(5)
    resident = int((root / "statm").read_text().split()[1]) * _PAGE
    return Process(pid, int(figures[19]), int(figures[17]), resident)


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *_descendants(child)]
    return found
