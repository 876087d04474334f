"""`python -m local`: the whole stack on this machine, and what one can do to it."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import threading
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import requests

from local.standins.people import CHANNELS

if TYPE_CHECKING:
    from local.stack import Stack

DEFAULT_PORT = 8000
FUNCTIONS = ("WebhookFunction", "WorkerFunction", "WebFunction", "SetupFunction")


def main() -> int:
    arguments = _parser().parse_args()
    # Each imports what it needs: sending must not wait for the whole stack's imports.
    if arguments.command == "invoke":
        from local.cli.invoke import invoke

        return invoke(arguments.function, arguments.event)
    if arguments.command == "send":
        from local.cli.send import send

        return send(arguments.channel, arguments.text, arguments.user, arguments.port)
    return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    from local.cli.console import LineWriter, Pretty
    from local.cli.invoke import register
    from local.cli.poll_telegram import Refused, start_polling
    from local.playground.server import Playground
    from local.stack import Options, Stack

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    out = sys.stdout
    console = Pretty(out) if arguments.log == "pretty" else None
    writer: TextIO | LineWriter = LineWriter(console.line) if console else out
    options = Options(
        arguments.port,
        arguments.runtime,
        arguments.workers,
        lines=lambda line: print(line, flush=True),
    )
    try:
        with redirect_stdout(writer), Stack(options) as stack:
            answer = requests.get(stack.url, timeout=30)
            if not answer.ok:
                print(f"the page answers {answer.status_code}", file=sys.stderr)
                return 1
            register(stack)
            stack.add_app("/playground", Playground(stack))
            if arguments.poll_telegram:
                start_polling(stack, arguments.take_over)
            print(f"ready: {stack.url}", file=out, flush=True)
            if console:
                print(_hints(stack), file=out, flush=True)
                stack.recorder.listen(console.record)
            stop.wait()
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(f"port {arguments.port} is taken: choose another by PORT=…", file=sys.stderr)
        return 1
    return 0


def _hints(stack: Stack) -> str:
    port = stack.url.rpartition(":")[2]
    option = "" if port == str(DEFAULT_PORT) else f" --port {port}"
    return (
        f"  the page:         {stack.url}/\n"
        f"  every channel:    {stack.url}/playground\n"
        f'  in another shell: .venv/bin/python -m local send{option} telegram "My name is Ada"\n'
        "  Ctrl-C stops everything. What happens to each message, ids, sizes and times:"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--port", type=int, default=_default_port())
    parser.add_argument("--runtime", choices=["inprocess", "rie"], default="inprocess")
    parser.add_argument("--workers", type=int, default=4, help="concurrent worker invocations")
    parser.add_argument("--log", choices=["pretty", "json"], default="pretty")
    parser.add_argument(
        "--poll-telegram", action="store_true", help="fetch the real bot's messages: no address"
    )
    parser.add_argument(
        "--take-over", action="store_true", help="with it: delete the webhook that is registered"
    )
    commands = parser.add_subparsers(dest="command", metavar="invoke|send")
    invoke = commands.add_parser("invoke", help="invoke one function with a sample event")
    invoke.add_argument("function", choices=FUNCTIONS)
    invoke.add_argument("--event", type=Path, required=True)
    send = commands.add_parser("send", help="write to the running stack as a person would")
    send.add_argument("channel", choices=CHANNELS)
    send.add_argument("text")
    send.add_argument("--as", dest="user", default="ada", metavar="USER")
    send.add_argument("--port", type=int, default=argparse.SUPPRESS)
    return parser


def _default_port() -> int:
    return int(os.environ.get("PORT", "") or DEFAULT_PORT)


if __name__ == "__main__":
    sys.exit(main())
