"""The sample events of AWS SAM through `python -m local invoke`: answered, or refused in a line."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from samcli.lib.generated_sample_events.events import Events

from local.__main__ import FUNCTIONS
from local.cli import invoke as command
from local.cli.event_forms import refused
from local.stack import Options, Stack
from tests.modules import ROOT, run_module

EVENTS = Events()
ALL = [(service, event) for service, events in EVENTS.event_mapping.items() for event in events]
TAKEN = {
    ("WebhookFunction", "apigateway http-api-proxy"),
    ("WebFunction", "apigateway http-api-proxy"),
    ("WorkerFunction", "sqs receive-message"),
    ("SetupFunction", "cloudformation create-request"),
}
HTTP = "requests of an HTTP API with payload format 2.0"
SAM = Path(sys.executable).with_name("sam")


def _sample(service: str, event: str, **values: str) -> Any:
    """What `sam local generate-event SERVICE EVENT` prints, without starting it for each."""
    tags = EVENTS.event_mapping[service][event]["tags"]
    defaults = {name: tag.get("default") for name, tag in tags.items()}
    return json.loads(EVENTS.generate_event(service, event, defaults | values))


def _generated(*arguments: str) -> str:
    made = subprocess.run(
        [SAM, "local", "generate-event", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
    )
    return made.stdout


def _invoke(folder: Path, function: str, event: str) -> subprocess.CompletedProcess[str]:
    file = folder / "event.json"
    file.write_text(event, encoding="utf-8")
    done = run_module("local", "invoke", function, "--event", str(file))
    assert "Traceback" not in done.stderr
    return done


def test_the_sample_of_a_request_is_answered(tmp_path: Path) -> None:
    """It is for a path that nobody has."""
    done = _invoke(tmp_path, "WebhookFunction", _generated("apigateway", "http-api-proxy"))
    assert done.returncode == 0, done.stderr
    response = json.loads(done.stdout)
    assert (response["statusCode"], response["body"]) == (404, '{"error":"not found"}')


def test_a_message_of_ours_in_the_sample_of_a_queue_is_answered(tmp_path: Path) -> None:
    own = json.loads((ROOT / "events/worker/telegram.json").read_text(encoding="utf-8"))
    body = own["Records"][0]["body"].replace('"', '\\"')
    event = _generated("sqs", "receive-message", "--body", body)
    done = _invoke(tmp_path, "WorkerFunction", event)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"batchItemFailures": []}
    assert '"Answered":[1.0]' in done.stderr


def test_a_sample_of_another_kind_is_refused_in_one_line(tmp_path: Path) -> None:
    done = _invoke(tmp_path, "WebhookFunction", _generated("apigateway", "aws-proxy"))
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"{tmp_path / 'event.json'}: WebhookFunction takes {HTTP}")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(Options(poll=False)) as running:
        yield running


@pytest.fixture
def answer(
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[str, Any], tuple[Any, str]]:
    """Invoke a function as the command does, on a stack that runs already.

    Returns the response and the log.
    """
    monkeypatch.setattr(command, "Stack", lambda options: nullcontext(stack))

    def invoke(function: str, event: Any) -> tuple[Any, str]:
        file = tmp_path / "event.json"
        file.write_text(json.dumps(event), encoding="utf-8")
        assert command.invoke(function, file) == 0
        said = capsys.readouterr()
        return json.loads(said.out), said.err

    return invoke


@pytest.mark.parametrize(
    ("function", "tags", "status", "body"),
    [
        ("WebFunction", {"method": "GET"}, 404, {"error": "not found"}),
        ("WebFunction", {"method": "GET", "path": "web/messages"}, 200, {"turns": []}),
        # Its body is {"test": "body"}: authentic, and no event. Platforms would repeat a 4xx.
        ("WebhookFunction", {"path": "telegram"}, 200, {}),
        ("WebhookFunction", {"path": "messenger"}, 200, {}),
        (
            "WebhookFunction",
            {"path": "web/messages"},
            415,
            {"error": "content-type must be application/json"},
        ),
    ],
)
def test_a_request_to_each_path_is_answered(
    answer: Callable[[str, Any], tuple[Any, str]],
    function: str,
    tags: dict[str, str],
    status: int,
    body: dict[str, Any],
) -> None:
    response, _ = answer(function, _sample("apigateway", "http-api-proxy", **tags))
    assert response["statusCode"] == status
    said = json.loads(response["body"] or "{}")
    assert {name: said.get(name) for name in body} == body


def test_a_message_of_the_page_may_be_encoded(
    answer: Callable[[str, Any], tuple[Any, str]],
) -> None:
    event = json.loads((ROOT / "events/web/message.json").read_text(encoding="utf-8"))
    body = base64.b64encode(event["body"].encode()).decode()
    response, _ = answer("WebhookFunction", {**event, "body": body, "isBase64Encoded": True})
    assert response["statusCode"] in (200, 202)


def test_the_sample_of_a_message_is_handled(
    answer: Callable[[str, Any], tuple[Any, str]],
) -> None:
    """Its body is none of ours: the worker passes it to the dead letters, and says so."""
    response, log = answer("WorkerFunction", _sample("sqs", "receive-message"))
    assert response == {"batchItemFailures": []}
    assert "malformed" in log


def test_the_sample_of_a_custom_resource_is_answered(
    answer: Callable[[str, Any], tuple[Any, str]],
) -> None:
    response, _ = answer("SetupFunction", _sample("cloudformation", "create-request"))
    assert response["Status"] == "SUCCESS"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_sample_of_sam_is_taken_or_refused(
    tmp_path: Path,
    function: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Refused before a stack is started, which would take seconds for each."""
    started: Callable[..., None] = lambda *_: pytest.fail("a stack was started")  # noqa: E731
    monkeypatch.setattr(command, "Stack", started)
    assert len(ALL) > 60
    file = tmp_path / "event.json"
    for service, event in ALL:
        sample = _sample(service, event)
        if (function, f"{service} {event}") in TAKEN:
            assert refused(function, sample) == ""
            continue
        file.write_text(json.dumps(sample), encoding="utf-8")
        assert command.invoke(function, file) == 2, (service, event)
        said = capsys.readouterr()
        assert said.out == ""
        [line] = said.err.splitlines()
        assert line.startswith(f"{file}: {function} takes "), (service, event)


@pytest.mark.parametrize(
    ("content", "code"),
    [("[]", 2), ('"text"', 2), ("null", 2), ("{", 1), ("[" * 100_000, 1), ("\ud83d", 1)],
)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_file_of_anything_else_is_refused_in_one_line(
    tmp_path: Path,
    function: str,
    content: str,
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "event.json"
    file.write_bytes(content.encode("utf-8", "surrogatepass"))
    assert command.invoke(function, file) == code
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)


@pytest.mark.parametrize("name", ["headers", "queryStringParameters", "cookies", "body"])
def test_parts_of_another_form_are_named(name: str) -> None:
    event = _sample("apigateway", "http-api-proxy")
    assert refused("WebhookFunction", {**event, name: None}) == ""
    assert name in refused("WebhookFunction", {**event, name: 7})
