"""What `python -m local` shows of each message, hop by hop: ids, sizes and times, no words."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TextIO

from local.http.recorder import Record

# What the emulator writes about its own work; and the many small reads of an open page.
_EMULATOR = re.compile(r"(START|END|REPORT|INIT_START) |INIT REPORT|.*\(rapid\)|.*\[INFO\]")
_QUIET = {"GET /web/messages", "GetParameters"}
_OWN = {"level", "location", "message", "timestamp", "service", "request_id"}
_LOUD = {"WARNING", "ERROR", "CRITICAL"}


class Pretty:
    """Readable lines from the functions' structured log and from the recorder."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def line(self, line: str) -> None:
        """One line that a function printed. Metrics are left out."""
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            if line.strip() and not _EMULATOR.match(line):
                self._print(line)
        elif "_aws" not in entry:
            self._print(_log_line(entry))

    def record(self, record: Record) -> None:
        """One request between the parts of the stack, when it is over."""
        told = record.server == "lambda" and record.status == 200  # by the function's own lines
        if told or record.operation in _QUIET or record.operation.startswith("GET /assets/"):
            return
        self._print(
            f"{_clock(record.at)}  {record.server:<9} {record.operation:<21}"
            f" {record.status or 'hung up'}  {record.ms} ms"
            f"  {record.request_bytes} → {record.response_bytes} B"
        )

    def _print(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


class LineWriter(io.TextIOBase):
    """A standard output that hands on whole lines, each thread's by themselves."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._rest = threading.local()

    def write(self, text: str) -> int:
        *lines, rest = (getattr(self._rest, "text", "") + text).split("\n")
        self._rest.text = rest
        for line in lines:
            self._take(line)
        return len(text)


def _log_line(entry: Mapping[str, Any]) -> str:
    facts = " ".join(f"{name}={value}" for name, value in entry.items() if name not in _OWN)
    level = entry.get("level", "")
    loud = f" {level}" if level in _LOUD else ""
    at = entry.get("timestamp", "")[11:23].replace(",", ".")
    return f"{at}  {entry.get('service', ''):<9} {entry.get('message', '')}{loud}  {facts}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S.%f")[:-3]
