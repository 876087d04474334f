"""Report the findings: a line for each case, a table for each channel, `faults-report.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from local.standins.people import CHANNELS
from tests.faults.cases import BOUNDARIES, FAULTS, Case, every
from tests.faults.finding import Finding

Findings = Mapping[Case, Finding]
SUMS = ("lost", "doubled", "reordered", "paid_twice", "stuck")
MOST = ("most_paid", "most_requests")
_STORIES = 4  # printed of one run: after many failures it is the first that tell


def line(number: int, of: int, case: Case, finding: Finding) -> str:
    note = f"  {finding.note}" if finding.note and not finding.good else ""
    if finding.late:
        note = f"  strangers answered within {finding.late:.1f} s{note}"
    place = f"{number:3}/{of}"
    return f"{place} {finding.seconds:5.1f}s  {case.name:60} {finding.outcome}{note}"


def table(findings: Findings, channel: str) -> str:
    """Format a table of boundaries × faults: `ok`, `exc` (imperfect but allowed), or `BAD`."""
    mine = {
        (case.boundary, case.fault): finding
        for case, finding in findings.items()
        if case.channel == channel
    }
    present = {fault for _, fault in mine}
    faults = [fault for fault in FAULTS if fault in present]
    widths = [max(len(word) for word in fault.split()) for fault in faults]
    first = max(len(boundary) for boundary in BOUNDARIES)
    lines = []
    for row in range(max((len(fault.split()) for fault in faults), default=0)):
        heads = [(fault.split() + [""] * 9)[row] for fault in faults]
        lines.append(_row(channel if row == 0 else "", heads, first, widths))
    for boundary in BOUNDARIES:
        cells = [_cell(mine.get((boundary, fault))) for fault in faults]
        if any(cells):
            lines.append(_row(boundary, cells, first, widths))
    return "\n".join(lines)


def _row(name: str, cells: list[str], first: int, widths: list[int]) -> str:
    columns = (f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"{name:{first}}  " + " ".join(columns).rstrip()


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return ""
    if finding.good:
        return "exc" if finding.excepted else "ok"
    return "BAD"


def sums(findings: Findings) -> dict[str, int]:
    counted = {name: sum(getattr(f, name) for f in findings.values()) for name in SUMS}
    excepted = sum(bool(f.excepted) for f in findings.values() if f.good)
    most = {name: max((getattr(f, name) for f in findings.values()), default=0) for name in MOST}
    return {"cases": len(findings), **counted, **most, "excepted": excepted}


def write(findings: Findings, runtime: str, path: Path) -> None:
    rows = [
        {
            "boundary": case.boundary,
            "fault": case.fault,
            "channel": case.channel,
            "runtime": runtime,
            "sent": finding.sent,
            "received": finding.received,
            "model_calls": finding.model_calls,
            "most_paid": finding.most_paid,
            "most_requests": finding.most_requests,
            "fired": finding.fired,
            **({"late": round(finding.late, 1)} if finding.late else {}),
            "outcome": finding.outcome,
        }
        for case in every()
        if (finding := findings.get(case))
    ]
    path.write_text(json.dumps({"rows": rows, **sums(findings)}, indent=1) + "\n")


def text(findings: Findings, seconds: float) -> str:
    """Format all findings for a terminal."""
    tables = [
        table(findings, channel)
        for channel in CHANNELS
        if any(case.channel == channel for case in findings)
    ]
    counted = "  ".join(f"{name} {number}" for name, number in sums(findings).items())
    missed = sum(not finding.fired for finding in findings.values())
    bad = [(case, finding) for case, finding in findings.items() if not finding.good]
    # Once more at the end: of a long log, often only its end is kept.
    named = [line(number, len(bad), *each) for number, each in enumerate(bad, 1)]
    stories = [f"{case.name}:\n{finding.story}" for case, finding in bad[:_STORIES]]
    last = f"{counted}  not fired {missed}  ({seconds:.0f} s)"
    return "\n\n".join([*tables, *stories, *(["\n".join(named)] if named else []), last])
