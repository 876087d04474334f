"""The SQS FIFO queue, with one message group for each conversation."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chatbot.core.errors import QueueUnavailable
from chatbot.core.key import TurnKey
from chatbot.core.message import Envelope, log_fields
from chatbot.core.ports import Journal
from chatbot.core.work import PLACE, Record

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        MessageAttributeValueTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

MAX_ENTRIES = 10
"""Entries of one batch request (SQS API, SendMessageBatch)."""
MAX_BYTES = 1024 * 1024 - 4096
"""Bytes of one message and of one batch; SQS allows 1 MiB with group and deduplication ids."""
MAX_HIDDEN = 43_200
"""Longest visibility timeout in seconds (SQS API, ChangeMessageVisibility)."""
TRIES = 3
"""Times that an entry is sent in all."""
PAUSE = 0.1
"""Seconds before the second time; doubles."""
_NO_PLACES: Mapping[TurnKey, int] = MappingProxyType({})

# SendMessage: "alphanumeric characters and punctuation", 1 to 128 of them.
_GROUP = re.compile(r"[!-~]{1,128}")
# SendMessage takes the characters of XML 1.0; below U+0020 JSON has escaped them already.
_NOT_ALLOWED = re.compile("[\ud800-\udfff\ufffe\uffff]")
_LEASE_LOST = {"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"}


def group_of(conversation: str) -> str:
    """The message group of a conversation: its id, or a hash if SQS does not allow the id."""
    return conversation if _GROUP.fullmatch(conversation) else _hash(conversation)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class _Entry:
    """An envelope with the body of its SQS message; `size` is in bytes, `place` 0 for none."""

    envelope: Envelope
    body: str
    size: int
    place: int

    @classmethod
    def of(cls, envelope: Envelope, place: int) -> _Entry:
        body = _NOT_ALLOWED.sub(lambda found: f"\\u{ord(found[0]):04x}", envelope.to_json())
        return cls(envelope, body, len(body.encode()), place)

    def request(self, number: int) -> SendMessageBatchRequestEntryTypeDef:
        envelope = self.envelope
        request: SendMessageBatchRequestEntryTypeDef = {
            "Id": str(number),
            "MessageBody": self.body,
            "MessageGroupId": group_of(envelope.conversation),
            "MessageDeduplicationId": _hash(f"{envelope.conversation}\n{envelope.event_id}"),
        }
        if self.place:
            place: MessageAttributeValueTypeDef = {
                "DataType": "Number",
                "StringValue": str(self.place),
            }
            request["MessageAttributes"] = {PLACE: place}
        return request


@dataclass(eq=False)
class Sender:
    """Sends envelopes in waves: the k-th event of each conversation is in the k-th wave.

    A wave is sent after the previous one was accepted, so that an entry that SQS refused is not
    overtaken by a later one of its conversation.
    """

    sqs: SQSClient
    queue_url: str
    journal: Journal
    pause: Callable[[float], object] = time.sleep

    def send(
        self, envelopes: Sequence[Envelope], places: Mapping[TurnKey, int] = _NO_PLACES
    ) -> None:
        """Send the envelopes, without those over MAX_BYTES, which no retry could deliver.

        The place of an envelope (ports.WaitingRoom) is sent with it as the attribute PLACE.

        Raises QueueUnavailable when an entry was refused TRIES times, after sending the envelopes
        of all other conversations, or at once when the queue cannot be reached.
        """
        stopped: set[str] = set()
        for wave in _waves(envelopes):
            entries = [
                entry
                for entry in (_Entry.of(each, places.get(each.key, 0)) for each in wave)
                if entry.envelope.conversation not in stopped and self._fits(entry)
            ]
            for batch in _batches(entries):
                refused = self._send_batch(batch)
                stopped |= {entry.envelope.conversation for entry in refused}
        if stopped:
            raise QueueUnavailable(f"refused entries of {len(stopped)} conversations")

    def _fits(self, entry: _Entry) -> bool:
        if entry.size <= MAX_BYTES:
            return True
        envelope = entry.envelope
        self.journal.count("Ignored", channel=envelope.channel)
        self.journal.warning("too_large", **log_fields(envelope), bytes=entry.size)
        return False

    def _send_batch(self, batch: Sequence[_Entry]) -> list[_Entry]:
        """Send a batch; returns the entries that were refused TRIES times."""
        waiting = list(batch)
        for attempt in range(TRIES):
            if attempt:
                self.pause(PAUSE * 2 ** (attempt - 1))
            refused = self._send_once(waiting)
            for entry in waiting:
                if entry not in refused:
                    self.journal.info("queued", **log_fields(entry.envelope), bytes=entry.size)
            if not refused:
                return []
            waiting = refused
        return waiting

    def _send_once(self, entries: list[_Entry]) -> list[_Entry]:
        """Send a batch; returns the entries that SQS did not accept."""
        requests = [entry.request(number) for number, entry in enumerate(entries)]
        try:
            answer = self.sqs.send_message_batch(QueueUrl=self.queue_url, Entries=requests)
        except ClientError as error:
            self.journal.warning("batch_refused", reason=_code(error), entries=len(entries))
            return entries
        except BotoCoreError as error:
            raise QueueUnavailable(type(error).__name__) from error
        for failure in answer.get("Failed", []):
            self.journal.warning("entry_refused", reason=failure["Code"])
        # The SDK turns a body that it cannot parse into an empty answer: nothing is accepted then.
        accepted = {success["Id"] for success in answer.get("Successful", [])}
        return [entry for number, entry in enumerate(entries) if str(number) not in accepted]


def _waves(envelopes: Iterable[Envelope]) -> Iterator[list[Envelope]]:
    waves: dict[int, list[Envelope]] = defaultdict(list)
    seen: dict[str, int] = defaultdict(int)
    for envelope in envelopes:
        waves[seen[envelope.conversation]].append(envelope)
        seen[envelope.conversation] += 1
    yield from waves.values()


def _batches(entries: Iterable[_Entry]) -> Iterator[list[_Entry]]:
    batch: list[_Entry] = []
    size = 0
    for entry in entries:
        if batch and (len(batch) == MAX_ENTRIES or size + entry.size > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


class WorkerQueue:
    """Implements ports.Queue with SQS."""

    def __init__(self, sqs: SQSClient, queue_url: str, dead_letter_queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url

    def hide(self, records: Sequence[Record], seconds: float) -> set[str]:
        """Hide records for `seconds`, rounded up; 0 shows them at once (ports.Queue)."""
        timeout = min(MAX_HIDDEN, max(0, math.ceil(seconds)))
        call = self._sqs.change_message_visibility_batch
        return self._settle(call, records, VisibilityTimeout=timeout)

    def delete(self, records: Sequence[Record]) -> set[str]:
        """Delete records in batches (ports.Queue)."""
        return self._settle(self._sqs.delete_message_batch, records)

    def dead_letter(self, record: Record) -> None:
        """Copy a record to the dead-letter queue (ports.Queue).

        Deduplicated by the message id: repeated after a crash between copying and deleting, it
        adds nothing. A redrive gives the message a new id, so it can become a dead letter again.
        """
        try:
            answer = self._sqs.send_message(
                QueueUrl=self._dead_letter_queue_url,
                MessageBody=record.body,
                MessageGroupId=record.group,
                MessageDeduplicationId=_hash(record.message_id),
            )
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(_code(error)) from error
        if "MessageId" not in answer:  # the SDK could not parse the body
            raise QueueUnavailable("unreadable answer")

    def _settle(self, call: Callable[..., Any], records: Sequence[Record], **more: int) -> set[str]:
        """Make a batch call for the records; entries that fail are repeated once.

        Returns the message ids whose receipt was refused.
        """
        lost: set[str] = set()
        for start in range(0, len(records), MAX_ENTRIES):
            waiting = list(records[start : start + MAX_ENTRIES])
            for _ in range(2):
                failed = self._call(call, waiting, more)
                lost |= {record.message_id for record, code in failed if code in _LEASE_LOST}
                waiting = [record for record, code in failed if code not in _LEASE_LOST]
                if not waiting:
                    break
            else:
                raise QueueUnavailable(f"{len(waiting)} entries refused")
        return lost

    def _call(
        self, call: Callable[..., Any], records: Sequence[Record], more: Mapping[str, int]
    ) -> list[tuple[Record, str]]:
        """Make one batch call; returns the failed records with SQS' error codes."""
        entries = [
            {"Id": str(number), "ReceiptHandle": record.receipt, **more}
            for number, record in enumerate(records)
        ]
        try:
            answer = call(QueueUrl=self._queue_url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(_code(error)) from error
        failed = {entry["Id"]: entry["Code"] for entry in answer.get("Failed", [])}
        # As in `_send_once`: an empty answer has changed nothing.
        settled = {entry["Id"] for entry in answer.get("Successful", [])}
        return [
            (record, failed.get(str(number), "Unreadable").rpartition(".")[2])
            for number, record in enumerate(records)
            if str(number) not in settled
        ]


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "ClientError")
    return type(error).__name__
