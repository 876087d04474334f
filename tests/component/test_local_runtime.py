"""Execution environments: functions in this process, and in processes under the emulator."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from local.cloud.rie import Rie
from local.cloud.runtime import ExecutionEnvironment, Function, InProcess, Pool, Result

APP = """
import os
import time

NAMES = os.environ
COUNT = []


def handler(event, context):
    COUNT.append(1)
    if "raise" in event:
        raise ValueError(event["raise"])
    if "seconds" in event:
        time.sleep(event["seconds"])
    print("a line")
    return {
        "greeting": NAMES.get("GREETING"),
        "left": context.get_remaining_time_in_millis(),
        "count": len(COUNT),
        "request": bool(context.aws_request_id),
    }
"""
SECONDS = 10


@pytest.fixture
def function(tmp_path: Path) -> Function:
    (tmp_path / "app.py").write_text(APP)
    environment = {"GREETING": "hello", "PATH": os.environ["PATH"], "AWS_REGION": "eu-central-1"}
    return Function("AFunction", tmp_path, "app.handler", 2, environment)


def test_a_function_in_this_process_keeps_its_environment(function: Function) -> None:
    before = dict(os.environ)
    result = InProcess(function).invoke("{}")
    assert result.payload["greeting"] == "hello"
    assert 0 < result.payload["left"] <= 2000
    assert result.payload["request"]
    assert dict(os.environ) == before
    assert "GREETING" not in os.environ


def test_each_environment_loads_the_module_for_itself(function: Function) -> None:
    first, second = InProcess(function), InProcess(function)
    assert [each.invoke("{}").payload["count"] for each in (first, first, second)] == [1, 2, 1]


def test_an_exception_is_a_result(function: Function) -> None:
    assert InProcess(function).invoke('{"raise": "no"}') == Result(error="ValueError: no")


class Busy:
    """An execution environment that is busy until `go` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.killed = 0

    def invoke(self, event: str) -> Result:
        assert self.go.wait(SECONDS)
        return Result(event)

    def kill(self) -> None:
        self.killed += 1

    def close(self) -> None:
        self.go.set()


class BusyPool:
    def __init__(self, size: int) -> None:
        self.environments: list[Busy] = []
        self.pool = Pool(self._make, size)
        self.threads: list[threading.Thread] = []

    def _make(self) -> ExecutionEnvironment:
        self.environments.append(Busy())
        return self.environments[-1]

    def invoke(self, times: int) -> None:
        for _ in range(times):
            self.threads.append(threading.Thread(target=self.pool.invoke, args=[{}]))
            self.threads[-1].start()

    def wait_environments(self, count: int) -> bool:
        end = time.monotonic() + SECONDS
        while len(self.environments) < count and time.monotonic() < end:
            time.sleep(0.005)
        return len(self.environments) == count

    def finish(self) -> None:
        for each in self.environments:
            each.go.set()
        for thread in self.threads:
            thread.join(SECONDS)
        assert not any(thread.is_alive() for thread in self.threads)


def test_a_pool_makes_environments_while_all_are_busy_and_no_more_than_its_size() -> None:
    busy = BusyPool(2)
    busy.pool.warm()
    assert len(busy.environments) == 1
    busy.invoke(3)
    assert busy.wait_environments(2)
    busy.finish()
    assert len(busy.environments) == 2


def test_a_kill_crashes_the_busy_environments_only() -> None:
    busy = BusyPool(2)
    busy.invoke(2)
    assert busy.wait_environments(2)
    assert busy.pool.kill() == 2
    busy.finish()
    assert busy.pool.kill() == 0
    assert [each.killed for each in busy.environments] == [1, 1]


def test_an_environment_that_cannot_be_made_frees_its_place() -> None:
    failures = iter([True, False])

    def make() -> ExecutionEnvironment:
        if next(failures):
            raise RuntimeError
        return Busy()

    pool = Pool(make, 1)
    with pytest.raises(RuntimeError):
        pool.warm()
    pool.warm()


@pytest.fixture
def lines() -> SimpleQueue[str]:
    return SimpleQueue()


@pytest.fixture
def process(function: Function, lines: SimpleQueue[str]) -> Iterator[Rie]:
    rie = Rie(function, lines.put)
    yield rie
    rie.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the runtime emulator needs Linux")
def test_a_lambda_process(process: Rie, lines: SimpleQueue[str]) -> None:
    payload = process.invoke("{}").payload
    assert (payload["greeting"], payload["count"], payload["request"]) == ("hello", 1, True)
    # A thread reads them: they may come after the response.
    assert "a line" in iter(lambda: lines.get(timeout=10), None)
    assert process.invoke('{"raise": "no"}') == Result(error="ValueError: no")
    assert process.invoke('{"seconds": 30}').error == "Sandbox.Timedout"
    assert process.invoke("{}").payload["count"] == 1, "a fresh process after the time limit"


@pytest.mark.skipif(sys.platform != "linux", reason="the runtime emulator needs Linux")
def test_a_killed_lambda_process_is_followed_by_a_fresh_one(process: Rie) -> None:
    assert not process.invoke("{}").error
    threading.Timer(0.3, process.kill).start()
    assert process.invoke('{"seconds": 1.5}').error.startswith("Runtime.ExitError")
    assert process.invoke("{}").payload["count"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the runtime emulator needs Linux")
def test_no_outgoing_connection_can_take_the_emulators_ports(function: Function) -> None:
    """It opens the second one only when it is invoked."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    emulator = Rie(function, log=lambda line: None)
    try:
        arguments = Path(f"/proc/{emulator._process.pid}/cmdline").read_text().split("\0")
        ports = [
            int(each.rpartition(":")[2]) for each in arguments if each.startswith("127.0.0.1:")
        ]
        assert len(ports) == 2
        assert max(ports) < first
    finally:
        emulator.close()
