"""The web function: where the page's files and the conversation table meet."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import boto3

from chatbot.channels.web.site import Website, messages
from chatbot.doors import NOT_FOUND, Closed
from chatbot.history import Table
from chatbot.http import Handler, Request, Response
from chatbot.parameters import Parameters
from chatbot.telemetry import Telemetry
from chatbot.wiring.clients import client_config
from chatbot.wiring.gateway import handler_of


def build(environ: Mapping[str, str], folder: Path) -> Handler:
    """The function's handler; `folder` holds `index.html` and `assets/`."""
    telemetry = Telemetry("web")
    config = client_config()
    parameters = Parameters(environ, "web", boto3.client("ssm", config=config), telemetry)
    dynamodb = boto3.client("dynamodb", config=config)
    website = Website(folder)
    closed = Closed(telemetry)

    def answer(request: Request) -> Response:
        settings = parameters.settings()
        if request.method != "GET":
            return NOT_FOUND
        if not settings.web_session_key:
            return closed.answer("web", "WEB_SESSION_KEY")
        if request.path == "/":
            return website.page(request, settings.web_session_key)
        if request.path == "/web/messages":
            table = Table(dynamodb, settings.table_name, _now, settings.retention_days)
            return messages(request, settings.web_session_key, table)
        return website.asset(request) or NOT_FOUND

    return handler_of(answer, "web", telemetry)


def _now() -> int:
    return time.time_ns() // 1_000_000
