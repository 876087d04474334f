"""Judge doors: bytes in, response and queued envelopes out, as documented, within bounds."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from functools import cache
from types import SimpleNamespace
from typing import Any

from chatbot.adapters.sqs import MAX_BYTES, Sender
from chatbot.adapters.telemetry import Telemetry
from chatbot.bootstrap.channels import CHANNELS
from chatbot.bootstrap.handler import handler_of
from chatbot.channels.description import load as loaded
from chatbot.core.errors import Malformed
from chatbot.core.message import Envelope, Stop
from chatbot.core.settings import load
from chatbot.edge.http import Inbound, Request, Response
from chatbot.edge.webhook import MAX_CONVERSATION, MAX_EVENT_ID, NOT_FOUND, handle
from tests.fuzz.bench import Queue, expect
from tests.fuzz.cases import PLAIN, SECRETS
from tests.hostile import answers
from tests.hostile.findings import Findings
from tests.hostile.requests import NOW

STATUSES: Mapping[tuple[str, bool], frozenset[int]] = {
    ("telegram", True): frozenset({200}),
    ("telegram", False): frozenset({401}),
    ("messenger", True): frozenset({200}),
    ("messenger", False): frozenset({401, 403}),  # 403: the handshake
    ("web", True): frozenset({202, 400, 403, 413, 415}),  # 403: there is no access code
    ("web", False): frozenset({401, 403}),
}
"""The statuses with which a channel answers authentic requests, and forged ones."""


class Doors:
    """The webhook, composed as in chatbot.bootstrap.webhook, with a queue as strict as SQS."""

    def __init__(self) -> None:
        self._queue = Queue()
        self._stops: list[Stop] = []
        telemetry = Telemetry("webhook")
        sender = Sender(self._queue, "queue", telemetry)  # type: ignore[arg-type]
        settings = load(SECRETS, PLAIN)
        routes: dict[str, tuple[Inbound, bool]] = {}
        for each in CHANNELS:
            inbound = loaded(each.inbound)(settings, lambda: NOW)
            routes |= dict.fromkeys(each.routes, (inbound, each.explains_refusals))

        def answer(request: Request) -> Response:
            found = routes.get(f"{request.method} {request.path}")
            if found is None:
                return NOT_FOUND
            return handle(request, found[0], sender, self._stops.append, telemetry, found[1])

        self._handler = handler_of(answer, "webhook", telemetry)

    def ask(self, event: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], float]:
        """The response, the bodies that were queued, and seconds of the processor."""
        self._queue.bodies.clear()
        self._stops.clear()
        with redirect_stdout(io.StringIO()):
            begun = time.thread_time()
            response = self._handler(event, SimpleNamespace(aws_request_id="hostile"))
            seconds = time.thread_time() - begun
        return response, list(self._queue.bodies), seconds


@cache
def doors() -> Doors:
    return Doors()


def judge(request: Mapping[str, Any], findings: Findings) -> None:
    """Send a request through the webhook. Raises Broken."""
    channel, authentic = request["channel"], request["authentic"]
    response, queued, seconds = doors().ask(request["event"])
    status, size = response["statusCode"], len(request["event"].get("body", ""))
    findings.counts[f"{channel} {'authentic' if authentic else 'forged'} {status}"] += 1
    findings.measure("seconds in a door", seconds, f"{size} bytes, {len(queued)} queued")
    expect(status in STATUSES[channel, authentic], f"{channel} answers {status}")
    json.dumps(response, ensure_ascii=False).encode()  # Lambda could not send halves of characters
    expect(authentic or not queued, "a forgery is not queued")
    expect(status in (200, 202) or not queued, f"{status} queues nothing")
    for body in queued:
        _judge_envelope(channel, body, findings)


def _judge_envelope(channel: str, body: str, findings: Findings) -> None:
    findings.counts["envelopes queued"] += 1
    findings.measure("bytes of an envelope", len(body.encode()), channel)
    expect(len(body.encode()) <= MAX_BYTES, "an envelope fits into the queue")
    envelope = Envelope.from_json(body)
    expect(envelope.channel == channel, "an envelope names its channel")
    expect(envelope.conversation.startswith(f"{channel}:"), "a conversation is its channel's")
    expect(len(envelope.event_id.encode()) <= MAX_EVENT_ID, "an event's id fits a key")
    expect(len(envelope.conversation.encode()) <= MAX_CONVERSATION, "so does a conversation's")
    begun = time.thread_time()
    try:
        message = _readers()[channel](envelope)
    except Malformed:
        expect(False, "what was queued can be read")
        return
    findings.measure("seconds to read an envelope", time.thread_time() - begun, channel)
    expect(message.key.conversation == envelope.conversation, "a message stays in its conversation")
    message.text.encode()  # no halves of characters


@cache
def _readers() -> Mapping[str, Callable[[Envelope], Any]]:
    telegram, messenger, web = answers.channels()
    return {"telegram": telegram.read, "messenger": messenger.read, "web": web.read}
