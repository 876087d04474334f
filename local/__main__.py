"""Run the whole stack on this machine, write to it, or invoke one function: `python -m local`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from local.config import DEFAULT_PORT
from local.standins.people import CHANNELS
from ops.printing import print_errors_safely

FUNCTIONS = ("WebhookFunction", "WorkerFunction", "WebFunction", "SetupFunction")


def main() -> int:
    """Run the command of the command line. Returns the exit code."""
    arguments = _parser().parse_args()
    # Each command's imports are its own: `send` must not wait for those of the whole stack.
    if arguments.command == "invoke":
        from local.cli.invoke import invoke

        return invoke(arguments.function, arguments.event)
    if arguments.command == "send":
        from local.cli.send import send

        return send(arguments.channel, arguments.text, arguments.user, arguments.port)
    from local.cli.run import run

    return run(
        port=arguments.port,
        runtime=arguments.runtime,
        workers=arguments.workers,
        pretty=arguments.log == "pretty",
        poll_telegram=arguments.poll_telegram,
        take_over=arguments.take_over,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument(
        "--port",
        type=int,
        default=_default_port(),
        help="port of the stack (default: PORT of the environment, otherwise 8000)",
    )
    parser.add_argument(
        "--runtime",
        choices=["inprocess", "rie"],
        default="inprocess",
        help="run the functions in this process, or in processes under AWS's runtime interface "
        "emulator (default %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=4,
        help="concurrent worker invocations (default %(default)s)",
    )
    parser.add_argument(
        "--log",
        choices=["pretty", "json"],
        default="pretty",
        help="print readable lines, or the functions' JSON (default %(default)s)",
    )
    parser.add_argument(
        "--poll-telegram",
        action="store_true",
        help="fetch the real bot's messages, so that no public address is needed",
    )
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="with --poll-telegram: delete the webhook that is registered",
    )
    commands = parser.add_subparsers(dest="command", metavar="invoke|send")
    invoke = commands.add_parser("invoke", help="invoke one function with a sample event")
    invoke.add_argument("function", choices=FUNCTIONS)
    invoke.add_argument(
        "--event", type=Path, required=True, help="a JSON file, such as events/telegram/text.json"
    )
    send = commands.add_parser("send", help="write to the running stack as a person would")
    send.add_argument("channel", choices=CHANNELS)
    send.add_argument("text", help="the message")
    send.add_argument(
        "--as",
        dest="user",
        default="ada",
        metavar="USER",
        help="name of the person who writes (default %(default)s)",
    )
    send.add_argument(
        "--port", type=int, default=argparse.SUPPRESS, help="port of the running stack"
    )
    return parser


def _default_port() -> int:
    return int(os.environ.get("PORT", "") or DEFAULT_PORT)


if __name__ == "__main__":
    print_errors_safely()
    sys.exit(main())
