"""moto's FIFO queues with the local stack's fixes, in a process of their own: they patch moto."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from local.cloud.aws import Aws

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef


class Fifo:
    def __init__(self, sqs: SQSClient) -> None:
        self.sqs = sqs
        self.url = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})[
            "QueueUrl"
        ]
        for body in "abcd":
            sqs.send_message(
                QueueUrl=self.url, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=body
            )

    def receive(self) -> list[MessageTypeDef]:
        answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return answer.get("Messages", [])

    def wait(self) -> list[MessageTypeDef]:
        while True:
            messages = self.receive()
            if messages:
                return messages
            time.sleep(0.01)

    def hide(self, messages: list[MessageTypeDef], seconds: int) -> list[str]:
        """Change visibility. Returns the error codes of refused receipt handles."""
        answer = self.sqs.change_message_visibility_batch(
            QueueUrl=self.url,
            Entries=_entries(messages, VisibilityTimeout=seconds),
        )
        return [failure["Code"] for failure in answer.get("Failed", [])]

    def delete(self, messages: list[MessageTypeDef]) -> list[str]:
        answer = self.sqs.delete_message_batch(QueueUrl=self.url, Entries=_entries(messages))
        return [failure["Code"] for failure in answer.get("Failed", [])]


def _entries(messages: list[MessageTypeDef], **more: int) -> list[Any]:
    return [{"Id": m["Body"], "ReceiptHandle": m["ReceiptHandle"], **more} for m in messages]


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    running = Aws()
    yield running
    running.close()


@pytest.fixture
def fifo(aws: Aws) -> Iterator[Fifo]:
    queue = Fifo(aws.sqs)
    yield queue
    aws.sqs.delete_queue(QueueUrl=queue.url)


def test_what_shows_again_at_once_comes_in_order(fifo: Fifo) -> None:
    for _ in range(3):
        messages = fifo.wait()
        assert [message["Body"] for message in messages] == [*"abcd"]
        assert not fifo.receive()
        assert not fifo.hide(messages, 1)


def test_a_stale_receipt_is_refused(fifo: Fifo) -> None:
    stale = fifo.receive()
    assert not fifo.hide(stale, 0)
    assert fifo.hide(stale, 5) == ["ReceiptHandleIsInvalid"] * 4
    messages = fifo.wait()
    assert fifo.hide(stale, 5) == fifo.delete(stale) == ["ReceiptHandleIsInvalid"] * 4
    assert not fifo.delete(messages)
    assert not fifo.delete(messages)
