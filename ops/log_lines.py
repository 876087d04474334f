"""Print the functions' structured log, and the local stack's recorded requests, as readable lines.

Both `python -m local` and `python -m ops tail` show them. A line holds ids, sizes (bytes) and times
(milliseconds), never what people write: bodies of recorded requests are not printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TextIO

from ops.printing import say

# The runtime emulator's reports about its own work.
_EMULATOR = re.compile(r"(START|END|REPORT|INIT_START) |INIT REPORT|.*\(rapid\)|.*\[INFO\]")
# Small reads that an open page repeats all the time.
_NOT_SHOWN = {"GET /web/messages", "GetParameters"}
# Keys of a log entry that are placed in the line by themselves, or not shown.
_PLACED = {"level", "location", "message", "timestamp", "service", "request_id"}
_LEVELS_SHOWN = {"WARNING", "ERROR", "CRITICAL"}


class LogPrinter:
    """Writes one readable line to `out` for each log line or recorded request that is of use."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def log_line(self, line: str) -> None:
        """Print a line that a function wrote to standard output.

        Metrics (CloudWatch's embedded metric format) and the runtime emulator's reports are left
        out. What is no JSON object, a traceback for example, is printed as it is.
        """
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict):
            if line.strip() and not _EMULATOR.match(line):
                self._print(line)
        elif "_aws" not in entry:
            self._print(_readable(entry))

    def request(self, record: Mapping[str, Any]) -> None:
        """Print a request between the parts of a local stack, after it ended.

        `record` is an item of `GET /_local/records`, that is the fields of
        `local.http.recorder.Record`. Successful invocations are left out: the function logs them;
        and so are its log lines, which `log_line` prints.
        """
        operation = record["operation"]
        if record["server"] == "log":
            return
        logged = record["server"] == "lambda" and record["status"] == 200
        if logged or operation in _NOT_SHOWN or operation.startswith("GET /assets/"):
            return
        self._print(
            f"{_clock(record['at'])}  {record['server']:<9} {operation:<21}"
            f" {record['status'] or 'hung up'}  {record['ms']} ms"
            f"  {record['request_bytes']} → {record['response_bytes']} B"
        )

    def _print(self, line: str) -> None:
        say(line, self._out)


def _readable(entry: Mapping[str, Any]) -> str:
    """A log entry as `<time>  <function>  <event>[ LEVEL]  name=value …`."""
    values = " ".join(f"{name}={value}" for name, value in entry.items() if name not in _PLACED)
    level = entry.get("level", "")
    shown_level = f" {level}" if level in _LEVELS_SHOWN else ""
    at = str(entry.get("timestamp", ""))[11:23].replace(",", ".")
    return f"{at}  {entry.get('service', ''):<9} {entry.get('message', '')}{shown_level}  {values}"


def _clock(at: float) -> str:
    """Epoch seconds as local time with milliseconds, `14:03:59.120`."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S.%f")[:-3]
