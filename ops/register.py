"""Register the stack's webhooks with the platforms, as a deployment does.

Needed when tokens were stored after the deployment, or changed.
"""

from __future__ import annotations

import argparse

from chatbot.bootstrap import registration
from chatbot.core.errors import InvalidSetting
from chatbot.net.post import Session
from ops import target
from ops.channels import SECONDS
from ops.findings import OPS, Finding, broken, ok, show
from ops.stored import settings_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--undo", action="store_true", help="remove the webhooks that point to this stack"
    )
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run the command. Returns the exit code, 1 when a platform refused; raises NoTarget."""
    stack = target.find(chosen)
    try:
        settings = settings_of(stack)
    except InvalidSetting as error:
        raise target.NoTarget(str(error)) from error
    change = registration.unregister if chosen.undo else registration.register
    reports = change(settings, target.name_of(stack, "ApiUrl"), Session(), SECONDS)
    return show((_finding(name, text) for name, text in reports.items()), target.options(chosen))


def _finding(name: str, text: str) -> Finding:
    if text.startswith("failed"):
        return broken(name, text, f"for details: {OPS} doctor")
    return ok(name, text)
