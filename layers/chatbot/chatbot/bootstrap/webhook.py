"""The webhook function: passes each request to its channel and queues what the channel accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import boto3

from chatbot.adapters.sqs import Sender
from chatbot.adapters.ssm import Parameters
from chatbot.adapters.telemetry import Telemetry
from chatbot.bootstrap import channels
from chatbot.bootstrap.aws import client_config, lazy_client
from chatbot.bootstrap.handler import handler_of
from chatbot.channels.description import ChannelDescription, load
from chatbot.core.message import Stop
from chatbot.core.settings import Settings
from chatbot.edge.http import Handler, Inbound, MakeInbound, Request, Response
from chatbot.edge.webhook import NOT_FOUND, ClosedChannels, handle


def build(environ: Mapping[str, str]) -> Handler:
    """Return the function's handler; the AWS clients are created here, in Lambda's init phase."""
    telemetry = Telemetry("webhook")
    config = client_config()
    parameters = Parameters(environ, "webhook", boto3.client("ssm", config=config), telemetry)
    sender = Sender(boto3.client("sqs", config=config), environ["QUEUE_URL"], telemetry)
    dynamodb = lazy_client("dynamodb", config, environ)

    def store_stop(stop: Stop) -> None:
        # Such requests are rare, so a cold start does not load what stores them.
        from chatbot.adapters.dynamodb.state import put_stop

        put_stop(dynamodb(), environ.get("TABLE_NAME", ""), stop)

    webhook = _Webhook(parameters, sender, store_stop, telemetry)
    return handler_of(webhook.answer, "webhook", telemetry)


class _Webhook:
    """Routes requests to inbound channels, which it keeps until the settings change."""

    def __init__(
        self,
        parameters: Parameters,
        sender: Sender,
        put_stop: Callable[[Stop], None],
        telemetry: Telemetry,
    ) -> None:
        self._parameters = parameters
        self._sender = sender
        self._put_stop = put_stop
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
        return handle(request, inbound, self._sender, self._put_stop, self._telemetry, explain)
