"""The webhook function: passes each request to its channel and queues what the channel accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3

from chatbot.adapters.sqs import Sender
from chatbot.adapters.ssm import Parameters
from chatbot.adapters.telemetry import Telemetry
from chatbot.bootstrap import channels
from chatbot.bootstrap.aws import client_config
from chatbot.bootstrap.handler import handler_of
from chatbot.channels.description import ChannelDescription, load
from chatbot.core.message import Stop
from chatbot.core.settings import Settings
from chatbot.edge.http import Handler, Inbound, MakeInbound, Request, Response
from chatbot.edge.webhook import NOT_FOUND, ClosedChannels, handle

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def build(environ: Mapping[str, str]) -> Handler:
    """Return the function's handler; the AWS clients are created here, in Lambda's init phase."""
    telemetry = Telemetry("webhook")
    config = client_config()
    parameters = Parameters(environ, "webhook", boto3.client("ssm", config=config), telemetry)
    sender = Sender(boto3.client("sqs", config=config), environ["QUEUE_URL"], telemetry)
    stops = _Stops(environ, boto3.DEFAULT_SESSION)
    return handler_of(_Webhook(parameters, sender, stops, telemetry).answer, "webhook", telemetry)


class _Stops:
    """Writes requests to stop an answer into the table.

    They are rare, so the DynamoDB client is created only for the first one and does not slow down
    cold starts. `session` is the one that the other clients come from.
    """

    def __init__(self, environ: Mapping[str, str], session: boto3.Session | None) -> None:
        self._table_name = environ.get("TABLE_NAME", "")
        self._endpoint = environ.get("AWS_ENDPOINT_URL") or None
        self._session = session or boto3.Session()
        self._client: DynamoDBClient | None = None

    def put(self, stop: Stop) -> None:
        """Store the request to stop. Raises HistoryUnavailable."""
        from chatbot.adapters.dynamodb.state import put_stop

        if self._client is None:
            self._client = self._session.client(
                "dynamodb", config=client_config(), endpoint_url=self._endpoint
            )
        put_stop(self._client, self._table_name, stop)


class _Webhook:
    """Routes requests to inbound channels, which it keeps until the settings change."""

    def __init__(
        self, parameters: Parameters, sender: Sender, stops: _Stops, telemetry: Telemetry
    ) -> None:
        self._parameters = parameters
        self._sender = sender
        self._stops = stops
        self._telemetry = telemetry
        self._closed = ClosedChannels(telemetry)
        self._channels: dict[str, tuple[ChannelDescription, MakeInbound]] = {}
        for channel in channels.CHANNELS:
            self._channels |= dict.fromkeys(channel.routes, (channel, load(channel.inbound)))
        self._settings: Settings | None = None
        self._inbounds: dict[str, Inbound] = {}

    def answer(self, request: Request) -> Response:
        found = self._channels.get(f"{request.method} {request.path}")
        if found is None:
            return NOT_FOUND
        channel, make = found
        settings = self._parameters.settings()
        missing = channel.missing(channel.webhook_needs, settings)
        if missing:
            return self._closed.answer(channel.name, ", ".join(missing))
        if settings is not self._settings:
            self._settings, self._inbounds = settings, {}
        if channel.name not in self._inbounds:
            self._inbounds[channel.name] = make(settings)
        inbound, explain = self._inbounds[channel.name], channel.explains_refusals
        return handle(request, inbound, self._sender, self._stops.put, self._telemetry, explain)
