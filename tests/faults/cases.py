"""The table of cases (boundary × fault × channel), and which imperfect outcomes are allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from local.standins.people import CHANNELS

KILLED_BEFORE = "killed before"
KILLED_AFTER = "killed after"
TIME_LIMIT = "time limit"
REFUSED = "connection refused"
CLOSED_BEFORE = "closed before"
CLOSED_AFTER = "closed after"
NO_ANSWER = "no answer"
WAIT = "429 retry-after"
TOO_MANY = "429"
BROKEN = "500"
MALFORMED = "malformed"
THROTTLED = "throttled"
CONDITION = "condition failed"
# Faults that only some boundaries can have.
RECEIPT = "receipt refused"
DENIED = "denied"
ENTRY = "entry refused"
TWICE = "delivered twice"
LOST = "answer lost"
SLOW = "slow"
BROKEN_OFF = "broken off"
OUTAGE = "long outage"
BATCH = "batch stops"
# What the model server says, rather than whether it says it.
USELESS_ONCE = "useless once"
USELESS = "useless always"
ODD_BEFORE = "odd piece before the finish"
ODD_AFTER = "odd piece after the finish"
NOT_HAD = "model not to be had"
TOO_LONG = "too long"
PARAMETER = "refused parameter"

# How a conversation ends the worker that it shares with others, whenever it is handled.
BY_MEMORY = "kills by memory"
BY_TIME = "kills by time"
BY_CRASH = "kills by a crash"

DEATHS = (KILLED_BEFORE, KILLED_AFTER, TIME_LIMIT)
NEIGHBOURLY = (BY_MEMORY, BY_TIME, BY_CRASH)
_CUT = (REFUSED, CLOSED_BEFORE, CLOSED_AFTER, NO_ANSWER)
_AWS = (*DEATHS, *_CUT, BROKEN, MALFORMED, THROTTLED)
_HTTP = (*DEATHS, *_CUT, WAIT, TOO_MANY, BROKEN, MALFORMED)
_SAID = (USELESS_ONCE, USELESS, ODD_BEFORE, ODD_AFTER, NOT_HAD, TOO_LONG, PARAMETER)

SECRETS_WEBHOOK = "secret read (webhook)"
SECRETS_WORKER = "secret read (worker)"
ENQUEUE = "enqueue"
RECEIVE = "receive"
LEASE = "lease"
QUERY = "history query"
TYPING = "typing"
MODEL = "model call"
ANSWER = "model answer"
DRAWN = "picture drawn"
KEPT = "picture kept"
LOOK = "picture looked for"
DRAFT = "draft"
PUT = "turn put"
FIRST = "first part"
PROGRESS = "part recorded"
SECOND = "second part"
POSTED = "picture posted"
TAKE_OVER = "take-over"
READ_BACK = "read-back"
DELIVERED = "delivered update"
DELETION = "deletion"
HIT = 2
"""Number of the message under test."""
NEIGHBOUR = "neighbour"
MERGED = "merged "
"""Prefix of the boundaries of cases in which two messages are answered together."""

FAULTS = (
    *(KILLED_BEFORE, KILLED_AFTER, TIME_LIMIT, REFUSED, CLOSED_BEFORE, CLOSED_AFTER, NO_ANSWER),
    *(WAIT, TOO_MANY, BROKEN, MALFORMED, THROTTLED, CONDITION),
    *(RECEIPT, DENIED, ENTRY, LOST, TWICE, BATCH, SLOW, OUTAGE, BROKEN_OFF, *_SAID),
    *NEIGHBOURLY,
)
# In the order in which a message passes them.
BOUNDARIES: dict[str, tuple[str, ...]] = {
    SECRETS_WEBHOOK: _AWS,
    ENQUEUE: (*_AWS, ENTRY),
    RECEIVE: (KILLED_BEFORE, LOST, TWICE, BATCH),
    SECRETS_WORKER: _AWS,
    # Lease and query are sent at the same time: a refused connection would hit both.
    LEASE: (*(fault for fault in _AWS if fault != REFUSED), RECEIPT),
    QUERY: _AWS,
    TYPING: _HTTP,
    MODEL: (*_HTTP, SLOW, OUTAGE, BROKEN_OFF),
    ANSWER: _SAID,
    DRAFT: _HTTP,
    DRAWN: _HTTP,
    KEPT: _AWS,
    # The attempt before stored the picture, but got no response to that. A malformed response is
    # left out, as any body would be taken for the file.
    LOOK: (KILLED_BEFORE, CLOSED_BEFORE, CLOSED_AFTER, NO_ANSWER, BROKEN, THROTTLED),
    PUT: (*_AWS, CONDITION),
    FIRST: _HTTP,
    PROGRESS: (*_AWS, DENIED),
    SECOND: _HTTP,
    POSTED: _HTTP,
    TAKE_OVER: (*_AWS, CONDITION),
    READ_BACK: _HTTP,
    DELIVERED: (*_AWS, DENIED),
    DELETION: (*_AWS, RECEIPT, LOST),
    MERGED + RECEIVE: (LOST, TWICE),
    MERGED + MODEL: (KILLED_AFTER, NO_ANSWER, WAIT, BROKEN),
    MERGED + ANSWER: _SAID,
    MERGED + PUT: (*(fault for fault in _AWS if fault != REFUSED), CONDITION),
    MERGED + FIRST: (KILLED_BEFORE, KILLED_AFTER, CLOSED_AFTER, TOO_MANY, BROKEN),
    MERGED + DELIVERED: (KILLED_BEFORE, KILLED_AFTER, DENIED),
    MERGED + DELETION: (KILLED_BEFORE, BROKEN, RECEIPT, LOST),
    NEIGHBOUR: NEIGHBOURLY,
}
_ON_TELEGRAM = {DRAFT}
_NOT_ON_WEB = {TYPING, FIRST, PROGRESS, SECOND, POSTED, TAKE_OVER, READ_BACK}

# Faults in which the server executes the call although the caller sees it fail.
_CARRIED_OUT = {KILLED_AFTER, TIME_LIMIT, CLOSED_AFTER, NO_ANSWER, MALFORMED}
_REFUSED_PUT = {KILLED_BEFORE, REFUSED, CLOSED_BEFORE, BROKEN, THROTTLED}


@dataclass(frozen=True, order=True)
class Case:
    boundary: str
    fault: str
    channel: str

    @property
    def name(self) -> str:
        return f"{self.channel}/{self.boundary}/{self.fault}"

    @property
    def merged(self) -> bool:
        return self.boundary.startswith(MERGED)

    @property
    def comes_apart(self) -> bool:
        """Whether merged messages are delivered again, each to be answered alone."""
        apart = {(RECEIVE, LOST), (MODEL, KILLED_AFTER), (PUT, KILLED_BEFORE)}
        return self.merged and (self.at, self.fault) in apart

    @property
    def draws(self) -> bool:
        """Whether the message under test asks for a picture."""
        return self.boundary in (DRAWN, KEPT, LOOK, POSTED)

    @property
    def at(self) -> str:
        """The boundary without the prefix MERGED."""
        return self.boundary.removeprefix(MERGED)

    @property
    def alone(self) -> bool:
        """Whether the fault would hit other conversations of the same stack too."""
        return (
            self.fault in (REFUSED, BATCH, PARAMETER)
            or self.at in (SECRETS_WEBHOOK, SECRETS_WORKER)
            or (self.at, self.fault) == (RECEIVE, KILLED_BEFORE)
        )

    @property
    def needs_processes(self) -> bool:
        """Whether the case only works with functions in processes."""
        return self.fault in (*DEATHS, *NEIGHBOURLY) or (
            # Only a new process reads the secrets right away, or sends what the server refuses.
            self.at in (SECRETS_WEBHOOK, SECRETS_WORKER) or self.fault == PARAMETER
        )

    @property
    def refused_put(self) -> bool:
        """Whether the batch stops at a refused write of the turn.

        So on the web, where the answer is not posted anywhere and no post can fail.
        """
        return self.fault == BATCH and self.channel == "web"

    @property
    def may_repeat(self) -> str:
        """Why a part of the answer may be posted twice, "" if it may not."""
        if self.channel != "telegram":
            # The worker asks Messenger what arrived; the page shows the turn's one answer.
            return ""
        posted_unrecorded = self.fault == KILLED_BEFORE and self.at in (PROGRESS, DELIVERED)
        if posted_unrecorded:
            return "Telegram cannot be asked what was posted before its worker died"
        if self.at in (FIRST, SECOND, POSTED) and self.fault in _CARRIED_OUT:
            return "Telegram cannot be asked whether a post without an answer arrived"
        return ""

    @property
    def may_ask_twice(self) -> str:
        """Why the model may be asked twice about the message, "" if it may not."""
        if self.at in (MODEL, DRAWN) and self.fault in (*_CARRIED_OUT, BROKEN_OFF):
            return "the model's answer never came"
        if self.at in (TYPING, DRAFT) and self.fault in DEATHS:
            return "the worker died while the model answered"
        if (self.at == PUT and self.fault in _REFUSED_PUT) or self.refused_put:
            return "the table refused the answer"
        if self.at == KEPT and self.fault in _REFUSED_PUT:
            return "the picture was not kept"
        if self.fault == TWICE:
            return "of two workers at once the table refused one's answer"
        return ""


def every() -> Iterator[Case]:
    for channel in CHANNELS:
        for boundary, faults in BOUNDARIES.items():
            if channel == "web" and boundary.removeprefix(MERGED) in _NOT_ON_WEB:
                continue
            if channel != "telegram" and boundary in _ON_TELEGRAM:
                continue
            if channel == "telegram" and boundary == READ_BACK:
                continue  # bots cannot read what they posted
            for fault in faults:
                yield Case(boundary, fault, channel)
