"""What a check found, and how a list of findings is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what is so, and what mends it. No secrets, nobody's words."""

    name: str
    level: Level
    text: str
    mend: str = ""


def ok(name: str, text: str) -> Finding:
    return Finding(name, Level.OK, text)


def warning(name: str, text: str, mend: str = "") -> Finding:
    return Finding(name, Level.WARNING, text, mend)


def broken(name: str, text: str, mend: str) -> Finding:
    return Finding(name, Level.BROKEN, text, mend)


def show(findings: Iterable[Finding]) -> int:
    """Print each as it comes; the exit code, which is 1 when something is broken."""
    worst = 0
    for finding in findings:
        print(f"{finding.level.value:<8} {finding.name:<24} {finding.text}", flush=True)
        if finding.mend and finding.level is not Level.OK:
            print(f"{'':<8} {'':<24} → {finding.mend}", flush=True)
        worst = max(worst, int(finding.level is Level.BROKEN))
    return worst
