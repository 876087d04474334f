"""The web function: serves the page, its turns and files over GET."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import boto3

from chatbot.adapters.dynamodb.newcomers import NewcomerItems
from chatbot.adapters.dynamodb.turns import Table
from chatbot.adapters.s3 import CONFIG, Bucket
from chatbot.adapters.ssm import Parameters
from chatbot.adapters.telemetry import Telemetry
from chatbot.bootstrap.aws import client_config, lazy_client
from chatbot.bootstrap.handler import handler_of
from chatbot.channels.web.session import is_open, session_of
from chatbot.core.ports import now_ms
from chatbot.edge.http import Handler, Request, Response
from chatbot.edge.webhook import NOT_FOUND, ClosedChannels
from chatbot.site.newcomers import Newcomers
from chatbot.site.pages import Website, with_cookie
from chatbot.site.turns import file, messages


def build(environ: Mapping[str, str], folder: Path) -> Handler:
    """Return the function's handler; `folder` contains `index.html` and `assets/`."""
    telemetry = Telemetry("web")
    config = client_config()
    parameters = Parameters(environ, "web", boto3.client("ssm", config=config), telemetry)
    dynamodb = boto3.client("dynamodb", config=config)
    website = Website(folder, environ.get("FILES_ORIGIN", ""))
    s3 = lazy_client("s3", config.merge(CONFIG), environ)
    bucket = Bucket(environ.get("FILES_BUCKET", ""), s3)
    table_name = environ.get("TABLE_NAME", "")
    closed = ClosedChannels(telemetry)
    newcomers = Newcomers(NewcomerItems(dynamodb, table_name), telemetry, now_ms)

    def answer(request: Request) -> Response:
        settings = parameters.settings()
        if request.method != "GET":
            return NOT_FOUND
        if not settings.web_session_key:
            return closed.answer("web", "WEB_SESSION_KEY")
        if settings.web_access == "off":
            return closed.answer("web", "WEB_ACCESS")
        locked, now = not is_open(request.cookies, settings), now_ms()
        session = session_of(request.cookies, settings, now, secure=request.secure)
        if request.path == "/":
            return newcomers.refusal(request, settings) or website.page(request, settings, now)
        if request.path == "/web/messages":
            table = Table(dynamodb, table_name, now_ms, settings.retention_days)
            turns = messages(request, session, table, locked)
            return with_cookie(turns, request, settings, now)
        if request.path.startswith("/web/files/") and not locked:
            return file(request, session, bucket) or NOT_FOUND
        return website.asset(request, settings) or NOT_FOUND

    return handler_of(answer, "web", telemetry)
