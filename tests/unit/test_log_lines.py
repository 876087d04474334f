"""Readable lines of the functions' log and of recorded requests; splitting output into lines."""

from __future__ import annotations

import io
import json
from dataclasses import asdict

import pytest

from local.cli.line_writer import LineWriter
from local.http.recorder import Recorder
from ops.log_lines import LogPrinter


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def test_the_printer_shows_a_log_line_readably(out: io.StringIO) -> None:
    line = {
        "level": "WARNING",
        "location": "f:1",
        "message": "held",
        "timestamp": "2026-11-21 03:27:56,123+0000",
        "service": "worker",
        "channel": "telegram",
        "bytes": 12,
    }
    LogPrinter(out).log_line(json.dumps(line))
    assert out.getvalue().split() == [
        "03:27:56.123",
        "worker",
        "held",
        "WARNING",
        "channel=telegram",
        "bytes=12",
    ]


def test_the_printer_leaves_out_metrics_and_the_emulator(out: io.StringIO) -> None:
    for line in ('{"_aws": {}, "Received": 1}', "START RequestId: 1 Version: $LATEST", " "):
        LogPrinter(out).log_line(line)
    assert out.getvalue() == ""
    LogPrinter(out).log_line("Traceback (most recent call last):")
    assert out.getvalue() == "Traceback (most recent call last):\n"


def test_the_printer_shows_a_request_without_its_bodies(out: io.StringIO) -> None:
    recorder = Recorder()
    printer = LogPrinter(out)
    recorder.listen(lambda record: printer.request(asdict(record)))
    recorder.add("telegram", "sendMessage", 0, 200, b"words asked", b"words answered")
    recorder.add("graph", "POST messages", 0, 0, b"", b"")
    first, second = out.getvalue().splitlines()
    assert "sendMessage" in first
    assert "11 → 14 B" in first
    assert "hung up" in second
    assert "words" not in out.getvalue()


def test_whole_lines_are_handed_on() -> None:
    lines: list[str] = []
    writer = LineWriter(lines.append)
    print("one", "line", file=writer)
    writer.write("two\nhalf")
    assert lines == ["one line", "two"]
