"""`python -m local invoke`: invoke one function with a sample event, on a stack of its own."""

from __future__ import annotations

import base64
import binascii
import copy
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Response

from local.cli.event_forms import refused
from local.cloud.event_source import to_event
from local.cloud.template import ROOT
from local.http.pages import HOST
from local.stack import Options, Stack
from local.standins.people import Person, Signer
from ops.printing import complain, say_json

_SESSION = Person("ada", Signer({})).session


def invoke(function: str, event_file: Path) -> int:
    """Print the function's response as JSON on standard output, and its log on standard error.

    The event is adapted to the stack: signed, queued, or given an address to answer to. Returns the
    exit code: 1 when the function failed or the file cannot be read, 2 when the event is none that
    the function takes.
    """
    try:
        event = json.loads(event_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        complain(f"{event_file}: {error}")
        return 1
    refusal = refused(function, event)
    if refusal:
        complain(f"{event_file}: {refusal}")
        return 2
    output, sys.stdout = sys.stdout, sys.stderr
    try:
        with Stack(Options(poll=False)) as stack:
            if function == "WorkerFunction":
                event = with_receipts(stack, event)
            elif function == "SetupFunction":
                event = addressed(event, stack)
            else:
                event = signed(event, Signer(stack.settings))
            result = stack.invoke(function, event)
    finally:
        sys.stdout = output
    if result.error:
        complain(result.error)
        return 1
    say_json(result.payload, indent=2)
    return 0


def signed(event: dict[str, Any], signer: Signer) -> dict[str, Any]:
    """A copy of an HTTP API event with the authentication of its sender, as if sent just now.

    Telegram's secret header, Messenger's signature or verify token, the web page's cookie.
    """
    event = copy.deepcopy(event)
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    event["headers"] = headers
    path = event["rawPath"]
    if path == "/telegram":
        headers |= signer.telegram()
    elif path == "/messenger":
        if event["requestContext"]["http"]["method"] == "GET":
            parameters = event["queryStringParameters"] = event.get("queryStringParameters") or {}
            parameters["hub.verify_token"] = signer.settings.get("MESSENGER_VERIFY_TOKEN", "")
        else:
            _occur_now(event)
            headers |= signer.messenger(_body(event))
    elif path.startswith("/web/"):
        event["cookies"] = [signer.web_cookie(_SESSION, secure=True)]
        if event.get("body"):
            host = headers.setdefault("host", event["requestContext"].get("domainName", HOST))
            headers["origin"] = f"{headers.setdefault('x-forwarded-proto', 'https')}://{host}"
            _send_now(event)
    return event


def _send_now(event: dict[str, Any]) -> None:
    """Write a message's time of sending, which must be about now, into its body, if it is one."""
    try:
        message = json.loads(_body(event))
    except ValueError:
        return
    if isinstance(message, dict):
        sent = {**message, "sent_at": time.time_ns() // 1_000_000}
        event |= {"body": json.dumps(sent, ensure_ascii=False), "isBase64Encoded": False}


def _occur_now(event: dict[str, Any]) -> None:
    """Move the times in a body of Messenger's to about now: what is as old as a sample is ignored.

    A body of another form stays as it is.
    """
    try:
        body = json.loads(_body(event))
        events = [each for entry in body["entry"] for each in entry.get("messaging", ())]
        later = time.time_ns() // 1_000_000 - max(each["timestamp"] for each in events)
        for each in events:
            each["timestamp"] += later
    except (AttributeError, LookupError, TypeError, ValueError):
        return
    event |= {"body": json.dumps(body), "isBase64Encoded": False}


def register(stack: Stack) -> None:
    """Register webhooks at the stand-ins, as a deployment's custom resource does at the platforms.

    Not at real platforms, which cannot call this machine.
    """
    if not {"TELEGRAM_API_URL", "GRAPH_API_URL"} & stack.settings.keys():
        event = json.loads((ROOT / "events/setup/create.json").read_text())
        stack.invoke("SetupFunction", addressed(event, stack))


def addressed(event: dict[str, Any], stack: Stack) -> dict[str, Any]:
    """A copy of a CloudFormation custom resource request with this stack's URL.

    The stack also takes the response, at `ResponseURL`.
    """
    stack.add_app("/_local/answer", Response())
    properties = {**event["ResourceProperties"], "Url": stack.url}
    return {**event, "ResourceProperties": properties, "ResponseURL": f"{stack.url}/_local/answer"}


def _body(event: dict[str, Any]) -> bytes:
    """The bytes of the body; where it is no base64, which the function refuses, of its text."""
    body: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        with suppress(binascii.Error):
            return base64.b64decode(body)
    return body.encode()


def with_receipts(stack: Stack, event: dict[str, Any]) -> dict[str, Any]:
    """An SQS event of the same records after they were sent to the local queue and received.

    Their receipt handles and timestamps are therefore valid. A record without a message group, as
    of a queue that is not FIFO, gets one.
    """
    for number, record in enumerate(event["Records"]):
        stack.sqs.send_message(
            QueueUrl=stack.queue_url,
            MessageBody=record["body"],
            MessageGroupId=(record.get("attributes") or {}).get("MessageGroupId") or "sample",
            MessageDeduplicationId=str(number),
        )
    answer = stack.sqs.receive_message(
        QueueUrl=stack.queue_url,
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["All"],
    )
    return to_event(answer["Messages"], event["Records"][0].get("eventSourceARN", ""))
