"""Findings of checks, and how they are printed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ops.printing import say

OPS = ".venv/bin/python -m ops"
"""How a fix names these commands: as they work in any shell whose folder is the repository's."""
SAM = ".venv/bin/sam"
"""The same for the SAM CLI."""
_COMMAND = re.compile(rf"{re.escape(OPS)} \w+")


class Level(StrEnum):
    """How serious a finding is. Only `BROKEN` makes the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """Result of one check: what was checked, the result in one line, and how to fix it.

    None of the texts holds a secret or anything that a person wrote.
    """

    name: str
    level: Level
    text: str
    fix: str = ""


def ok(name: str, text: str) -> Finding:
    """Make a finding of level `OK`."""
    return Finding(name, Level.OK, text)


def warning(name: str, text: str, fix: str = "") -> Finding:
    """Make a finding of level `WARNING`."""
    return Finding(name, Level.WARNING, text, fix)


def broken(name: str, text: str, fix: str) -> Finding:
    """Make a finding of level `BROKEN`."""
    return Finding(name, Level.BROKEN, text, fix)


def show(findings: Iterable[Finding], options: str = "") -> int:
    """Print each finding as it comes. Returns the exit code, 1 when one is broken.

    `options` choose the stack (`--stack chatbot-prod`); each command in a fix is printed with them.
    """
    worst = 0
    for finding in findings:
        say(f"{finding.level.value:<8} {finding.name:<24} {finding.text}")
        if finding.fix and finding.level is not Level.OK:
            fix = _COMMAND.sub(lambda found: f"{found[0]} {options}".rstrip(), finding.fix)
            say(f"{'':<8} {'':<24} → {fix}")
        worst = max(worst, int(finding.level is Level.BROKEN))
    return worst
