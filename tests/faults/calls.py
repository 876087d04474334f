"""Which call each boundary is, and which fault rule makes that call fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chatbot.core.key import folder_of
from local.standins.faults import Fault
from tests.faults import cases
from tests.faults.cases import Case
from tests.faults.talk import Talk

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PLATFORM = {"telegram": "telegram", "messenger": "graph"}
_POST = {"telegram": "sendMessage", "messenger": "POST messages"}
_PICTURE = {"telegram": "sendPhoto", "messenger": "POST messages"}
_TYPING = {"telegram": "sendChatAction", "messenger": "POST sender_action"}
FUNCTION = {
    cases.SECRETS_WEBHOOK: ("WebhookFunction", "TELEGRAM_WEBHOOK_SECRET"),
    cases.SECRETS_WORKER: ("WorkerFunction", "OPENAI_API_KEY"),
}
_THROTTLED = {
    "SendMessageBatch": "RequestThrottled",
    "ChangeMessageVisibilityBatch": "RequestThrottled",
    "DeleteMessageBatch": "RequestThrottled",
    "GetParameters": "ThrottlingException",
    "PUT": "SlowDown",
    "GET": "SlowDown",
}
_SDK_TRIES = 3
_EVERY_TRY = 4  # how often the worker tries to store that a post succeeded


@dataclass(frozen=True)
class Call:
    """The call that a boundary is: the server that gets it, and how to recognise it.

    `operation` is the recorder's name of it, `holds` are texts in its URL or body, and `skip` is
    how many such calls come before it.
    """

    server: str
    operation: str
    holds: tuple[str, ...]
    skip: int = 0


def call_of(boundary: str, talk: Talk, receipt: str = "") -> Call:
    """Return the boundary's call for the message under test in a conversation.

    `receipt` is the message's receipt handle, for the calls that name nothing else.
    """
    whose = talk.conversation
    if boundary in FUNCTION:
        return Call("aws", "GetParameters", (FUNCTION[boundary][1],))
    if boundary in (cases.LEASE, cases.DELETION):
        lease = boundary == cases.LEASE
        operation = "ChangeMessageVisibilityBatch" if lease else "DeleteMessageBatch"
        return Call("aws", operation, (receipt,))
    if boundary == cases.MODEL:
        return Call("openai", "chat/completions", (talk.text(2),))
    if boundary == cases.DRAWN:
        return Call("openai", "images/generations", (talk.tag,))
    if boundary in (cases.KEPT, cases.LOOK):
        place = (folder_of(whose),)
        return Call("aws", "PUT", place) if boundary == cases.KEPT else Call("aws", "GET", place, 1)
    if boundary == cases.POSTED:
        return Call(_PLATFORM[talk.channel], _PICTURE[talk.channel], (talk.recipient,))
    if boundary in (cases.FIRST, cases.SECOND):
        skip = int(boundary == cases.SECOND)
        return Call(_PLATFORM[talk.channel], _POST[talk.channel], (talk.recipient,), skip)
    if boundary == cases.TYPING:
        return Call(_PLATFORM[talk.channel], _TYPING[talk.channel], (talk.recipient,))
    if boundary == cases.DRAFT:
        return Call("telegram", "sendMessageDraft", (talk.recipient,))
    if boundary == cases.READ_BACK:
        return Call("graph", "GET conversations", (talk.recipient,))
    operation, *holds = {
        cases.ENQUEUE: ("SendMessageBatch",),
        cases.QUERY: ("Query",),
        cases.PUT: ("TransactWriteItems" if talk.merges else "PutItem",),
        cases.PROGRESS: ("UpdateItem", "SET #s = :state"),
        cases.TAKE_OVER: ("UpdateItem", "opened_at = if_not_exists"),
        cases.DELIVERED: ("UpdateItem", ":delivered"),
    }[boundary]
    return Call("aws", operation, (whose, *holds))


Then = Callable[["WSGIEnvironment"], None]


def fault_of(case: Case, call: Call, kill: Then, freeze: Then, rival: Then) -> Fault:
    """Return the fault rule of a case.

    `kill` and `freeze` act on the process that makes the call; `rival` writes to the table as
    another worker would. Each is given the call's WSGI environment.
    """
    aws = call.server == "aws"
    tries = _SDK_TRIES if aws else 1
    fault = {
        cases.KILLED_BEFORE: Fault("hang_up_before", then=kill),
        cases.KILLED_AFTER: Fault("hang_up_after", then=kill),
        cases.TIME_LIMIT: Fault("hang_up_after", then=freeze),
        cases.CLOSED_BEFORE: Fault("hang_up_before", times=tries),
        cases.CLOSED_AFTER: Fault("hang_up_after"),
        cases.NO_ANSWER: Fault("no_answer"),
        cases.WAIT: Fault("status", status=429, retry_after=1),
        cases.TOO_MANY: Fault("status", status=429, times=3),
        cases.BROKEN: Fault("status", status=500, times=tries),
        cases.MALFORMED: Fault("malformed"),
        cases.THROTTLED: Fault(
            "status",
            status=503 if call.operation in ("PUT", "GET") else 400,  # S3: SlowDown
            code=_THROTTLED.get(call.operation, "ProvisionedThroughputExceededException"),
            times=tries,
        ),
        cases.CONDITION: Fault("slow", then=rival),
        cases.RECEIPT: Fault("malformed", work=False, body=_failed("ReceiptHandleIsInvalid")),
        cases.ENTRY: Fault("malformed", work=False, body=_failed("InternalError"), times=3),
        cases.DENIED: Fault("status", status=400, code="AccessDeniedException", times=_EVERY_TRY),
        cases.SLOW: Fault("slow", delay_s=1.5),
        cases.BROKEN_OFF: Fault("cut"),
    }[case.fault]
    return replace(fault, match=call.operation, contains=call.holds, skip=call.skip)


def _failed(code: str) -> str:
    failed = {"Id": "0", "SenderFault": code != "InternalError", "Code": code, "Message": ""}
    return json.dumps({"Successful": [], "Failed": [failed]})
