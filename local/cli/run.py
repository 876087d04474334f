"""`python -m local`: run the whole stack until it is interrupted."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from contextlib import redirect_stdout
from dataclasses import asdict

import requests

from chatbot import __version__
from local.cli.invoke import register
from local.cli.line_writer import LineWriter
from local.cli.poll_telegram import Refused, start_polling
from local.cloud.invoker import Runtime
from local.config import DEFAULT_PORT
from local.playground.server import Playground
from local.stack import Options, Stack
from ops.log_lines import LogPrinter
from ops.printing import complain, say


def run(
    port: int, runtime: Runtime, workers: int, pretty: bool, poll_telegram: bool, take_over: bool
) -> int:
    """Serve the stack on `port` until SIGINT or SIGTERM. Returns the exit code.

    `pretty` prints readable lines in place of the functions' JSON log; `poll_telegram` and
    `take_over` are those of `local.cli.poll_telegram`.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    out = sys.stdout
    printer = LogPrinter(out)

    def tell(text: str) -> None:
        say(text, out)

    # What functions print goes to whatever standard output is then, which is redirected below.
    stack = Stack(Options(port, runtime, workers, log=say, progress=tell))

    def take(line: str) -> None:
        """Keep a function's line for `ops tail`, and show it."""
        stack.recorder.log(line)
        if pretty:
            printer.log_line(line)
        else:
            tell(line)

    try:
        with redirect_stdout(LineWriter(take)), stack:
            page = requests.get(stack.url, timeout=30)
            if not page.ok:
                complain(f"the page answers {page.status_code}")
                return 1
            register(stack)
            stack.add_app("/playground", Playground(stack))
            if poll_telegram:
                start_polling(stack, take_over)
            tell(f"ready: {stack.url}")
            if pretty:
                for hint in _hints(stack):
                    tell(hint)
                stack.recorder.listen(lambda record: printer.request(asdict(record)))
            stop.wait()
    except Refused as error:
        complain(error)
        return 1
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        complain(f"port {port} is taken: choose another by PORT=…")
        return 1
    return 0


def _hints(stack: Stack) -> tuple[str, ...]:
    port = stack.url.rpartition(":")[2]
    option = "" if port == str(DEFAULT_PORT) else f" --port {port}"
    return (
        f"  version:          {__version__}",
        f"  the page:         {stack.url}/",
        f"  every channel:    {stack.url}/playground",
        f'  in another shell: .venv/bin/python -m local send{option} telegram "My name is Ada"',
        "  Ctrl-C stops everything. What happens to each message, ids, sizes and times:",
    )
