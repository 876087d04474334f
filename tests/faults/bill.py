"""What the model server was asked for each message of a conversation, and was paid for.

A recording belongs to the message that its bytes name.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from weakref import WeakKeyDictionary

from local.http.recorder import Record, Recorder

_TRANSCRIPTIONS = "audio/transcriptions"
_OPERATIONS = ("chat/completions", "images/generations", _TRANSCRIPTIONS)


@dataclass(frozen=True)
class Bill:
    """Requests and paid requests, by the number of the message."""

    requests: Counter[int] = field(default_factory=Counter)
    paid: Counter[int] = field(default_factory=Counter)

    @property
    def most_requests(self) -> int:
        """The most requests for one message."""
        return max(self.requests.values(), default=0)

    @property
    def most_paid(self) -> int:
        """How often the message was paid for that was paid for most often."""
        return max(self.paid.values(), default=0)


class _Ledger:
    """All requests to one stack's model server: the recorder itself forgets old ones."""

    def __init__(self, recorder: Recorder) -> None:
        self.entries: list[tuple[str, bool]] = []
        self._lock = threading.Lock()
        recorder.listen(self._add)

    def _add(self, record: Record) -> None:
        if record.server == "openai" and record.operation in _OPERATIONS:
            with self._lock:
                # Status 0: the connection was closed before a status was sent.
                spoken = record.operation == _TRANSCRIPTIONS
                question = record.request if spoken else question_of(record.request)
                self.entries.append((question, record.status == HTTPStatus.OK))


_LEDGERS: WeakKeyDictionary[Recorder, _Ledger] = WeakKeyDictionary()


def watch(recorder: Recorder) -> None:
    """Begin to count the requests that pass the recorder."""
    _LEDGERS[recorder] = _Ledger(recorder)


def bill_of(recorder: Recorder, tag: str) -> Bill:
    """The bill of the conversation whose messages begin with `tag` and their number."""
    bill = Bill()
    for question, paid in list(_LEDGERS[recorder].entries):
        numbers = {int(number) for number in re.findall(rf"{tag}-(\d+)", question)}
        bill.requests.update(numbers)
        if paid:
            bill.paid.update(numbers)
    return bill


def question_of(body: str) -> str:
    """What is asked in a request: the prompt's last message, without earlier ones before it.

    Merged messages are joined by a line break, an earlier message of the same role by a blank line.
    """
    request = json.loads(body)
    content: str = request.get("prompt") or request["messages"][-1]["content"]
    return content.rpartition("\n\n")[2]
