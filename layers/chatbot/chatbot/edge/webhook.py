"""Handle one webhook request: authenticate, split into envelopes, enqueue, acknowledge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from chatbot.core.errors import Forged, HistoryUnavailable, QueueUnavailable, RequestRefused
from chatbot.core.key import TurnKey
from chatbot.core.limits import DOOR_RETRY_S
from chatbot.core.message import Envelope, Stop
from chatbot.core.ports import Journal
from chatbot.edge.door import Admit, admit_all
from chatbot.edge.http import Guess, Inbound, Received, Request, Response
from chatbot.edge.refusal import refuse

# Bytes. DynamoDB allows 1,024 for a sort key, which also holds a prefix and the time, and 2,048 for
# a partition key (DynamoDB guide, quotas).
MAX_EVENT_ID = 900
MAX_CONVERSATION = 900
MAX_TIME = 10**13
"""Epoch milliseconds; sort keys hold 13 digits of them."""

_NO_KEY = "no usable key"

NOT_FOUND = Response.of_json({"error": "not found"}, 404)
UNAVAILABLE = Response.of_json({"error": "unavailable"}, 503, {"retry-after": "2"})
"""Makes the platform or the page repeat the request, after two seconds."""
TOO_MANY = Response.of_json({"error": "waiting"}, 429, {"retry-after": str(DOOR_RETRY_S)})
"""Makes the page keep the message and send it again."""


class EnvelopeSender(Protocol):
    """The queue, as the webhook writes to it."""

    def send(self, envelopes: Sequence[Envelope], places: Mapping[TurnKey, int]) -> None:
        """Enqueue the envelopes, with the places of those that were counted (ports.WaitingRoom).

        Raises QueueUnavailable unless every one was accepted.
        """


class Judge(Protocol):
    """Counts the access codes that are given."""

    def __call__(self, address: str, *, right: bool) -> int:
        """Return the seconds to wait before a code is looked at; 0 when this one was.

        `address` is a hash. Raises HistoryUnavailable.
        """


def judge_none(address: str, *, right: bool) -> int:
    """Let every code be looked at."""
    return 0


class ClosedChannels:
    """Answers requests to channels that are off because settings are missing."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._logged: set[str] = set()

    def answer(self, channel: str, missing: str) -> Response:
        """Return 404; log the names of the `missing` settings once for each channel."""
        if channel not in self._logged:
            self._logged.add(channel)
            self._journal.warning("channel_off", channel=channel, missing=missing)
        return NOT_FOUND


def handle(
    request: Request,
    inbound: Inbound,
    sender: EnvelopeSender,
    put_stop: Callable[[Stop], None],
    journal: Journal,
    explain: bool = False,
    admit: Admit = admit_all,
    judge: Judge = judge_none,
) -> Response:
    """Receive the request with `inbound`, store stops, queue envelopes and return the response.

    The response is the channel's own, else an empty 200, once everything is queued; for a refused
    request it is that of `refuse`, which takes `explain`. It is a 503 when the queue did not accept
    every envelope, `admit` postponed them or `put_stop` raised HistoryUnavailable: the sender
    repeats the request, and the envelopes that were accepted are recognised as duplicates by their
    ids. Of those that `admit` drops, a page is told by a 429; a platform would repeat the request,
    so it gets its 200. An access code that `judge` makes wait gets a 429, whether it is right or
    not.
    """
    channel = inbound.name
    try:
        received = inbound.receive(request)
        if received.guess:
            return _judged(received, received.guess, judge, channel, journal)
    except RequestRefused as refusal:
        return refuse(refusal, channel, journal, request.body, explain=explain)
    stops = [stop for stop in received.stops if _storable(stop.conversation, stop.event, stop.at)]
    unstorable = len(received.stops) - len(stops)
    if unstorable:
        received = replace(received, ignored=(*received.ignored, *[_NO_KEY] * unstorable))
    try:
        for stop in stops:
            put_stop(stop)
            journal.info("stop", channel=channel, conversation=stop.conversation)
    except HistoryUnavailable as error:
        journal.warning("history_unavailable", channel=channel, reason=str(error))
        return UNAVAILABLE
    response = _enqueue(received, channel, sender, journal, admit)
    return TOO_MANY if response is None and explain else response or Response()


def _judged(
    received: Received, guess: Guess, judge: Judge, channel: str, journal: Journal
) -> Response:
    """The response to an access code. Raises Forged (403) for a wrong one."""
    try:
        seconds = judge(guess.address, right=guess.right)
    except HistoryUnavailable as error:
        journal.warning("history_unavailable", channel=channel, reason=str(error))
        return UNAVAILABLE
    if seconds:
        response = refuse(Forged("code_pause", 429), channel, journal)
        return replace(response, headers={**response.headers, "retry-after": str(seconds)})
    if not guess.right:
        raise Forged("code", 403)
    return received.response or Response()


def _enqueue(
    received: Received, channel: str, sender: EnvelopeSender, journal: Journal, admit: Admit
) -> Response | None:
    """Queue what can be queued. Returns the response, None when something was dropped."""
    envelopes = [
        each
        for each in received.envelopes
        if each.event_id and _storable(each.conversation, each.event_id, each.occurred_at)
    ]
    unstorable = len(received.envelopes) - len(envelopes)
    ignored = Counter(received.ignored)
    if unstorable:
        ignored[_NO_KEY] += unstorable
    for reason, events in ignored.items():
        journal.count("Ignored", events, channel=channel)
        journal.info("ignored", channel=channel, reason=reason, events=events)
    admitted = admit(envelopes)
    if admitted.postponed:
        journal.info("postponed", channel=channel, events=admitted.postponed)
        return UNAVAILABLE
    try:
        sender.send(admitted.envelopes, admitted.places)
    except QueueUnavailable as error:
        journal.warning("queue_unavailable", channel=channel, reason=str(error))
        admitted.undo()
        return UNAVAILABLE
    if admitted.dropped:
        journal.count("Dropped", admitted.dropped, channel=channel)
        journal.info("dropped", channel=channel, events=admitted.dropped)
    if admitted.envelopes:
        journal.count("Received", len(admitted.envelopes), channel=channel)
    return None if admitted.dropped else received.response or Response()


def _storable(conversation: str, event: str, at: int) -> bool:
    """Whether the table can store the key of an event or a stop, which may be for any event.

    If not, the worker would receive the event again and again, and the platform would repeat the
    request to stop for a day.
    """
    return (
        0 <= at < MAX_TIME
        and len(event.encode("utf-8", "replace")) <= MAX_EVENT_ID
        and 0 < len(conversation.encode("utf-8", "replace")) <= MAX_CONVERSATION
    )
