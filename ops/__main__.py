"""Operate a stack, deployed or local: settings, registration, checks, logs, dead letters, data."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from chatbot import __version__
from ops import conversation, credentials, doctor, redrive, register, stats, tail
from ops.printing import complain, print_errors_safely
from ops.target import NoTarget

COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], Callable[..., int]]] = {
    "secrets": (credentials.arguments, credentials.run),
    "register": (register.arguments, register.run),
    "doctor": (doctor.arguments, doctor.run),
    "tail": (tail.arguments, tail.run),
    "redrive": (redrive.arguments, redrive.run),
    "conversation": (conversation.arguments, conversation.run),
    "stats": (stats.arguments, stats.run),
}
"""Each command's name, the function that adds its options to a parser, and the one that runs it.

The latter takes the parsed options and returns the exit code.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command in `words`, by default the command line's. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    parser.add_argument("--version", action="version", version=f"chatbot {__version__}")
    names = parser.add_subparsers(dest="command", required=True)
    for name, (arguments, run) in COMMANDS.items():
        summary = (sys.modules[run.__module__].__doc__ or "").partition("\n")[0]
        command = names.add_parser(name, help=summary, description=summary)
        arguments(command)
        command.set_defaults(run=run)
    chosen = parser.parse_args(words)
    try:
        return int(chosen.run(chosen))
    except NoTarget as reason:
        complain(reason)
        return 1


if __name__ == "__main__":
    print_errors_safely()
    sys.exit(main())
