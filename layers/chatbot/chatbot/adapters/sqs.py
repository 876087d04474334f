"""The message queue: SQS FIFO, one group for each conversation."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chatbot.core.errors import QueueUnavailable
from chatbot.core.message import Envelope
from chatbot.core.ports import Journal
from chatbot.core.work import Record

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MAX_ENTRIES = 10
MAX_BYTES = 1024 * 1024 - 4096
"""Of one message and of one batch; SQS allows 1 MiB, group and deduplication ids included."""
MAX_HIDDEN = 43_200
TRIES = 3
PAUSE = 0.1

# SendMessage: "alphanumeric characters and punctuation", 1 to 128 of them.
_GROUP = re.compile(r"[!-~]{1,128}")
# SendMessage takes the characters of XML 1.0; below U+0020 JSON has escaped them already.
_NOT_TAKEN = re.compile("[\ud800-\udfff\ufffe\uffff]")
_LEASE_LOST = {"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"}


def group_of(conversation: str) -> str:
    """The conversation as SQS takes it: itself, or its hash when it has odd characters."""
    return conversation if _GROUP.fullmatch(conversation) else _hash(conversation)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class _Parcel:
    """An envelope ready to be sent; `size` in bytes."""

    envelope: Envelope
    body: str
    size: int

    @classmethod
    def of(cls, envelope: Envelope) -> _Parcel:
        body = _NOT_TAKEN.sub(lambda odd: f"\\u{ord(odd[0]):04x}", envelope.to_json())
        return cls(envelope, body, len(body.encode()))

    def entry(self, number: int) -> SendMessageBatchRequestEntryTypeDef:
        envelope = self.envelope
        return {
            "Id": str(number),
            "MessageBody": self.body,
            "MessageGroupId": group_of(envelope.conversation),
            "MessageDeduplicationId": _hash(f"{envelope.conversation}\n{envelope.event_id}"),
        }


class Sender:
    """The webhook's side: the k-th event of each conversation goes in the k-th wave.

    The next wave waits until the one before was accepted, so that an entry that SQS refused
    cannot be overtaken by a later one of its conversation.
    """

    def __init__(
        self,
        sqs: SQSClient,
        queue_url: str,
        journal: Journal,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._journal = journal
        self._pause = pause

    def send(self, envelopes: Sequence[Envelope]) -> None:
        """Send all; an envelope over MAX_BYTES is counted and left out, since no retry shrinks it.

        Raises QueueUnavailable when an entry was refused for good, after every envelope of the
        other conversations was accepted; or at once when the queue cannot be reached.
        """
        stopped: set[str] = set()
        for wave in _waves(envelopes):
            parcels = [
                parcel
                for parcel in map(_Parcel.of, wave)
                if parcel.envelope.conversation not in stopped and self._small_enough(parcel)
            ]
            for batch in _batches(parcels):
                refused = self._send_batch(batch)
                stopped |= {parcel.envelope.conversation for parcel in refused}
        if stopped:
            raise QueueUnavailable(f"refused entries of {len(stopped)} conversations")

    def _small_enough(self, parcel: _Parcel) -> bool:
        if parcel.size <= MAX_BYTES:
            return True
        envelope = parcel.envelope
        self._journal.count("Ignored", channel=envelope.channel)
        self._journal.warning("too_large", **_facts(envelope), bytes=parcel.size)
        return False

    def _send_batch(self, batch: Sequence[_Parcel]) -> list[_Parcel]:
        """The parcels that were still refused after TRIES."""
        waiting = list(batch)
        for attempt in range(TRIES):
            if attempt:
                self._pause(PAUSE * 2 ** (attempt - 1))
            refused = self._try(waiting)
            for parcel in waiting:
                if parcel not in refused:
                    self._journal.info("queued", **_facts(parcel.envelope), bytes=parcel.size)
            if not refused:
                return []
            waiting = refused
        return waiting

    def _try(self, parcels: list[_Parcel]) -> list[_Parcel]:
        entries = [parcel.entry(number) for number, parcel in enumerate(parcels)]
        try:
            answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except ClientError as error:
            self._journal.warning("batch_refused", reason=_code(error), entries=len(entries))
            return parcels
        except BotoCoreError as error:
            raise QueueUnavailable(type(error).__name__) from error
        for failure in answer.get("Failed", []):
            self._journal.warning("entry_refused", reason=failure["Code"])
        # Of a body that it cannot read the SDK makes an empty answer: that accepts nothing.
        taken = {entry["Id"] for entry in answer.get("Successful", [])}
        return [parcel for number, parcel in enumerate(parcels) if str(number) not in taken]


def _facts(envelope: Envelope) -> dict[str, str]:
    return {
        "channel": envelope.channel,
        "conversation": envelope.conversation,
        "event_id": envelope.event_id,
    }


def _waves(envelopes: Iterable[Envelope]) -> Iterator[list[Envelope]]:
    waves: dict[int, list[Envelope]] = defaultdict(list)
    seen: dict[str, int] = defaultdict(int)
    for envelope in envelopes:
        waves[seen[envelope.conversation]].append(envelope)
        seen[envelope.conversation] += 1
    yield from waves.values()


def _batches(parcels: Iterable[_Parcel]) -> Iterator[list[_Parcel]]:
    batch: list[_Parcel] = []
    size = 0
    for parcel in parcels:
        if batch and (len(batch) == MAX_ENTRIES or size + parcel.size > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(parcel)
        size += parcel.size
    if batch:
        yield batch


class WorkerQueue:
    """The worker's side (ports.Queue)."""

    def __init__(self, sqs: SQSClient, queue_url: str, dead_letter_queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url

    def hide(self, records: Sequence[Record], seconds: float) -> set[str]:
        """Keep `records` from others for `seconds` from now, rounded up; 0 shows them at once."""
        timeout = min(MAX_HIDDEN, max(0, math.ceil(seconds)))
        return self._settle(
            self._sqs.change_message_visibility_batch, records, {"VisibilityTimeout": timeout}
        )

    def delete(self, records: Sequence[Record]) -> set[str]:
        return self._settle(self._sqs.delete_message_batch, records, {})

    def dead_letter(self, record: Record) -> None:
        """Copy the record to the dead letters; the caller deletes it then.

        A redrive makes a new message with a new id, so the message id is fresh for each letter,
        and the same when a worker died between copying and deleting.
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
        if "MessageId" not in answer:  # of a body that the SDK cannot read
            raise QueueUnavailable("unreadable answer")

    def _settle(
        self, call: Callable[..., Any], records: Sequence[Record], more: Mapping[str, int]
    ) -> set[str]:
        """Message ids whose receipt was refused; any other refusal is tried once more."""
        lost: set[str] = set()
        for start in range(0, len(records), MAX_ENTRIES):
            waiting = list(records[start : start + MAX_ENTRIES])
            for last in (False, True):
                failed = self._call(call, waiting, more)
                lost |= {record.message_id for record, code in failed if code in _LEASE_LOST}
                waiting = [record for record, code in failed if code not in _LEASE_LOST]
                if not waiting:
                    break
                if last:
                    raise QueueUnavailable(f"{len(waiting)} entries refused")
        return lost

    def _call(
        self, call: Callable[..., Any], records: Sequence[Record], more: Mapping[str, int]
    ) -> list[tuple[Record, str]]:
        """The records that failed, each with SQS' error code, its namespace cut off."""
        entries = [
            {"Id": str(number), "ReceiptHandle": record.receipt, **more}
            for number, record in enumerate(records)
        ]
        try:
            answer = call(QueueUrl=self._queue_url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(_code(error)) from error
        failed = {entry["Id"]: entry["Code"] for entry in answer.get("Failed", [])}
        # Of a body that it cannot read the SDK makes an empty answer: that has settled nothing.
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
