"""Move messages from the dead-letter queue back into the message queue.

Each is sent before it is deleted, so a redrive that is interrupted in between loses nothing. A
message that is sent twice this way is still answered once: the worker finds its stored turn.
"""

from __future__ import annotations

import argparse
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chatbot.adapters.sqs import group_of
from chatbot.core.errors import Malformed
from chatbot.core.message import Envelope
from ops import target
from ops.printing import complain, say

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN = 120
"""Visibility timeout of received dead letters, in seconds: for that long no other run gets them."""
PATIENCE = 2
"""Seconds that a receive from a deployed queue waits (long polling, which asks all its servers)."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--dry-run", action="store_true", help="list the dead letters, change nothing"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="every dead letter")
    what.add_argument(
        "--conversation", metavar="C", help="those of one conversation, such as telegram:42"
    )
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run the command. Returns the exit code, 2 without a choice of letters; raises NoTarget."""
    if not (chosen.dry_run or chosen.all or chosen.conversation):
        complain("choose --dry-run, --all or --conversation C")
        return 2
    stack = target.find(chosen)
    redrive = Redrive(
        stack.client("sqs"),
        target.name_of(stack, "QueueUrl"),
        target.name_of(stack, "DeadLetterQueueUrl"),
        patience=0 if stack.local else PATIENCE,
    )
    group = group_of(chosen.conversation) if chosen.conversation else ""
    count = 0
    try:
        for letter in redrive.letters(group):
            if not chosen.dry_run:
                redrive.send_back(letter)
            count += 1
            say(letter.line())
        left = redrive.left()
    except (BotoCoreError, ClientError) as error:
        complain(f"stopped after {count}: {error}")
        return 1
    finally:
        redrive.release()
    done = "found" if chosen.dry_run else "sent back"
    say(f"{count} {done}; about {left} in the dead-letter queue")
    return 0


@dataclass(frozen=True)
class Letter:
    """A dead letter that this run has received.

    `sent_at` is when it was moved to the dead-letter queue, in epoch seconds.
    """

    id: str
    receipt: str
    group: str
    body: str
    receive_count: int
    sent_at: float

    @classmethod
    def of(cls, message: MessageTypeDef) -> Letter:
        """Make a letter of a message as SQS ReceiveMessage returns it, with all attributes."""
        attributes = message["Attributes"]
        return cls(
            id=message["MessageId"],
            receipt=message["ReceiptHandle"],
            group=attributes["MessageGroupId"],
            body=message["Body"],
            receive_count=int(attributes["ApproximateReceiveCount"]),
            sent_at=int(attributes["SentTimestamp"]) / 1000,
        )

    def line(self) -> str:
        """Describe the letter in one line: conversation, event id, age, receive count.

        The line holds nothing that a person wrote.
        """
        try:
            envelope = Envelope.from_json(self.body)
            conversation, event = envelope.conversation, envelope.event_id
        except Malformed:
            conversation, event = self.group, "unreadable"
        age = _span(time.time() - self.sent_at)
        return f"{conversation:<32} {event:<32} {age:>8} old, received {self.receive_count} times"


class Redrive:
    """One run of the command. Received letters stay invisible to other runs until `release`."""

    def __init__(
        self,
        sqs: SQSClient,
        queue_url: str,
        dead_letter_queue_url: str,
        patience: int = PATIENCE,
        began: float | None = None,
    ) -> None:
        """Start a run. `patience` is the longest wait of a receive, in seconds.

        `began` is when the run began, in epoch seconds; by default now.
        """
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_url = dead_letter_queue_url
        self._patience = patience
        self._began = began or time.time()
        self._held: dict[str, Letter] = {}

    def letters(self, group: str = "") -> Iterator[Letter]:
        """Yield each dead letter once, those of one conversation in order.

        `group` is the message group of the only conversation wanted, "" for all. Letters that were
        moved to the queue after this run began are left there: a message that fails again at once
        would otherwise be redriven endlessly. A FIFO queue returns at most ten letters of a group
        until these are deleted, so a dry run lists no more than ten of one conversation.
        """
        while letters := self._receive():
            for letter in letters:
                chosen = not group or letter.group == group
                if chosen and letter.sent_at <= self._began:
                    yield letter

    def send_back(self, letter: Letter) -> None:
        """Send the letter to the message queue, then delete it from the dead-letter queue.

        It gets a new deduplication id: SQS accepts but drops a message whose id it has seen within
        the last five minutes.
        """
        self._sqs.send_message(
            QueueUrl=self._queue_url,
            MessageBody=letter.body,
            MessageGroupId=letter.group,
            MessageDeduplicationId=uuid.uuid4().hex,
        )
        self._sqs.delete_message(QueueUrl=self._dead_url, ReceiptHandle=letter.receipt)
        del self._held[letter.id]

    def release(self) -> None:
        """Make the received letters that were not sent back visible to other runs again."""
        for letter in self._held.values():
            try:
                self._sqs.change_message_visibility(
                    QueueUrl=self._dead_url, ReceiptHandle=letter.receipt, VisibilityTimeout=0
                )
            except (BotoCoreError, ClientError):
                continue  # it becomes visible by itself after HIDDEN seconds

    def left(self) -> int:
        """Return the approximate number of dead letters in the queue, visible or not."""
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self._dead_url, AttributeNames=["All"]
        )["Attributes"]
        visible = attributes["ApproximateNumberOfMessages"]
        return int(visible) + int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def _receive(self) -> list[Letter]:
        """Receive and remember the next letters. Returns none when all were received before."""
        answer = self._sqs.receive_message(
            QueueUrl=self._dead_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=HIDDEN,
            WaitTimeSeconds=self._patience,
            MessageSystemAttributeNames=["All"],
        )
        letters = [Letter.of(message) for message in answer.get("Messages", [])]
        new = [letter for letter in letters if letter.id not in self._held]
        self._held |= {letter.id: letter for letter in letters}
        return new


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
