"""The built functions work with the built layers alone: a missing dependency shows here."""

from __future__ import annotations

import base64
import gzip
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local import config
from local.cli.invoke import signed
from local.cloud.aws import CREDENTIALS, Aws
from local.cloud.event_source import to_event
from local.cloud.rie import Rie
from local.cloud.runtime import Function
from local.cloud.template import ROOT, Template
from local.http.server import serve
from local.standins.base import StandIn
from local.standins.graph import GraphStandIn
from local.standins.openai import OpenAIStandIn
from local.standins.people import Signer
from local.standins.telegram import TelegramStandIn

SAMPLE_TIME = "1795262400"  # of the sample events


class World:
    """The built functions, and the AWS and platforms that they call."""

    def __init__(self, opening: ExitStack, python: str, built: Path, runtime: Path) -> None:
        values = config.DEVELOPMENT
        self.signer = Signer(values)
        self.platforms: dict[str, StandIn] = {
            "telegram": TelegramStandIn(values["TELEGRAM_BOT_TOKEN"]),
            "messenger": GraphStandIn(
                app_id=values["MESSENGER_APP_ID"],
                app_secret=values["MESSENGER_APP_SECRET"],
                page_id=values["MESSENGER_PAGE_ID"],
                page_token=values["MESSENGER_PAGE_TOKEN"],
            ),
        }
        self.model = OpenAIStandIn(values["OPENAI_API_KEY"])
        template = Template.read(ROOT)
        self.aws = Aws()
        opening.callback(self.aws.close)
        self.aws.create(template, {})
        urls = []
        for standin in (*self.platforms.values(), self.model):
            server = serve(standin)
            opening.callback(server.close)
            urls.append(server.url)
        addresses = {
            "TELEGRAM_API_URL": urls[0],
            "GRAPH_API_URL": urls[1] + "/v26.0",
            "OPENAI_BASE_URL": urls[2] + "/v1",
        }
        path = self.aws.environments["WebhookFunction"]["PARAMETER_PATH"]
        self.aws.put_settings(path, {**values, **addresses})
        self.queue = self.aws.environments["WorkerFunction"]["QUEUE_URL"]
        layers = [built / layer / "python" for layer in ("DependenciesLayer", "ChatbotLayer")]
        self._functions = {}
        for name in template.code:
            environment = {
                **CREDENTIALS,
                **self.aws.environments[name],
                "AWS_ENDPOINT_URL": self.aws.url,
                "PATH": os.defpath,
                "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's disk is read-only
            }
            function = Function(name, built / name, template.handlers[name], 30, environment)
            # Without site-packages: what the layers lack is not to be found.
            started = Rie(function, print, (*layers, runtime), (python, "-S"))
            opening.callback(started.close)
            self._functions[name] = started

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function. Returns its response."""
        result = self._functions[function].invoke(json.dumps(event))
        assert not result.error, result.error
        return result.payload

    def sample(self, name: str) -> dict[str, Any]:
        """Return a sample event as if it had been sent just now."""
        event: dict[str, Any] = json.loads((ROOT / "events" / name).read_text())
        if "body" in event:
            event["body"] = event["body"].replace(SAMPLE_TIME, str(int(time.time())))
        return signed(event, self.signer)

    def receive(self) -> dict[str, Any]:
        """Receive the queue's messages as the worker's event."""
        answer = self.aws.sqs.receive_message(
            QueueUrl=self.queue,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
        )
        arn = f"arn:aws:sqs:eu-central-1:123456789012:{self.queue.rpartition('/')[2]}"
        return to_event(answer.get("Messages", []), arn)


@pytest.fixture(scope="module")
def world(python: str, built: Path, runtime: Path) -> Iterator[World]:
    with ExitStack() as opening:
        yield World(opening, python, built, runtime)


@pytest.mark.parametrize(
    ("channel", "method"), [("telegram", "sendMessage"), ("messenger", "messages")]
)
def test_a_message_goes_in_and_its_answer_comes_out(
    world: World, channel: str, method: str
) -> None:
    response = world.invoke("WebhookFunction", world.sample(f"{channel}/text.json"))
    assert response["statusCode"] == 200
    event = world.receive()
    assert len(event["Records"]) == 1
    report = world.invoke("WorkerFunction", event)
    assert report == {"batchItemFailures": []}
    posted = [json.dumps(call.params) for call in world.platforms[channel].accepted]
    asked = world.model.accepted[-1]
    assert any("Ada" in text for text in posted), posted
    assert "My name is Ada" in json.dumps(asked.params)


def test_the_page_is_served(world: World) -> None:
    response = world.invoke("WebFunction", world.sample("web/page.json"))
    assert response["statusCode"] == 200
    assert b"<html" in gzip.decompress(base64.b64decode(response["body"]))
    assert response["cookies"]
