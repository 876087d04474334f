"""Run programs in the environment of other people's clients of the Bot API."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-telegram/bin/python"
SECONDS = 120
"""How long a program may take; on two idle cores each takes less than fifteen."""


def ask(program: str, *arguments: str, lines: Iterable[Any] = ()) -> list[Any]:
    """Run `clients/PROGRAM.py` with JSON lines as its input, and return those that it prints."""
    assert PYTHON.exists(), "make .venv-telegram/.installed"
    ended = subprocess.run(
        [PYTHON, "-W", "ignore", f"tests/interop/clients/{program}.py", *arguments],
        cwd=ROOT,
        input="\n".join(map(json.dumps, lines)),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]
