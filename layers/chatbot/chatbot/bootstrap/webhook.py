"""The webhook function: passes each request to its channel and queues what the channel accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import boto3

from chatbot.adapters.sqs import Sender
from chatbot.adapters.ssm import Parameters
from chatbot.adapters.telemetry import Telemetry
from chatbot.bootstrap import channels
from chatbot.bootstrap.aws import brief, client_config, hasty, lazy_client
from chatbot.bootstrap.handler import handler_of
from chatbot.channels.description import ChannelDescription, load
from chatbot.core.message import Envelope, Stop
from chatbot.core.ports import Places, WaitingRoom, now_ms
from chatbot.core.settings import Settings
from chatbot.edge.door import Admitted, Door
from chatbot.edge.http import Handler, Inbound, MakeInbound, Request, Response
from chatbot.edge.webhook import NOT_FOUND, ClosedChannels, handle, judge_none


def build(environ: Mapping[str, str]) -> Handler:
    """Return the function's handler; the AWS clients are created here, in Lambda's init phase."""
    telemetry = Telemetry("webhook")
    config = client_config()
    parameters = Parameters(environ, "webhook", boto3.client("ssm", config=config), telemetry)
    sender = Sender(boto3.client("sqs", config=brief(config)), environ["QUEUE_URL"], telemetry)
    dynamodb = lazy_client("dynamodb", config, environ)
    places = lazy_client("dynamodb", hasty(config), environ)
    door = Door(_LazyRoom(places, environ.get("TABLE_NAME", "")), telemetry, now_ms)
    closed = ClosedChannels(telemetry)
    routes: dict[str, tuple[ChannelDescription, MakeInbound]] = {}
    for each in channels.CHANNELS:
        routes |= dict.fromkeys(each.routes, (each, load(each.inbound)))
    inbounds: dict[str, tuple[Settings, Inbound]] = {}  # with the settings that each was made for

    def store_stop(stop: Stop) -> None:
        # Such requests are rare, so a cold start does not load what stores them.
        from chatbot.adapters.dynamodb.state import put_stop

        put_stop(dynamodb(), environ.get("TABLE_NAME", ""), stop)

    def judge(address: str, *, right: bool) -> int:
        from chatbot.adapters.dynamodb.guesses import GuessItems  # likewise

        guesses = GuessItems(dynamodb(), environ.get("TABLE_NAME", ""), now_ms)
        return guesses.judge(address, right=right)

    def answer(request: Request) -> Response:
        found = routes.get(f"{request.method} {request.path}")
        if found is None:
            return NOT_FOUND
        channel, make = found
        settings = parameters.settings()
        missing = channel.missing(channel.webhook_needs, settings)
        if missing:
            return closed.answer(channel.name, ", ".join(missing))
        made_for, inbound = inbounds.get(channel.name, (None, None))
        if inbound is None or made_for is not settings:
            inbound = make(settings)
            inbounds[channel.name] = settings, inbound
        explain = channel.explains_refusals

        def admit(envelopes: Sequence[Envelope]) -> Admitted:
            return door.admit(envelopes, settings, tell=not explain)

        judging = judge if settings.web_code_pause == "on" else judge_none
        return handle(request, inbound, sender, store_stop, telemetry, explain, admit, judging)

    return handler_of(answer, "webhook", telemetry)


class _LazyRoom:
    """Implements ports.WaitingRoom for the door; what it needs is loaded at the first call."""

    def __init__(self, client: Callable[[], Any], table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    @cached_property
    def _room(self) -> WaitingRoom:
        from chatbot.adapters.dynamodb.waiting import WaitingPlaces

        return WaitingPlaces(self._client(), self._table_name, now_ms)

    def take(self, conversation: str, events: int, most: int, stale: float) -> Places:
        """See ports.WaitingRoom."""
        return self._room.take(conversation, events, most, stale)

    def tell(self, conversation: str, most: int) -> int:
        """See ports.WaitingRoom."""
        return self._room.tell(conversation, most)

    def give_back(self, conversation: str, last: int, places: int, *, told: bool) -> None:
        """See ports.WaitingRoom."""
        self._room.give_back(conversation, last, places, told=told)

    def leave(self, conversation: str, place: int, most: int) -> None:
        """See ports.WaitingRoom."""
        self._room.leave(conversation, place, most)

    def leave_all(self, conversation: str, sent_at: int, most: int) -> None:
        """See ports.WaitingRoom."""
        self._room.leave_all(conversation, sent_at, most)
