"""Tell the platforms where the stack is: what the deployment does, for secrets stored later."""

from __future__ import annotations

import argparse

from chatbot.bootstrap import registration
from chatbot.core.errors import InvalidSetting
from chatbot.net.post import Session
from ops import target
from ops.channels import SECONDS
from ops.findings import Finding, broken, ok, show
from ops.stored import settings_of


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--undo", action="store_true", help="unregister what points to this stack")
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """The exit code; raises NoTarget."""
    stack = target.find(chosen)
    try:
        settings = settings_of(stack)
    except InvalidSetting as error:
        raise target.NoTarget(str(error)) from error
    tell = registration.unregister if chosen.undo else registration.register
    reports = tell(settings, target.name_of(stack, "ApiUrl"), Session(), SECONDS)
    return show(_finding(name, text) for name, text in reports.items())


def _finding(name: str, text: str) -> Finding:
    if text.startswith("failed"):
        return broken(name, text, "python -m ops doctor says more")
    return ok(name, text)
