"""The event source mapping: poll a FIFO queue, invoke the function, delete what succeeded.

See "Using Lambda with Amazon SQS" and "How Lambda processes records from stream and queue-based
event sources" in the AWS Lambda guide.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from local.cloud.runtime import Result
from local.config import REGION
from local.http.recorder import Record

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        DeleteMessageBatchRequestEntryTypeDef,
        MessageAttributeValueOutputTypeDef,
        MessageTypeDef,
    )

_IDLE_SECONDS = 1.0  # between receives from an empty queue
_VISIBLE_MARGIN = 0.02  # seconds
# Calls of the functions after which a message may be visible: each, and its batch form.
_WAKING = ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")


class Poller:
    """Polls one queue. Up to `workers` invocations at once, each of up to `batch_size` messages.

    `invoke` takes an event and returns the function's result. Messages that succeeded are deleted;
    failed ones stay in the queue until their visibility timeout ends. `partial` is whether the
    function reports which records failed (ReportBatchItemFailures).
    """

    def __init__(
        self,
        sqs: SQSClient,
        queue_url: str,
        queue_arn: str,
        invoke: Callable[[Mapping[str, Any]], Result],
        workers: int,
        batch_size: int = 10,
        partial: bool = True,
    ) -> None:
        self._sqs, self._url, self._arn = sqs, queue_url, queue_arn
        self._invoke = invoke
        self._batch_size, self._partial = batch_size, partial
        self._wake = threading.Event()
        self._stopping = self._given_up = False
        self._receiving = threading.Lock()
        self._due: list[float] = []  # monotonic times at which hidden messages become visible
        self._due_lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]

    def start(self) -> None:
        """Start polling, in threads that end with the process."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 5) -> None:
        """Stop receiving. Invocations in progress get `timeout` seconds to end."""
        self._stopping = True
        self._wake.set()
        end = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0, end - time.monotonic()))
        self._given_up = True

    def watch(self, record: Record) -> None:
        """Listen to the recorder, to receive as soon as a message may be visible."""
        if record.server == "aws" and record.operation.startswith(_WAKING):
            now = time.monotonic() + _VISIBLE_MARGIN
            with self._due_lock:
                self._due += [now + seconds for seconds in _visibilities(record)]
            self._wake.set()

    def _work(self) -> None:
        while not self._stopping:
            with self._receiving:
                messages = self._receive()
            if messages:
                self._serve(messages)

    def _receive(self) -> list[MessageTypeDef]:
        """Receive a batch, or wait a moment and return none."""
        self._wake.clear()
        if self._stopping:
            return []
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=self._batch_size,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            self._wake.wait(self._pause())
        return messages

    def _pause(self) -> float:
        now = time.monotonic()
        with self._due_lock:
            self._due = [due for due in self._due if due > now]
            return min([_IDLE_SECONDS, *(due - now for due in self._due)])

    def _serve(self, messages: list[MessageTypeDef]) -> None:
        failed = failures(self._invoke(to_event(messages, self._arn)), messages, self._partial)
        done = [message for message in messages if message["MessageId"] not in failed]
        if done and not self._given_up:
            entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(done)
            ]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        self._wake.set()


def to_event(messages: Iterable[MessageTypeDef], queue_arn: str) -> dict[str, Any]:
    """The event of an invocation with these messages, as Lambda's "Example FIFO queue event"."""
    source = {"eventSource": "aws:sqs", "eventSourceARN": queue_arn, "awsRegion": REGION}
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": dict(message.get("Attributes", {})),
                "md5OfBody": message["MD5OfBody"],
                "messageAttributes": {
                    name: _message_attribute(value)
                    for name, value in message.get("MessageAttributes", {}).items()
                },
                **source,
            }
            for message in messages
        ]
    }


def _message_attribute(value: MessageAttributeValueOutputTypeDef) -> dict[str, Any]:
    """A message's own attribute as Lambda's events have it."""
    return {
        "stringValue": value.get("StringValue", ""),
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }


def failures(result: Result, messages: Iterable[MessageTypeDef], partial: bool) -> set[str]:
    """Ids of the messages that failed and stay in the queue.

    All of them after an error, and after a report that is malformed or names an unknown message.
    """
    every = {message["MessageId"] for message in messages}
    if result.error:
        return every
    if not partial or not result.payload:
        return set()
    try:
        named = {item["itemIdentifier"] for item in result.payload["batchItemFailures"] or ()}
    except (KeyError, TypeError):
        return every
    return named if named <= every else every


def _visibilities(record: Record) -> list[float]:
    """Visibility timeouts, in seconds, that a call to the queue set."""
    try:
        request = json.loads(record.request)
        entries = request.get("Entries", [request])
        return [entry["VisibilityTimeout"] for entry in entries if "VisibilityTimeout" in entry]
    except ValueError:
        return []
