"""`python -m local` as people and programs use it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from local.cli import invoke
from local.cli.invoke import with_receipts
from local.cloud.aws import CREDENTIALS
from local.cloud.runtime import InProcess, Result
from local.stack import Options, Stack
from local.standins.people import Person, Signer
from tests.modules import ROOT, run_module

START_SECONDS = 60
LINUX = sys.platform == "linux"


class Running:
    """A running `python -m local`."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def children(self) -> set[int]:
        return _descendants(self.process.pid)


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    command = [sys.executable, "-m", "local", *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    try:
        url = ""
        assert process.stdout.readline() == "starting AWS (moto) ...\n"
        for line in process.stdout:
            ready = re.fullmatch(r"ready: (http://127\.0\.0\.1:\d+)\n", line)
            if ready:
                url = ready[1]
                break
        assert url, "it ended before it was ready"
        yield Running(process, url)
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def _local(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_module("local", *arguments, timeout=60)


def _ops(*arguments: str) -> str:
    done = run_module("ops", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _descendants(pid: int) -> set[int]:
    found = set()
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, tasks.read_text().split()):
            found |= {child, *_descendants(child)}
    return found


def _gone(pids: set[int], seconds: float = 10) -> bool:
    """Whether all processes end within the time."""
    end = time.monotonic() + seconds
    while any(_alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.long
@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_it_starts_answers_and_ends_without_a_trace() -> None:
    with running("--port", "0", "--log", "json") as local:
        assert requests.get(local.url, timeout=30).ok

        port = str(local.port)
        taken = _local("--port", port)
        assert taken.returncode == 1
        assert taken.stderr == f"port {port} is taken: choose another by PORT=…\n"

        for words, answer in (
            ("My name is Ada", "You said: My name is Ada"),
            ("What is my name?", "Your name is Ada."),
        ):
            sent = _local("send", "telegram", words, "--as", "somebody", "--port", port)
            assert (sent.returncode, sent.stdout, sent.stderr) == (0, f"{answer}\n", "")

        for channel, line in (
            ("telegram", "a fox"),
            ("telegram", rf"\[picture: {local.url}/playground/sent/\S+\]"),
            ("messenger", rf"\[file: shown at {local.url}/playground\]"),
            ("web", rf"\[file: a fox, shown at {local.url}/playground\]"),
        ):
            drawn = _local("send", channel, "/image a fox", "--as", "somebody", "--port", port)
            assert drawn.returncode == 0
            assert [each for each in drawn.stdout.splitlines() if re.fullmatch(line, each)]

        conversation = Person("somebody", Signer({})).conversation("telegram")
        logs = _ops("tail", "--local", local.url, "--once", "--conversation", conversation)
        assert re.search(r"  webhook   queued ", logs)
        assert re.search(r"  worker    delivered ", logs)
        assert "PutItem" in logs
        assert "Ada" not in logs
        assert "worker" not in _ops("tail", "--local", local.url, "--once", "--conversation", "x:1")

        children = local.children()
        assert children
        local.process.send_signal(signal.SIGINT)
        assert local.process.wait(20) == 0
        assert _gone(children)
        with socket.create_server(("127.0.0.1", local.port)):
            """It can start there again."""

    silent = _local("send", "web", "Hello", "--port", port)
    assert silent.returncode == 1
    assert silent.stderr == f"no local stack answers at {local.url}: start it with `make run`\n"


@pytest.mark.long
@pytest.mark.skipif(not LINUX, reason="the runtime emulator needs Linux")
def test_real_lambda_processes_answer_and_end_with_a_killed_stack() -> None:
    with running("--port", "0", "--runtime", "rie", "--workers", "1") as local:
        sent = _local("send", "messenger", "Hello", "--port", str(local.port))
        assert (sent.returncode, sent.stdout) == (0, "You said: Hello\n")
        children = local.children()
        assert len(children) > len(("moto", "webhook", "worker", "web"))
        local.process.kill()
        assert _gone(children)


@pytest.mark.long
def test_invoke_signs_a_sample_and_prints_the_response() -> None:
    done = _local("invoke", "WebhookFunction", "--event", "events/telegram/text.json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["statusCode"] == HTTPStatus.OK


def test_invoke_fails_where_the_function_raises(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = SimpleNamespace(settings={}, invoke=lambda *_: Result(error="KeyError: 'name'"))
    monkeypatch.setattr(invoke, "Stack", lambda options: nullcontext(stack))
    assert invoke.invoke("WebhookFunction", ROOT / "events/telegram/text.json") == 1
    assert capsys.readouterr() == ("", "KeyError: 'name'\n")


def test_invoke_refuses_what_the_function_does_not_take() -> None:
    done = _local("invoke", "WorkerFunction", "--event", "events/telegram/text.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.long
def test_a_function_in_a_container_reaches_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def of_container(host: str, *arguments: Any, **named: Any) -> Any:
        own = host == "host.docker.internal"
        return resolve("127.0.0.1" if own else host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", of_container)
    with Stack(Options(poll=False)) as stack:
        endpoint = f"http://host.docker.internal:{stack.url.rpartition(':')[2]}/_local/aws"
        environment = {
            **CREDENTIALS,
            **stack.aws.environments["WorkerFunction"],
            "AWS_ENDPOINT_URL": endpoint,
        }
        worker = replace(stack.functions["WorkerFunction"], environment=environment)
        event = with_receipts(stack, json.loads((ROOT / "events/worker/telegram.json").read_text()))
        assert InProcess(worker).invoke(json.dumps(event)) == Result({"batchItemFailures": []})
        assert stack.telegram.wait(1, "sendMessage", timeout=0)
        assert stack.openai.wait(1, "chat/completions", timeout=0)
        assert {record.server for record in stack.recorder.after(0)} >= {"aws", "telegram"}
