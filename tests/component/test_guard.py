"""What protects the HTTP endpoints: no other routes, strict response headers, limits of size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from chatbot.adapters.sqs import MAX_BYTES
from chatbot.bootstrap import web, webhook
from chatbot.channels.web.inbound import MAX_BODY, MAX_TEXT
from chatbot.channels.web.session import new_session, set_cookie
from chatbot.edge.http import STRICT_HEADERS, Handler
from tests.component.conftest import TEMPLATE, Aws

PAGE = Path(__file__).parents[2] / "functions" / "web"
SECRETS = {
    "TELEGRAM_BOT_TOKEN": "42:telegram-bot-token",
    "TELEGRAM_WEBHOOK_SECRET": "telegram-webhook-secret",
    "MESSENGER_APP_SECRET": "messenger-app-secret",
    "MESSENGER_VERIFY_TOKEN": "messenger-verify-token",
    "MESSENGER_PAGE_ID": "page",
    "WEB_ACCESS": "open",
    "WEB_SESSION_KEY": "web-session-key",
}
ORIGIN = "https://chat.example"
TELEGRAM = {"x-telegram-bot-api-secret-token": SECRETS["TELEGRAM_WEBHOOK_SECRET"]}
Call = Callable[..., dict[str, Any]]


class Context:
    aws_request_id = "request"


@pytest.fixture
def call(aws: Aws) -> Call:
    """Send a request to the function of its route."""
    environ = {
        **SECRETS,
        "QUEUE_URL": aws.names["MessageQueue"],
        "TABLE_NAME": aws.names["ConversationTable"],
    }
    page, hook = web.build(environ, PAGE), webhook.build(environ)

    def request(
        route: str, body: str = "", headers: Mapping[str, str] | None = None, cookie: str = ""
    ) -> dict[str, Any]:
        method, path = route.split(" ")
        event = {
            "rawPath": path,
            "headers": {"host": "chat.example", "x-forwarded-proto": "https", **(headers or {})},
            "cookies": [cookie] if cookie else [],
            "requestContext": {"http": {"method": method, "path": path}},
            "body": body,
        }
        handler: Handler = hook if method == "POST" or path == "/messenger" else page
        return handler(event, Context())

    return request


def queued(aws: Aws) -> int:
    answer = aws.sqs.get_queue_attributes(
        QueueUrl=aws.names["MessageQueue"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def from_page(text: str, padding: int = 0) -> tuple[str, dict[str, str], str]:
    """Return body, headers and cookie of a request of the page."""
    body = {"text": text, "id": "m1", "sent_at": int(time.time() * 1000)}
    cookie = set_cookie(new_session(), SECRETS["WEB_SESSION_KEY"], secure=True).partition(";")[0]
    headers = {"content-type": "application/json", "origin": ORIGIN}
    return json.dumps(body) + " " * padding, headers, cookie


def update(text: str) -> str:
    person = {"id": 7, "is_bot": False, "first_name": "Ada"}
    chat = {"id": 7, "type": "private", "first_name": "Ada"}
    message = {"message_id": 1, "date": 1_795_262_400, "chat": chat, "from": person, "text": text}
    return json.dumps({"update_id": 1, "message": message})


def test_there_is_no_way_in_but_the_api() -> None:
    resources = yaml_parse(TEMPLATE.read_text())["Resources"]
    kinds = {resource["Type"] for resource in resources.values()}
    assert not kinds & {"AWS::Lambda::Url", "AWS::Serverless::Api", "AWS::Lambda::Permission"}
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::Function":
            assert "FunctionUrlConfig" not in resource["Properties"]
            events = resource["Properties"].get("Events", {}).values()
            assert {event["Type"] for event in events} <= {"HttpApi", "SQS"}


def test_no_other_origin_is_ever_named() -> None:
    source = yaml_parse(TEMPLATE.read_text())
    assert "CorsConfiguration" not in source["Resources"]["Api"]["Properties"]
    assert "HttpApi" not in source.get("Globals", {})


def test_what_the_scan_lets_pass_has_its_reason() -> None:
    source = TEMPLATE.read_text()
    assert source.count("- id: CKV_") == source.count("            comment: ")
    for resource in yaml_parse(source)["Resources"].values():
        for rule in resource.get("Metadata", {}).get("checkov", {}).get("skip", ()):
            assert len(rule["comment"]) > 20


@pytest.mark.parametrize(
    ("route", "status"),
    [
        ("GET /", 200),
        ("GET /assets/none.js", 404),
        ("GET /web/messages", 401),
        ("GET /messenger", 403),
        ("POST /telegram", 401),
        ("POST /messenger", 401),
        ("POST /web/messages", 403),
        ("POST /elsewhere", 404),
    ],
)
def test_every_answer_is_strict(call: Call, route: str, status: int) -> None:
    answer = call(route)
    assert answer["statusCode"] == status
    headers = answer["headers"]
    assert STRICT_HEADERS.keys() <= headers.keys()
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "unsafe" not in headers["content-security-policy"]
    assert not any(name.startswith("access-control-") for name in headers)


def test_the_page_sends_no_more_than_it_may(aws: Aws, call: Call) -> None:
    assert call("POST /web/messages", *from_page("x" * (MAX_TEXT + 1)))["statusCode"] == 400
    assert call("POST /web/messages", *from_page("x", padding=MAX_BODY))["statusCode"] == 413
    assert queued(aws) == 0
    assert call("POST /web/messages", *from_page("x" * MAX_TEXT))["statusCode"] == 202
    assert queued(aws) == 1


def test_what_the_queue_cannot_take_is_left_out(aws: Aws, call: Call) -> None:
    """Answered with 200: the platform would repeat it, and hold back the chat meanwhile."""
    assert call("POST /telegram", update("x" * MAX_BYTES), TELEGRAM)["statusCode"] == 200
    assert queued(aws) == 0
    assert call("POST /telegram", update("x" * 4096), TELEGRAM)["statusCode"] == 200
    assert queued(aws) == 1
