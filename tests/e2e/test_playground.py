"""What only `python -m local` as a whole shows: workers that die, a real bot's updates."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local import config
from local.http.server import Running, serve
from local.standins.telegram import TelegramStandIn
from tests.e2e.test_stack import LINUX, running

pytestmark = pytest.mark.long

SECONDS = 30.0
CHAT = {"id": 7, "type": "private", "first_name": "Ada"}
SENDER = {"id": 7, "is_bot": False, "first_name": "Ada"}


def _update(number: int, text: str) -> dict[str, Any]:
    message = {"message_id": number, "date": int(time.time()), "chat": CHAT, "from": SENDER}
    return {"update_id": number, "message": {**message, "text": text}}


def _post(url: str, path: str, body: Any) -> Any:
    headers = {"origin": url}
    return requests.post(f"{url}/playground/{path}", json=body, headers=headers, timeout=60).json()


def _wait_for(url: str, server: str, operation: str, status: int) -> dict[str, Any]:
    last, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        page = requests.get(f"{url}/_local/records?after={last}&wait=5", timeout=10).json()
        last = page["last"]
        for record in page["records"]:
            if (record["server"], record["operation"], record["status"]) == (
                server,
                operation,
                status,
            ):
                found: dict[str, Any] = record
                return found
    raise AssertionError(f"no {operation} {status}")


@pytest.mark.skipif(not LINUX, reason="the runtime emulator is for Linux")
def test_a_worker_of_this_process_gets_one_of_its_own_to_die_in() -> None:
    with running("--port", "0") as local:
        told = _post(local.url, "switch", {"name": "worker", "choice": "killed"})
        assert (told["killed"], told["switches"]["worker"]) == (0, "killed")
        body = {"person": "ada", "event": _update(7, "Hello")}
        assert _post(local.url, "write/telegram", body) == {"status": 200}
        died = _wait_for(local.url, "lambda", "WorkerFunction", 500)
        assert "Runtime.ExitError" in died["response"]
        state = requests.get(f"{local.url}/playground/state", timeout=5).json()
        assert state["switches"]["worker"] == "alive"


@pytest.fixture
def telegram() -> TelegramStandIn:
    return TelegramStandIn(config.DEVELOPMENT["TELEGRAM_BOT_TOKEN"])


@pytest.fixture
def real(telegram: TelegramStandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A server that the stack takes for Telegram itself."""
    server = serve(telegram)
    monkeypatch.setenv("TELEGRAM_API_URL", server.url)
    yield server
    server.close()


def test_a_real_bots_updates_are_polled_and_answered(
    telegram: TelegramStandIn, real: Running
) -> None:
    telegram.learn(_update(7, "Hello"), queue=True)
    with running("--port", "0", "--poll-telegram") as local:
        (call,) = telegram.wait(1, "sendMessage", timeout=SECONDS)
        assert (call.params["chat_id"], call.params["text"]) == (7, "You said: Hello")
        taken = _wait_for(local.url, "api", "POST /telegram", 200)
        assert json.loads(taken["request"])["update_id"] == 7


def test_a_webhook_that_is_registered_is_left_alone(
    telegram: TelegramStandIn, real: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    telegram.webhook = {"url": "https://bot.example/telegram"}
    with (
        pytest.raises(AssertionError, match="before it was ready"),
        running("--port", "0", "--poll-telegram"),
    ):
        pass
    assert telegram.webhook["url"] == "https://bot.example/telegram"
    assert "--take-over deletes it" in capfd.readouterr().err
