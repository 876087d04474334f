"""Run a module of the project in a process of its own, as `python -m` does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run_module(
    name: str, *arguments: str, timeout: float = 100
) -> subprocess.CompletedProcess[str]:
    """Wait for `python -m NAME …` in the repository's folder, for `timeout` seconds at most."""
    return subprocess.run(
        [sys.executable, "-m", name, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
