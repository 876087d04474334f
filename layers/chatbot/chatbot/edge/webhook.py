"""Handle one webhook request: authenticate, split into envelopes, enqueue, acknowledge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from chatbot.core.errors import HistoryUnavailable, QueueUnavailable, RequestRefused
from chatbot.core.message import Envelope, Stop
from chatbot.core.ports import Journal
from chatbot.edge.http import Inbound, Received, Request, Response
from chatbot.edge.refusal import refuse

# Keys of the table: 1,024 bytes to sort by, less the prefix and the time; 2,048 to partition by.
MAX_EVENT_ID = 900
MAX_CONVERSATION = 900
MAX_TIME = 10**13

NOT_FOUND = Response.of_json({"error": "not found"}, 404)
UNAVAILABLE = Response.of_json({"error": "unavailable"}, 503, {"retry-after": "2"})
"""The platform, or the page, sends the same again after two seconds."""


class EnvelopeSender(Protocol):
    def send(self, envelopes: Sequence[Envelope]) -> None:
        """Raises QueueUnavailable unless every envelope was accepted."""


class ClosedChannels:
    """Answers for channels that are off because their secrets are missing."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._told: set[str] = set()

    def answer(self, channel: str, missing: str) -> Response:
        """404; the log says once why. `missing` names settings."""
        if channel not in self._told:
            self._told.add(channel)
            self._journal.warning("channel_off", channel=channel, missing=missing)
        return NOT_FOUND


def handle(
    request: Request,
    inbound: Inbound,
    sender: EnvelopeSender,
    put_stop: Callable[[Stop], None],
    journal: Journal,
    explain: bool = False,
) -> Response:
    """Answer a request of `inbound`'s channel; never raises for a body that is merely bad.

    200, or the channel's own response, once everything is queued. What the channel refuses is
    answered by `refuse`, which `explain` is for. 503 when the queue did not take every
    envelope, or `put_stop` (which raises HistoryUnavailable) failed: what was taken is recognised
    when the body comes again.
    """
    channel = inbound.name
    try:
        received = inbound.receive(request)
    except RequestRefused as refusal:
        return refuse(refusal, channel, journal, request.body, explain=explain)
    try:
        for stop in received.stops:
            put_stop(stop)
            journal.info("stop", channel=channel, conversation=stop.conversation)
    except HistoryUnavailable as error:
        journal.warning("history_unavailable", channel=channel, reason=str(error))
        return UNAVAILABLE
    return _enqueue(received, channel, sender, journal)


def _enqueue(
    received: Received, channel: str, sender: EnvelopeSender, journal: Journal
) -> Response:
    envelopes = [envelope for envelope in received.envelopes if _storable(envelope)]
    unstorable = len(received.envelopes) - len(envelopes)
    ignored = Counter(received.ignored)
    if unstorable:
        ignored["no usable key"] = unstorable
    for reason, events in ignored.items():
        journal.count("Ignored", events, channel=channel)
        journal.info("ignored", channel=channel, reason=reason, events=events)
    try:
        sender.send(envelopes)
    except QueueUnavailable as error:
        journal.warning("queue_unavailable", channel=channel, reason=str(error))
        return UNAVAILABLE
    if envelopes:
        journal.count("Received", len(envelopes), channel=channel)
    return received.response or Response()


def _storable(envelope: Envelope) -> bool:
    """A key that the table cannot hold would come back from the queue for ever."""
    return (
        0 <= envelope.occurred_at < MAX_TIME
        and 0 < len(envelope.event_id.encode("utf-8", "replace")) <= MAX_EVENT_ID
        and 0 < len(envelope.conversation.encode("utf-8", "replace")) <= MAX_CONVERSATION
    )
