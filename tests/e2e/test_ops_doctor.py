"""`python -m ops doctor` finds nothing on a sound stack, and names each fault that is set up."""

from __future__ import annotations

import json
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from local.config import SECRETS
from local.stack import Stack
from local.standins.faults import Fault
from ops.__main__ import main

pytestmark = pytest.mark.long

PATH = "/chatbot"
Doctor = Callable[..., dict[str, str]]


@pytest.fixture(autouse=True)
def _well(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register the stack and remove traces of other tests; remove the fault after the test."""
    monkeypatch.setattr(stack.recorder, "_records", deque[object](maxlen=100))
    assert main(["register", "--local", stack.url]) == 0
    subscriptions, fields = dict(stack.graph.subscriptions), stack.graph.subscribed_fields
    yield
    for faults in (stack.telegram.faults, stack.graph.faults, stack.openai.faults):
        faults.clear()
    stack.aws_faults.clear()
    stack.graph.subscriptions, stack.graph.subscribed_fields = subscriptions, fields
    stack.openai.models = None
    stack.aws.put_settings(PATH, stack.settings)
    letters = stack.dead_letter_queue_url
    for letter in stack.sqs.receive_message(QueueUrl=letters).get("Messages", ()):
        stack.sqs.delete_message(QueueUrl=letters, ReceiptHandle=letter["ReceiptHandle"])
    ttl(stack, True)


@pytest.fixture
def doctor(stack: Stack, capsys: pytest.CaptureFixture[str]) -> Doctor:
    def examine(*words: str) -> dict[str, str]:
        """Run the doctor. Returns the worst level by name; the exit code must agree."""
        capsys.readouterr()
        code = main(["doctor", "--local", stack.url, *words])
        levels: dict[str, str] = {}
        for line in _findings(capsys.readouterr().out):
            level, name = line[:9].strip(), line[9:34].strip()
            if level and levels.get(name) != "broken":
                levels[name] = level
        assert code == ("broken" in levels.values())
        return levels

    return examine


def _findings(out: str) -> list[str]:
    """Return the findings, without the logs of the functions in this process."""
    return [line for line in out.splitlines() if not line.startswith("{")]


def ttl(stack: Stack, on: bool) -> None:
    dynamodb, name = stack.aws.client("dynamodb"), stack.table.name
    told = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if (told["TimeToLiveStatus"] == "ENABLED") is not on:
        dynamodb.update_time_to_live(
            TableName=name,
            TimeToLiveSpecification={"Enabled": on, "AttributeName": "expires_at"},
        )


def store(stack: Stack, name: str, value: str) -> None:
    kind = "String" if name == "SETTINGS" else "SecureString"
    stack.aws.client("ssm").put_parameter(
        Name=f"{PATH}/{name}", Value=value, Type=kind, Overwrite=True
    )


def forget(stack: Stack, name: str) -> None:
    stack.aws.client("ssm").delete_parameter(Name=f"{PATH}/{name}")


def set_to(stack: Stack, **settings: str) -> None:
    plain = {name: value for name, value in stack.settings.items() if name not in SECRETS}
    store(stack, "SETTINGS", json.dumps(plain | settings))


def webhook_info(stack: Stack, **more: object) -> None:
    info = {"url": f"{stack.url}/telegram", "pending_update_count": 0, **more}
    body = json.dumps({"ok": True, "result": info})
    fault = Fault("status", match="getWebhookInfo", times=0, status=200, body=body)
    stack.telegram.faults.add(fault)


def bury(stack: Stack) -> None:
    stack.sqs.send_message(
        QueueUrl=stack.dead_letter_queue_url,
        MessageBody="a letter",
        MessageGroupId="telegram:1",
        MessageDeduplicationId=uuid.uuid4().hex,
    )


def fill(stack: Stack) -> None:
    counts = {"ApproximateNumberOfMessages": "101", "ApproximateNumberOfMessagesNotVisible": "0"}
    body = json.dumps({"Attributes": counts})
    fault = Fault("status", "GetQueueAttributes", "messages.fifo", times=0, status=200, body=body)
    stack.aws_faults.add(fault)


PLANTED: dict[str, tuple[Callable[[Stack], object], str, str]] = {
    "no key for the model": (lambda s: forget(s, "OPENAI_API_KEY"), "broken", "OPENAI_API_KEY"),
    "the model's key is refused": (
        lambda s: store(s, "OPENAI_API_KEY", "an-old-key"),
        "broken",
        "OPENAI_API_KEY",
    ),
    "the model is unknown": (lambda s: set_to(s, OPENAI_MODEL="gpt-2"), "broken", "model"),
    "the model server is down": (
        lambda s: s.openai.faults.add(Fault("reset", match="models", times=0)),
        "broken",
        "model server",
    ),
    "strangers may spend without a limit": (
        lambda s: set_to(s, WEB_UNLIMITED="off"),
        "broken",
        "WEB_ACCESS",
    ),
    "an access code that can be guessed": (
        lambda s: store(s, "WEB_ACCESS_CODE", "tiger"),
        "warning",
        "WEB_ACCESS_CODE",
    ),
    "a setting cannot be read": (lambda s: set_to(s, HISTORY_TURNS="ten"), "broken", "settings"),
    "the settings are no object": (lambda s: store(s, "SETTINGS", "[]"), "broken", "settings"),
    "Telegram's token is dead": (
        lambda s: store(s, "TELEGRAM_BOT_TOKEN", "123456:revoked"),
        "broken",
        "TELEGRAM_BOT_TOKEN",
    ),
    "another bot's name": (
        lambda s: set_to(s, TELEGRAM_BOT_USERNAME="other_bot"),
        "warning",
        "TELEGRAM_BOT_TOKEN",
    ),
    "Telegram calls elsewhere": (
        lambda s: webhook_info(s, url="https://other.example.com/telegram"),
        "broken",
        "Telegram webhook",
    ),
    "Telegram calls nobody": (lambda s: webhook_info(s, url=""), "broken", "Telegram webhook"),
    "Telegram leaves out buttons": (
        lambda s: webhook_info(s, allowed_updates=["message"]),
        "broken",
        "Telegram webhook",
    ),
    "updates wait at Telegram": (
        lambda s: webhook_info(s, pending_update_count=500),
        "warning",
        "Telegram's queue",
    ),
    "Telegram met an error": (
        lambda s: webhook_info(
            s,
            last_error_date=int(time.time()) - 60,
            last_error_message="Wrong response from the webhook: 503 Service Unavailable",
        ),
        "broken",
        "Telegram's last error",
    ),
    "the webhook's secret is gone": (
        lambda s: forget(s, "TELEGRAM_WEBHOOK_SECRET"),
        "broken",
        "TELEGRAM_WEBHOOK_SECRET",
    ),
    "the page's token is dead": (
        lambda s: store(s, "MESSENGER_PAGE_TOKEN", "revoked"),
        "broken",
        "MESSENGER_PAGE_TOKEN",
    ),
    "our webhook has another verify token": (
        lambda s: store(s, "MESSENGER_VERIFY_TOKEN", "rotated"),
        "broken",
        "Messenger handshake",
    ),
    "Messenger calls nobody": (
        lambda s: s.graph.subscriptions.clear(),
        "broken",
        "Messenger webhook",
    ),
    "Messenger calls elsewhere": (
        lambda s: s.graph.subscriptions["page"].update(callback_url="https://other.example.com"),
        "broken",
        "Messenger webhook",
    ),
    "Meta took the app off the page": (
        lambda s: setattr(s.graph, "subscribed_fields", []),
        "broken",
        "Messenger page",
    ),
    "a dead letter": (bury, "broken", "dead letters"),
    "a full queue": (fill, "warning", "queue"),
    "the table is gone": (
        lambda s: s.aws_faults.add(
            Fault("status", "DescribeTable", status=400, code="ResourceNotFoundException")
        ),
        "broken",
        "table",
    ),
    "nothing expires": (lambda s: ttl(s, False), "broken", "table's TTL"),
    "a function fails": (
        lambda s: s.recorder.add("lambda", "WorkerFunction", time.time(), 500, b"{}", b"{}"),
        "broken",
        "WorkerFunction's errors",
    ),
}


def test_a_stack_that_is_well_is_green(doctor: Doctor) -> None:
    levels = doctor()
    assert set(levels.values()) == {"ok"}, levels
    named = {name for _, _, name in PLANTED.values()}
    only_if_wrong = {
        "WEB_ACCESS",
        "WEB_ACCESS_CODE",
        "model server",
        "settings",
        "TELEGRAM_WEBHOOK_SECRET",
    }
    assert named - levels.keys() == only_if_wrong | {"WorkerFunction's errors"}
    assert "test message" in levels


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(stack: Stack, doctor: Doctor, name: str) -> None:
    plant, level, line = PLANTED[name]
    plant(stack)
    assert doctor("--no-message").get(line) == level


def test_a_clock_that_is_off(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("monotonic", "sleep", "time_ns")
    ahead = SimpleNamespace(
        time=lambda: time.time() + 60, **{name: getattr(time, name) for name in names}
    )
    monkeypatch.setattr("ops.talk.time", ahead)
    assert doctor("--no-message")["clock"] == "warning"


def test_a_message_that_nobody_answers(stack: Stack, doctor: Doctor) -> None:
    stack.openai.faults.add(Fault("status", match="chat/completions", times=0, status=503))
    assert doctor("--patience", "1")["test message"] == "broken"


def test_a_message_that_the_model_refuses(stack: Stack, doctor: Doctor) -> None:
    stack.openai.faults.add(Fault("status", match="chat/completions", times=0, status=400))
    assert doctor("--patience", "10")["test message"] == "broken"


def test_no_stack_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--local", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
