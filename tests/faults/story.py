"""What happened in a conversation, call by call, to be printed of a case that went wrong."""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress
from weakref import WeakKeyDictionary

from local.http.recorder import LOG, Record, Recorder

KEPT = 20_000
"""Records of one stack: more than pass it while the longest case runs beside eleven others."""
LONGEST = 200
"""Lines of one story, the last ones."""

_RECORDS: WeakKeyDictionary[Recorder, deque[Record]] = WeakKeyDictionary()


def watch(recorder: Recorder) -> None:
    """Begin to keep what passes the recorder, for longer than the recorder itself does."""
    _RECORDS[recorder] = deque(maxlen=KEPT)
    recorder.listen(_RECORDS[recorder].append)


def of(recorder: Recorder, *marks: str) -> str:
    """Format the calls and log lines that hold one of the marks, a line each, oldest first.

    `12.5 +0.3 s aws PutItem 200` is a call that began 12.5 s after the first and took 0.3 s.
    """
    mine = [
        record
        for record in list(_RECORDS[recorder])
        if any(mark in record.request for mark in marks)
    ]
    mine.sort(key=lambda record: record.at)
    return "\n".join(
        f"{record.at - mine[0].at:8.1f} +{record.ms / 1000:.1f} s {_what(record)}"
        for record in mine[-LONGEST:]
    )


def _what(record: Record) -> str:
    if record.server != LOG:
        return f"{record.server} {record.operation} {record.status}"
    with suppress(ValueError):
        line = json.loads(record.request)
        words = [line.get(name, "") for name in ("message", "reason", "error")]
        return " ".join(["log", *filter(None, words)])
    return "log"
