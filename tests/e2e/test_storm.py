"""A short storm. The long one, which kills processes, is `make storm`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_a_short_storm_passes() -> None:
    """In a process of its own, as a process can run only one stack with in-process functions."""
    arguments = "--seed 7 --conversations 12 --messages 5 --runtime inprocess"
    done = subprocess.run(
        [sys.executable, "-m", "tests.storm", *arguments.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost 0, doubled 0, reordered 0, paid_twice 0, stuck 0" in done.stdout
    assert "60 sent of 60, 60 answered" in done.stdout
