"""Bring dead letters back into the message queue.

Each is sent before it is deleted, so a redrive that dies in between loses nothing; what is then
sent twice meets its own turn and is answered once.
"""

from __future__ import annotations

import argparse
import sys
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

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

HIDDEN = 120
"""Seconds for which a letter that was received is ours."""
PATIENCE = 2
"""Seconds for which a deployed queue is asked for letters: it looks at all its servers."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="list the letters, change nothing")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="every letter")
    what.add_argument("--conversation", metavar="C", help="those of one, such as telegram:42")
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """The exit code; raises NoTarget."""
    if not (chosen.dry_run or chosen.all or chosen.conversation):
        print("choose --dry-run, --all or --conversation C", file=sys.stderr)
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
            print(letter.line())
        left = redrive.left()
    except (BotoCoreError, ClientError) as error:
        print(f"stopped after {count}: {error}", file=sys.stderr)
        return 1
    finally:
        redrive.release()
    done = "found" if chosen.dry_run else "sent back"
    print(f"{count} {done}; about {left} in the dead-letter queue")
    return 0


@dataclass(frozen=True)
class Letter:
    """A dead letter as this run holds it. `sent_at`, when it died, is in epoch seconds."""

    id: str
    receipt: str
    group: str
    body: str
    receive_count: int
    sent_at: float

    @classmethod
    def of(cls, message: MessageTypeDef) -> Letter:
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
        """Conversation, event, age and receive count: no words of people."""
        try:
            envelope = Envelope.from_json(self.body)
            conversation, event = envelope.conversation, envelope.event_id
        except Malformed:
            conversation, event = self.group, "unreadable"
        age = _span(time.time() - self.sent_at)
        return f"{conversation:<32} {event:<32} {age:>8} old, received {self.receive_count} times"


class Redrive:
    """One run. Letters that it has received stay hidden from others until `release`."""

    def __init__(
        self,
        sqs: SQSClient,
        queue_url: str,
        dead_letter_queue_url: str,
        patience: int = PATIENCE,
        began: float | None = None,
    ) -> None:
        """`patience` is the longest wait for letters, in seconds; `began` is epoch seconds."""
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_url = dead_letter_queue_url
        self._patience = patience
        self._began = began or time.time()
        self._held: dict[str, Letter] = {}

    def letters(self, group: str = "") -> Iterator[Letter]:
        """Each once, in the order of its conversation.

        `group` chooses one conversation. A letter that died since this run began is left: what
        comes back at once would go round for ever. A queue hands out the letters of a conversation
        ten at a time, the next ones when these are gone: who only looks sees the first of them.
        """
        while letters := self._receive():
            for letter in letters:
                chosen = not group or letter.group == group
                if chosen and letter.sent_at <= self._began:
                    yield letter

    def send_back(self, letter: Letter) -> None:
        """Under a new deduplication id: for five minutes the queue swallows the old one."""
        self._sqs.send_message(
            QueueUrl=self._queue_url,
            MessageBody=letter.body,
            MessageGroupId=letter.group,
            MessageDeduplicationId=uuid.uuid4().hex,
        )
        self._sqs.delete_message(QueueUrl=self._dead_url, ReceiptHandle=letter.receipt)
        del self._held[letter.id]

    def release(self) -> None:
        """Show the letters that stay to others again."""
        for letter in self._held.values():
            try:
                self._sqs.change_message_visibility(
                    QueueUrl=self._dead_url, ReceiptHandle=letter.receipt, VisibilityTimeout=0
                )
            except (BotoCoreError, ClientError):
                continue  # it shows by itself when its time is over

    def left(self) -> int:
        """How many dead letters there are, as far as the queue knows."""
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self._dead_url, AttributeNames=["All"]
        )["Attributes"]
        visible = attributes["ApproximateNumberOfMessages"]
        return int(visible) + int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def _receive(self) -> list[Letter]:
        """The next letters, and hold them; none when there are no others than those held."""
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
