"""The only place where `ops` and `local` print: one line at a time, with nothing in it to obey.

What is printed often holds a value that a stranger has chosen. So no other module prints by itself,
which tests/unit/test_printing.py checks.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import TextIO

from chatbot.core.printable import printable, printable_json


def say(text: object, out: TextIO | None = None) -> None:
    """Print one line, by default to standard output, at once."""
    print(printable(str(text)), file=out or sys.stdout, flush=True)


def complain(text: object) -> None:
    """Print one line to standard error."""
    say(text, sys.stderr)


def say_json(document: object, indent: int | None = None) -> None:
    """Print a document as JSON, which has line breaks between its values with `indent`."""
    for line in printable_json(document, indent).split("\n"):
        say(line)


def print_errors_safely() -> None:
    """Let uncaught exceptions, and what libraries log, be printed line by line like all else.

    An exception's text may quote what a server has sent.
    """
    sys.excepthook = _print_exception
    threading.excepthook = _print_exception_of_thread
    logging.basicConfig(handlers=[_Handler()])


def _print_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    for entry in traceback.TracebackException(kind, error, trace).format():
        # A traceback's own line breaks cannot be told from those of the exception's text: so its
        # lines are indented, and none of them can pass for another line of ours.
        for line in entry.rstrip("\n").split("\n"):
            complain(f"  {line}")


def _print_exception_of_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None:
        _print_exception(failed.exc_type, failed.exc_value, failed.exc_traceback)


class _Handler(logging.Handler):
    """Prints each record of a library as one line, with the traceback that may belong to it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record (see logging.Handler)."""
        complain(f"{record.levelname} {record.name}: {record.getMessage()}")
        if record.exc_info and record.exc_info[0]:
            _print_exception(*record.exc_info)
