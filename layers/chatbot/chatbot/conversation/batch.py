"""Process one batch of records: message groups in parallel, the records of a group in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, NoReturn

from chatbot.conversation.attempt import time_needed
from chatbot.conversation.record import RecordHandler
from chatbot.conversation.suspects import Suspects, return_after
from chatbot.core.errors import LeaseLost, QueueUnavailable
from chatbot.core.ports import Clock, Journal, Queue
from chatbot.core.settings import Settings
from chatbot.core.work import PLACE, DeadLetter, Done, HandBack, Record, Tries

LEASE_SLACK = 2.0
"""Seconds between the end of the last claim and the next delivery of a record."""

Leave = Callable[[Sequence[Record], int], None]
"""Frees the places of records that are done, while time is left (see `waiting.py`)."""
_MOST_GROUPS = 10
_EXIT_MARGIN = 0.5  # seconds before the deadline at which the process ends itself


def end_process() -> NoReturn:
    """End the process at once, with its threads.

    Lambda freezes a process between invocations: a thread that still runs would continue during a
    later one, and post after its claim has ended.
    """
    os._exit(1)


def leave_none(_records: Sequence[Record], _deadline: int) -> None:
    """Free no places: none of the records has one."""


@dataclass(eq=False)
class Batch:
    """Processes the records of one invocation.

    Conversations run beside each other, but one that may have ended a worker runs alone
    (`suspects.py`). `end` is called when threads still run at the deadline; it must not return.
    `leave` is called once for each conversation with its records that are done, as soon as it is
    finished: a slow neighbour may end the worker before the batch ends.
    """

    handler: RecordHandler
    suspects: Suspects
    queue: Queue
    settings: Settings
    journal: Journal
    clock: Clock
    end: Callable[[], NoReturn] = end_process
    leave: Leave = leave_none

    def run(self, records: Sequence[Record], deadline: int) -> list[str]:
        """Process the records; returns the message ids of those that are to be delivered again.

        `deadline` is the end of the invocation in milliseconds since the epoch.
        """
        groups: dict[str, list[Record]] = {}
        for record in records:
            groups.setdefault(record.group, []).append(record)
        with ThreadPoolExecutor(_MOST_GROUPS + 1, thread_name_prefix="group") as pool:
            lease = pool.submit(self._take_lease, records, deadline)
            choice = self.suspects.choose(groups, self._left(deadline), self._beyond, pool)
            # Back to the queue before anything that runs can end the worker: another one may take
            # them at once.
            waiting = [groups[group] for group in choice.wait]
            self._return_untried(waiting, lease)
            working = dict[Future[Sequence[Record]], Sequence[Record]]()
            for group, known in choice.run.items():
                members = groups[group]
                future = pool.submit(self._finish, group, members, deadline, lease, known)
                working[future] = members
            pending = set(working)
            while pending:
                finished, pending = wait(
                    pending,
                    timeout=max(0, self._left(deadline) - _EXIT_MARGIN),
                    return_when="FIRST_COMPLETED",
                )
                if not finished:
                    self.journal.warning("invocation_timed_out", groups=len(pending))
                    self.end()
                if pending:
                    # Delete early: the next message of a finished conversation need not wait for
                    # the slowest one of the batch.
                    for future in finished:
                        self._delete_done(working[future], future.result())
        unfinished = [record for future in working for record in future.result()]
        returned = [record for group in waiting for record in group]
        return [record.message_id for record in (*returned, *unfinished)]

    def _take_lease(self, records: Sequence[Record], deadline: int) -> set[str]:
        """Hide the records until the last possible claim has ended.

        After a crash they are delivered again then, and not only after the queue's own visibility
        timeout. Returns the message ids whose receipt was refused.
        """
        seconds = self._left(deadline) + self._beyond
        try:
            return self.queue.hide(records, seconds)
        except QueueUnavailable:
            # The queue's visibility timeout is longer: safe, but slower after a crash.
            self.journal.warning("lease_failed", records=len(records))
            return set()

    def _finish(
        self,
        group: str,
        records: Sequence[Record],
        deadline: int,
        lease: Future[set[str]],
        known: Tries,
    ) -> Sequence[Record]:
        """Process a group and free the places of what is done; returns what `_run_group` does."""
        unfinished = self._run_group(group, records, deadline, lease, known)
        self.leave(records[: len(records) - len(unfinished)], deadline)
        return unfinished

    def _run_group(
        self,
        group: str,
        records: Sequence[Record],
        deadline: int,
        lease: Future[set[str]],
        known: Tries,
    ) -> Sequence[Record]:
        """Process a group; returns the tail of `records` that is to be delivered again."""
        ids = {record.message_id for record in records}

        def confirm() -> None:
            if ids & lease.result():
                raise LeaseLost

        rest, apart = records, dict[str, Tries]()
        while rest:
            if self._left(deadline) < time_needed(self.settings):
                self.suspects.untried(rest[0], known, apart.get(rest[0].message_id, Tries()))
                return self._return_to_queue(rest, HandBack(0), lease)
            try:
                outcome = self.handler.handle(rest[0], deadline, confirm, rest[1:], apart, known)
            except LeaseLost:
                self.journal.warning("lease_lost", group=group, records=len(rest))
                return rest
            if isinstance(outcome, DeadLetter):
                outcome = self._move_to_dead_letters(rest[0], outcome)
            if isinstance(outcome, HandBack):
                if not outcome.noted:
                    self.suspects.not_noted()
                return self._return_to_queue(rest, outcome, lease)
            rest = rest[1 + outcome.merged :]
        return ()

    def _move_to_dead_letters(self, record: Record, outcome: DeadLetter) -> Done | HandBack:
        """Move the record to the dead-letter queue.

        The original is deleted at once: if the next one ended the worker, this one would come again
        and be counted anew.
        """
        try:
            self.queue.dead_letter(record)
        except QueueUnavailable:
            return HandBack(self.settings.retry_delay_max)
        self.journal.count("DeadLettered", channel="worker")
        self.journal.warning("dead_letter", reason=outcome.reason, message_id=record.message_id)
        self._delete_done([record], ())
        return Done()

    def _return_untried(self, groups: Sequence[Sequence[Record]], lease: Future[set[str]]) -> None:
        """Return groups that wait for another one's turn, in a call for each length of the wait."""
        by_delay: dict[float, list[Record]] = {}
        for records in groups:
            by_delay.setdefault(return_after(records), []).extend(records)
        for delay, records in by_delay.items():
            self._return_to_queue(records, HandBack(delay), lease)

    def _return_to_queue(
        self, rest: Sequence[Record], outcome: HandBack, lease: Future[set[str]]
    ) -> Sequence[Record]:
        """Hide all for the same time: one that stays hidden longer would block its group."""
        lease.result()  # a lease that arrived later would hide them for its own, longer time
        try:
            self.queue.hide(rest, outcome.delay)
        except QueueUnavailable:
            self.journal.warning("return_to_queue_failed", records=len(rest))
        return rest

    def _delete_done(self, records: Sequence[Record], unfinished: Sequence[Record]) -> None:
        done = records[: len(records) - len(unfinished)]
        if not done:
            return
        try:
            self.queue.delete(done)
        except QueueUnavailable:
            self.journal.warning("delete_from_queue_failed", records=len(done))

    def _left(self, deadline: int) -> float:
        return (deadline - self.clock()) / 1000

    @property
    def _beyond(self) -> float:
        """Seconds for which records stay hidden after the end of the invocation."""
        return self.settings.settle + LEASE_SLACK


def records_of(event: Mapping[str, Any]) -> list[Record]:
    """Parse the records of an SQS event (AWS Lambda guide, “Using Lambda with Amazon SQS”)."""
    return [
        Record(
            message_id=item["messageId"],
            receipt=item["receiptHandle"],
            group=item["attributes"]["MessageGroupId"],
            receive_count=int(item["attributes"]["ApproximateReceiveCount"]),
            sent_at=int(item["attributes"]["SentTimestamp"]),
            body=item["body"],
            place=int(item.get("messageAttributes", {}).get(PLACE, {}).get("stringValue", 0)),
            first_received_at=int(item["attributes"]["ApproximateFirstReceiveTimestamp"]),
        )
        for item in event["Records"]
    ]
