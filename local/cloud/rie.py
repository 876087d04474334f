"""Run functions in processes, by AWS's runtime interface client and emulator.

The client is `awslambdaric`, which the function runs under in Lambda too; the emulator ships inside
aws-sam-cli. It enforces time limits, and starts a new process after a crash. Linux only.

See "Testing Lambda container image locally" and the repository
aws/aws-lambda-runtime-interface-emulator.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import urllib3

from local.cloud.runtime import Function, LogSink, Result
from local.cloud.template import ROOT
from local.http.pages import HOST

_INVOKE = "/2015-03-31/functions/function/invocations"
# Has Linux end the process with its parent (prctl's PR_SET_PDEATHSIG), and lets it give way to the
# servers that it calls, which in AWS are on other machines: many functions that start at once made
# them stall for seconds. Where Linux shares the processors between sessions (sched_autogroup), that
# is set for the session. Then it becomes the emulator. A function between fork and exec would do
# all this too, but may deadlock where threads run.
_LAUNCH = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.nice(5)
try:
    with open("/proc/self/autogroup", "w") as session:
        session.write("5")
except OSError:
    pass
os.execv(sys.argv[1], sys.argv[1:])
"""
_PORTS = range(20_000, 32_768)
_PORT_TRIES = 100
_STARTS = 5
_START_SECONDS = 10.0


class Rie:
    """An execution environment in a process of its own.

    `path` are the folders of PYTHONPATH besides the function's own; `python` is the interpreter
    with its options; `log` takes each line that the process prints. Raises RuntimeError when the
    emulator is not there or does not start.
    """

    def __init__(
        self,
        function: Function,
        log: LogSink,
        path: tuple[Path, ...] = (ROOT / "layers/chatbot",),
        python: tuple[str, ...] = (sys.executable,),
    ) -> None:
        self._function, self._log = function, log
        self._path, self._python = path, python
        self._http = urllib3.PoolManager(retries=False)
        for _ in range(_STARTS):
            if self._start():
                return
        raise RuntimeError(f"{function.name}: the runtime emulator did not start")

    def invoke(self, event: str) -> Result:
        """Post the event to the emulator and wait for the response."""
        url, seconds = f"http://{HOST}:{self._port}{_INVOKE}", self._function.timeout + 30
        try:
            answer = self._http.request("POST", url, body=event.encode(), timeout=seconds)
        except urllib3.exceptions.HTTPError as error:
            return Result(error=f"Runtime.Unreachable: {type(error).__name__}")
        return _result(answer.status, answer.data.decode(errors="replace"))

    def pids(self) -> list[int]:
        """Process ids of the function itself. There is none before its first invocation."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    def kill(self) -> None:
        """Kill the function's process.

        The emulator answers the invocation in progress with an error, and starts another process
        for the next one.
        """
        for pid in self.pids():
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End the emulator and the function's process; waits up to 5 s before it kills them."""
        self._process.terminate()  # ends the runtime too, which is in a group of its own
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.kill()
            self._process.wait()

    def _start(self) -> bool:
        """Start the emulator. Returns False when one of its ports was taken meanwhile."""
        self._port, runtime_port = _free_port(), _free_port()
        emulator = [str(_emulator()), "--runtime-interface-emulator-address"]
        emulator += [f"{HOST}:{self._port}", "--runtime-api-address", f"{HOST}:{runtime_port}"]
        runtime = [*self._python, "-m", "awslambdaric", self._function.handler]
        self._process = subprocess.Popen(
            [sys.executable, "-ISc", _LAUNCH, *emulator, *runtime],
            cwd=self._function.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=[self._process], daemon=True).start()
        end = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self._port)) == 0:
                    return self._process.poll() is None
            time.sleep(0.01)
        self._process.kill()
        self._process.wait()
        return False

    def _environment(self) -> dict[str, str]:
        function = self._function
        own = {
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
            "LAMBDA_TASK_ROOT": str(function.folder),
            "PYTHONPATH": os.pathsep.join(map(str, (function.folder, *self._path))),
        }
        return {**function.environment, **own}

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                self._log(line.decode(errors="replace").rstrip("\n"))


def _result(status: int, text: str) -> Result:
    """Read the emulator's response. Time-outs and exceptions too come with status 200."""
    try:
        payload = json.loads(text)
    except ValueError:
        timed_out = "Task timed out" in text
        return Result(error="Sandbox.Timedout" if timed_out else f"Runtime.ExitError: {status}")
    if status != 200 or (isinstance(payload, dict) and "errorType" in payload):
        return Result(error=f"{payload.get('errorType')}: {payload.get('errorMessage', '')}")
    return Result(payload)


def _emulator() -> Path:
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    samcli = importlib.util.find_spec("samcli")
    if sys.platform != "linux" or not samcli or not samcli.origin:
        raise RuntimeError("the rie runtime needs Linux and aws-sam-cli")
    return Path(samcli.origin).parent / f"local/rapid/aws-lambda-rie-{machine}"


def _free_port() -> int:
    """A free port below those that Linux gives to outgoing connections (ip_local_port_range).

    The emulator opens the runtime API's port only at the first invocation: by then any connection
    of this machine could have been given it.
    """
    for _ in range(_PORT_TRIES):
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        with suppress(OSError), socket.create_server((HOST, port)):
            return port
    raise RuntimeError("no free port")
