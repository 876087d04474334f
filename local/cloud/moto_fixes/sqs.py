"""Make moto's FIFO queues behave as those of SQS.

- Order. moto unblocks the messages of a group one by one while it walks through the queue, and
  skips each that a later one of its group still seems to block. Of several messages that become
  visible at the same time it then hands out the last one first.
- Receipt handles. moto accepts stale ones, and changes the visibility of messages that are not in
  flight, past the block of their group.
- Speed. moto computes the current time by way of dates, for each message of the queue in each call.
"""

from __future__ import annotations

import time
from typing import Any

from moto.sqs import models
from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Queue, SQSBackend


def apply() -> None:
    """Patch moto in this process."""
    receive = SQSBackend.receive_message
    change = SQSBackend.change_message_visibility
    delete = SQSBackend.delete_message

    def received(self: Any, queue_name: str, *arguments: Any, **named: Any) -> Any:
        _visible(self.get_queue(queue_name))  # before moto notes which groups are blocked
        return receive(self, queue_name, *arguments, **named)

    def changed(self: Any, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        _check(self.get_queue(queue_name), receipt_handle)
        change(self, queue_name, receipt_handle, visibility_timeout)

    def deleted(self: Any, queue_name: str, receipt_handle: str) -> None:
        queue = self.get_queue(queue_name)
        if receipt_handle not in queue.deleted_messages:
            _check(queue, receipt_handle)
        delete(self, queue_name, receipt_handle)

    SQSBackend.receive_message = received  # type: ignore[method-assign]
    SQSBackend.change_message_visibility = changed  # type: ignore[method-assign]
    SQSBackend.delete_message = deleted  # type: ignore[method-assign]
    Queue.messages = property(_visible)  # type: ignore[assignment,method-assign]
    models.unix_time_millis = _now  # type: ignore[attr-defined,assignment]


def _visible(queue: Any) -> list[Any]:
    """Replace moto's `Queue.messages`: unblock all that are visible again at the same moment."""
    now = _now()
    shown = [each for each in queue._messages if each.visible_at < now >= each.delayed_until]
    queue.pending_messages.difference_update(shown)
    return shown


def _now() -> float:
    """Epoch milliseconds."""
    return time.time() * 1000


def _check(queue: Any, receipt: str) -> None:
    """Raise ReceiptHandleIsInvalid unless it is the newest handle of a message in flight.

    See SQS, ChangeMessageVisibility and DeleteMessage. Of FIFO queues only.
    """
    held = any(
        message.receipt_handle == receipt and not message.visible for message in queue._messages
    )
    if queue.fifo_queue and not held:
        raise ReceiptHandleIsInvalid
