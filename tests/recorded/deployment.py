"""Run webhook, worker and the page's function by their entry points, in one AWS of moto.

Nothing here depends on the package's own types: HTTP events go in; messages of the queue, calls of
platforms and model, and items of the table come out.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from chatbot.bootstrap import web, webhook, worker
from local.http.server import serve
from local.standins.graph import GraphStandIn
from local.standins.openai import OpenAIStandIn
from local.standins.telegram import TelegramStandIn
from tests.component.conftest import Aws
from tests.component.test_web_function import FOLDER

SETTINGS = {
    "TELEGRAM_BOT_TOKEN": "123456:recorded-token",
    "TELEGRAM_WEBHOOK_SECRET": "recorded-telegram-secret",
    "TELEGRAM_BOT_USERNAME": "recorded_bot",
    "MESSENGER_APP_ID": "100000000000001",
    "MESSENGER_APP_SECRET": "recorded-messenger-app-secret",
    "MESSENGER_VERIFY_TOKEN": "recorded-verify-token",
    "MESSENGER_PAGE_ID": "200000000000002",
    "MESSENGER_PAGE_TOKEN": "recorded-page-token",
    "OPENAI_API_KEY": "recorded-openai-key",
    "WEB_ACCESS": "code",
    "WEB_ACCESS_CODE": "sesame",
    "WEB_SESSION_KEY": "recorded-web-session-key-0123456789",
    "PERSONAS": '{"Poet": "You are a poet."}',
    "DAILY_MESSAGES": "50",
    "DAILY_TOTAL": "1000",
    "MAX_TOKENS": "2000",
    "RETRY_DELAY": "10ms",
}
SECONDS = 60
"""Seconds that an invocation may take."""


@dataclass(frozen=True)
class Context:
    """Lambda's context object."""

    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return SECONDS * 1000


@dataclass
class Deployment:
    """Functions and their surroundings. `clock` is the time for all, in epoch milliseconds."""

    aws: Aws
    clock: list[int]
    telegram: TelegramStandIn
    graph: GraphStandIn
    openai: OpenAIStandIn
    environ: dict[str, str]
    again: int = 0
    handed_back: int = 0

    def build(self, **settings: str) -> None:
        """Build the functions again; `settings` override those there were."""
        environ = {**self.environ, **settings}
        self.webhook, self.worker = webhook.build(environ), worker.build(environ)
        self.web = web.build(environ, FOLDER)

    def call(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make an HTTP request: `at`, `route`, `headers`, `cookies`, `query`, `body` (a text)."""
        self.clock[0] = request["at"]
        method, path = request["route"].split(" ")
        event = {
            "version": "2.0",
            "routeKey": request["route"],
            "rawPath": path,
            "headers": dict(request.get("headers", {})),
            "cookies": list(request.get("cookies", ())),
            "queryStringParameters": request.get("query"),
            "requestContext": {"http": {"method": method, "path": path}},
            "body": base64.b64encode(request.get("body", "").encode()).decode(),
            "isBase64Encoded": True,
        }
        function = self.web if method == "GET" else self.webhook
        return function(event, Context())

    def enqueue(self, queued: Mapping[str, str]) -> None:
        """Send `body` to `group` again, as a redrive of dead letters does."""
        self.again += 1
        self.aws.sqs.send_message(
            QueueUrl=self.environ["QUEUE_URL"],
            MessageBody=queued["body"],
            MessageGroupId=queued["group"],
            MessageDeduplicationId=f"again-{self.again}",
        )

    def queued(self) -> list[dict[str, Any]]:
        """Receive up to ten messages as SQS returns them, and delete them from the queue."""
        url = self.environ["QUEUE_URL"]
        answer = self.aws.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        received: list[Any] = answer.get("Messages", [])
        return received

    def work(self, receive_count: int = 1) -> list[dict[str, str]]:
        """Run a batch through the worker, and delete its messages whether they succeeded or not."""
        received = self.queued()
        records = [
            {
                "messageId": each["MessageId"],
                "receiptHandle": each["ReceiptHandle"],
                "body": each["Body"],
                "attributes": {
                    **each["Attributes"],
                    "ApproximateReceiveCount": str(receive_count),
                    "SentTimestamp": str(self.clock[0]),
                    "ApproximateFirstReceiveTimestamp": str(self.clock[0]),
                },
                "eventSource": "aws:sqs",
            }
            for each in received
        ]
        answer = self.worker({"Records": records}, Context())
        self.handed_back += len(answer["batchItemFailures"])
        return self.drop(received)

    def drop(self, received: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
        """Delete messages. Returns what identifies each."""
        for each in received:
            self.aws.sqs.delete_message(
                QueueUrl=self.environ["QUEUE_URL"], ReceiptHandle=each["ReceiptHandle"]
            )
        return [
            {
                "body": each["Body"],
                "group": each["Attributes"]["MessageGroupId"],
                "deduplication": each["Attributes"]["MessageDeduplicationId"],
            }
            for each in received
        ]

    def play(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make a request, and run the worker for what it queued."""
        with self.watched() as seen:
            self.call(request)
            self.work()
        return seen

    @contextmanager
    def watched(self) -> Iterator[dict[str, list[Any]]]:
        """Collect the calls to model and platforms inside the block; complete when it is left."""
        seen: dict[str, list[Any]] = {}
        standins = (self.openai, self.telegram, self.graph)
        before = [len(standin.accepted) for standin in standins]
        yield seen
        asked, sent, called = (
            standin.accepted[count:] for standin, count in zip(standins, before, strict=True)
        )
        seen["prompts"] = [
            call.params["messages"] for call in asked if call.method == "chat/completions"
        ]
        seen["drawn"] = [
            call.params["prompt"] for call in asked if call.method == "images/generations"
        ]
        posts = [_posted(call.params) for call in sent if call.method.startswith("send")]
        posts += [_posted(call.params) for call in called if call.method == "POST messages"]
        seen["posts"] = [post for post in posts if post]

    def put_items(self, items: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(items), 25):
            puts: Any = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            self.aws.dynamodb.batch_write_item(RequestItems={self.environ["TABLE_NAME"]: puts})

    def items(self) -> list[dict[str, Any]]:
        """Return all items of the table, in order."""
        pages = self.aws.dynamodb.get_paginator("scan").paginate(
            TableName=self.environ["TABLE_NAME"]
        )
        found: list[Any] = [item for page in pages for item in page["Items"]]
        found.sort(key=lambda item: (item["pk"]["S"], item["sk"]["S"]))
        return [dict(sorted(item.items())) for item in found]

    def files(self) -> dict[str, str]:
        """Return the generated files' texts by name; "" for pictures."""
        s3, bucket = boto3.client("s3"), self.environ["FILES_BUCKET"]
        names = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
        return {
            name: steady(s3.get_object(Bucket=bucket, Key=name)["Body"].read().decode())
            if name.endswith(".json")
            else ""
            for name in names
        }


def changed(before: Sequence[Any], after: Sequence[Any]) -> Any:
    """Return the new and changed items, without the claims' tokens, which are random.

    Without `plain` and `html`, too, which version 1 did not have.
    """
    items = [item for item in after if item not in before]
    text = json.dumps([{n: each[n] for n in each if n not in ("plain", "html")} for each in items])
    return json.loads(re.sub(r'("claim_token": \{"S": ")[0-9a-f]{32}', r"\1…", steady(text)))


def steady(text: str) -> str:
    """Replace the random ids of the Graph API's stand-in in a text."""
    return re.sub("m_[0-9a-f]{32}", "m_…", text)


def _posted(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a post's recipient and content."""
    names = ("chat_id", "message_thread_id", "text", "caption", "reply_markup", "reply_parameters")
    shown = {name: params[name] for name in names if name in params}
    if "recipient" in params and "message" in params:
        message = {k: v for k, v in params["message"].items() if k in ("text", "quick_replies")}
        shown = {"recipient": params["recipient"], **message}
    return shown


@contextmanager
def deployed(aws: Aws, monkeypatch: pytest.MonkeyPatch, now: int) -> Iterator[Deployment]:
    """Make a deployment, at epoch milliseconds `now`."""
    clock = [now]
    monkeypatch.setattr(time, "time_ns", lambda: clock[0] * 1_000_000)
    names = ("APP_ID", "APP_SECRET", "PAGE_ID", "PAGE_TOKEN")
    telegram = TelegramStandIn(SETTINGS["TELEGRAM_BOT_TOKEN"], SETTINGS["TELEGRAM_BOT_USERNAME"])
    graph = GraphStandIn(*(SETTINGS[f"MESSENGER_{name}"] for name in names))
    openai = OpenAIStandIn(SETTINGS["OPENAI_API_KEY"])
    servers = [serve(app) for app in (telegram, graph, openai)]
    environ = {
        **SETTINGS,
        "TELEGRAM_API_URL": servers[0].url,
        "GRAPH_API_URL": f"{servers[1].url}/v26.0",
        "OPENAI_BASE_URL": f"{servers[2].url}/v1",
        "TABLE_NAME": aws.names["ConversationTable"],
        "QUEUE_URL": aws.names["MessageQueue"],
        "DEAD_LETTER_QUEUE_URL": aws.names["DeadLetterQueue"],
        "FILES_BUCKET": aws.names["FilesBucket"],
    }
    deployment = Deployment(aws, clock, telegram, graph, openai, environ)
    deployment.build()
    try:
        yield deployment
    finally:
        for server in servers:
            server.close()
