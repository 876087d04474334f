"""Find the functions' processes, and the one that makes a call, by /proc; kill or stop them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_LOOPBACK = "0100007F"
_EMULATORS = (b"aws-lambda-rie-x86_64", b"aws-lambda-rie-arm64")


class Gone(Exception):
    """No process waits for the response to this request any more."""


def kill(environ: WSGIEnvironment) -> None:
    """Kill the process that makes this request, as for want of memory. Raises Gone."""
    _signal(environ, signal.SIGKILL)


def crash(environ: WSGIEnvironment) -> None:
    """Have the process that makes this request die of a fault of its own. Raises Gone."""
    _signal(environ, signal.SIGSEGV)


def freeze(environ: WSGIEnvironment) -> None:
    """Stop (SIGSTOP) the process that makes this request, until its time limit. Raises Gone."""
    _signal(environ, signal.SIGSTOP)


def kill_idle(function: str, endpoint: str) -> None:
    """Crash all processes of a function, by its logical id, in the stack with this URL of AWS."""
    marks = {
        f"AWS_LAMBDA_FUNCTION_NAME={function}".encode(),
        f"AWS_ENDPOINT_URL={endpoint}".encode(),
    }
    for pid in _runtimes():
        with suppress(OSError):
            if marks <= {*Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")}:
                os.kill(pid, signal.SIGKILL)


def failed_connections() -> int:
    """Return the kernel's count of failed attempts to connect (/proc/net/snmp, AttemptFails)."""
    names, values = re.findall(r"^Tcp: (.+)$", Path("/proc/net/snmp").read_text(), re.MULTILINE)
    return int(dict(zip(names.split(), values.split(), strict=True))["AttemptFails"])


def _signal(environ: WSGIEnvironment, number: signal.Signals) -> None:
    try:
        os.kill(_client(environ), number)
    except ProcessLookupError:
        raise Gone from None


def _client(environ: WSGIEnvironment) -> int:
    """Find the runtime process at the other end of the connection. Raises Gone."""
    wanted = f"socket:[{_inode(int(environ['REMOTE_PORT']), int(environ['SERVER_PORT']))}]"
    for pid in _runtimes():
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if os.readlink(descriptor) == wanted:
                        return pid
    raise Gone


def _inode(port: int, server_port: int) -> str:
    ends = [f"{_LOOPBACK}:{port:04X}", f"{_LOOPBACK}:{server_port:04X}"]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == ends:
            return fields[9]
    raise Gone


def _runtimes() -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes().split(b"\0")
            if b"awslambdaric" in command and not command[0].endswith(_EMULATORS):
                yield int(folder.name)
