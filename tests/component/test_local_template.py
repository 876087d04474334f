"""What the local stack takes from template.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.cloud.template import ROOT, EventSource, Route, Template


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.read()


def test_every_route_leads_to_its_function(template: Template) -> None:
    assert set(template.routes) >= {
        Route("POST", "/telegram", "WebhookFunction"),
        Route("GET", "/messenger", "WebhookFunction"),
        Route("POST", "/messenger", "WebhookFunction"),
        Route("POST", "/web/messages", "WebhookFunction"),
        Route("POST", "/web/stop", "WebhookFunction"),
        Route("GET", "/", "WebFunction"),
        Route("GET", "/assets/{file}", "WebFunction"),
        Route("GET", "/web/messages", "WebFunction"),
        Route("GET", "/web/files/{name}", "WebFunction"),
    }


def test_the_queue_feeds_the_worker(template: Template) -> None:
    assert template.sources == (
        EventSource("WorkerFunction", "MessageQueue", batch_size=10, partial=True),
    )


def test_functions_are_run_from_their_folders(template: Template) -> None:
    assert template.code == {
        "WebhookFunction": ROOT / "functions/webhook",
        "WorkerFunction": ROOT / "functions/worker",
        "WebFunction": ROOT / "functions/web",
        "SetupFunction": ROOT / "functions/setup",
    }
    assert set(template.handlers.values()) == {"app.handler"}


def test_a_resource_that_is_renamed_is_renamed_here(tmp_path: Path) -> None:
    text = (ROOT / "template.yaml").read_text()
    (tmp_path / "template.yaml").write_text(
        text.replace("WorkerFunction", "AnswerFunction").replace("ConversationTable", "TurnTable")
    )
    template = Template.read(tmp_path)
    assert template.sources[0].function == "AnswerFunction"
    assert template.code["AnswerFunction"] == tmp_path / "functions/worker"
    assert "TurnTable" in template.stack["Resources"]


def test_what_moto_gets_wrong_is_left_out(template: Template) -> None:
    kinds = {resource["Type"] for resource in template.stack["Resources"].values()}
    assert kinds == {
        "AWS::DynamoDB::Table",
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
    }
