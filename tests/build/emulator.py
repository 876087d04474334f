"""A built function in a process of its own, as Lambda runs it: nothing to import but what it has.

Lambda's runtime emulator ships inside aws-sam-cli. Linux only.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3

HOST = "127.0.0.1"
INVOKE = "/2015-03-31/functions/function/invocations"
START_SECONDS = 10


class FunctionError(Exception):
    """What Lambda would report: the function raised, crashed or took too long."""


class Emulated:
    """A running function."""

    def __init__(self, url: str) -> None:
        self._url = url

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Its response. Raises FunctionError."""
        body = json.dumps(event).encode()
        answer = urllib3.request("POST", self._url, body=body, timeout=90, retries=False)
        try:
            payload = answer.json()
        except ValueError:  # a time-out is a text with status 200
            raise FunctionError(answer.data.decode(errors="replace")) from None
        if answer.status != 200 or (isinstance(payload, dict) and "errorType" in payload):
            raise FunctionError(payload)
        return payload


@contextmanager
def emulated(
    python: Path, folder: Path, handler: str, environment: Mapping[str, str], path: list[Path]
) -> Iterator[Emulated]:
    """The function in `folder`: it can import what lies there and on `path`, no other package."""
    port, runtime_port = _free_port(), _free_port()
    process = subprocess.Popen(
        [
            _program(),
            "--runtime-interface-emulator-address",
            f"{HOST}:{port}",
            "--runtime-api-address",
            f"{HOST}:{runtime_port}",
            python,
            "-S",  # no site-packages
            "-m",
            "awslambdaric",
            handler,
        ],
        cwd=folder,
        env={
            **environment,
            "AWS_LAMBDA_FUNCTION_NAME": folder.name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
            "LAMBDA_TASK_ROOT": str(folder),
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join(map(str, [folder, *path])),
            "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's disk is read-only
        },
        start_new_session=True,
    )
    try:
        _await(process, port)
        yield Emulated(f"http://{HOST}:{port}{INVOKE}")
    finally:
        process.terminate()  # ends the runtime too, which is in a group of its own
        process.wait(10)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("the runtime emulator did not start")


def _program() -> Path:
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    samcli = importlib.util.find_spec("samcli")
    assert samcli
    assert samcli.origin
    return Path(samcli.origin).parent / f"local/rapid/aws-lambda-rie-{machine}"


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
