"""`python -m local`: run the whole stack until it is interrupted."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from contextlib import redirect_stdout
from dataclasses import asdict
from functools import partial

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

    def say(text: str) -> None:
        print(text, file=out, flush=True)

    log = partial(print, flush=True)  # to whatever stdout is then, which is redirected below
    stack = Stack(Options(port, runtime, workers, log=log, progress=say))

    def take(line: str) -> None:
        """Keep a function's line for `ops tail`, and show it."""
        stack.recorder.log(line)
        if pretty:
            printer.log_line(line)
        else:
            say(line)

    try:
        with redirect_stdout(LineWriter(take)), stack:
            page = requests.get(stack.url, timeout=30)
            if not page.ok:
                print(f"the page answers {page.status_code}", file=sys.stderr)
                return 1
            register(stack)
            stack.add_app("/playground", Playground(stack))
            if poll_telegram:
                start_polling(stack, take_over)
            say(f"ready: {stack.url}")
            if pretty:
                say(_hints(stack))
                stack.recorder.listen(lambda record: printer.request(asdict(record)))
            stop.wait()
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(f"port {port} is taken: choose another by PORT=…", file=sys.stderr)
        return 1
    return 0


def _hints(stack: Stack) -> str:
    port = stack.url.rpartition(":")[2]
    option = "" if port == str(DEFAULT_PORT) else f" --port {port}"
    return (
        f"  version:          {__version__}\n"
        f"  the page:         {stack.url}/\n"
        f"  every channel:    {stack.url}/playground\n"
        f'  in another shell: .venv/bin/python -m local send{option} telegram "My name is Ada"\n'
        "  Ctrl-C stops everything. What happens to each message, ids, sizes and times:"
    )
