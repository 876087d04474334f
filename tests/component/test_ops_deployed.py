"""`ops` on a deployed stack, found by its name in moto's AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from werkzeug.wrappers import Response

from local.http.server import serve
from ops import doctor, resources, target
from ops.__main__ import main
from ops.findings import Finding, Level
from ops.target import Target
from tests.component.conftest import Aws, Queues

ADA = "telegram:1001"


@pytest.fixture
def stack(aws: Aws, queues: Queues) -> Target:
    names = {
        "TableName": aws.names["ConversationTable"],
        "QueueUrl": queues.messages,
        "DeadLetterQueueUrl": queues.dead_letters,
    }
    return Target(boto3.Session(), None, names, stack="chatbot")


@pytest.fixture
def url() -> Iterator[str]:
    """The URL of a web page that is off."""
    server = serve(Response("no", 404))
    yield server.url
    server.close()


def levels(findings: Iterator[Finding]) -> dict[str, str]:
    return {finding.name: finding.level.value for finding in findings}


def measure(namespace: str, name: str, value: float, **dimensions: str) -> None:
    boto3.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions.items()],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=2),
                "Value": value,
            }
        ],
    )


def test_queues_and_the_age_of_the_oldest_message(stack: Target) -> None:
    assert levels(resources.queues(stack)) == {
        "queue": "ok",
        "dead letters": "ok",
        "oldest message": "ok",
    }
    name = "chatbot-messages.fifo"
    measure("AWS/SQS", "ApproximateAgeOfOldestMessage", 400, QueueName=name)
    assert levels(resources.queues(stack))["oldest message"] == "broken"


def test_a_table_whose_items_never_expire(stack: Target) -> None:
    found = levels(resources.table(stack))
    assert found == {"table": "ok", "table's TTL": "broken"}  # moto does not heed the template's
    stack.client("dynamodb").update_time_to_live(
        TableName=stack.names["TableName"],
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
    )
    assert set(levels(resources.table(stack)).values()) == {"ok"}


def test_functions_that_failed(stack: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"WorkerFunction": "chatbot-Worker-1", "WebFunction": "chatbot-Web-1"}
    monkeypatch.setattr(resources, "function_names", lambda _: names)
    assert levels(resources.functions(stack, "")) == {"functions": "ok"}
    measure("AWS/Lambda", "Errors", 3, FunctionName="chatbot-Worker-1")
    (finding,) = resources.functions(stack, "")
    assert (finding.name, finding.text) == ("WorkerFunction's errors", "3 within a day")


def test_the_stacks_functions_are_found(stack: Target) -> None:
    assert resources.function_names(stack) == {}  # this one has none


def test_outputs_name_the_resources(aws: Aws) -> None:
    found = target._deployed("chatbot")
    assert found.names["TableName"] == aws.names["ConversationTable"]
    assert (found.stack, found.local) == ("chatbot", False)


@pytest.mark.parametrize(("deployed", "named"), [("0.8.0", "0.8.0"), ("", "unknown")])
def test_a_stack_of_another_version_is_named(deployed: str, named: str) -> None:
    finding = doctor._version(deployed)
    assert (finding.name, finding.level) == ("version", Level.WARNING)
    assert finding.text.startswith(f"{named} is deployed, ")


@pytest.mark.parametrize("command", ["doctor", "register", "stats", "tail", "redrive --all"])
def test_a_stack_that_is_not_there_is_one_line(
    aws: Aws, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([*command.split(), "--stack", "nowhere"]) == 1
    assert capsys.readouterr().err.startswith("stack nowhere: ")


def log(name: str, *lines: str) -> None:
    logs = boto3.client("logs")
    group = f"/aws/lambda/chatbot/{name}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + n, "message": line} for n, line in enumerate(lines)]
    if events:
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def test_tail_shows_lines_of_every_function(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    def line(message: str, conversation: str) -> str:
        entry = {"level": "INFO", "message": message, "timestamp": "2026-11-21 12:00:00,000+0000"}
        return json.dumps({**entry, "service": "any", "conversation": conversation})

    log("webhook", line("queued", ADA), line("queued", "web:other"))
    log("worker", "START RequestId: 1", line("stored", ADA), json.dumps({"_aws": {}}))
    log("web")
    log("setup")
    assert main(["tail", "--once", "--conversation", ADA]) == 0
    shown = capsys.readouterr().out
    assert [each.split()[2] for each in shown.splitlines()] == ["queued", "stored"]
    assert main(["tail", "--once"]) == 0
    assert "web:other" in capsys.readouterr().out


def test_the_doctor_names_what_is_missing(
    aws: Aws, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = target._deployed("chatbot")
    names = {**found.names, "ApiUrl": url, "ParameterPath": "/chatbot"}
    monkeypatch.setattr(
        "ops.doctor.target.find", lambda _: Target(found.session, None, names, stack="chatbot")
    )
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    for line in ("broken   OPENAI_API_KEY", "broken   table's TTL", "ok       oldest message"):
        assert line in out
    assert "off, as expected" in out
