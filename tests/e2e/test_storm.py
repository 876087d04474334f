"""A short storm. The long one, which kills processes, is `make storm`."""

from __future__ import annotations

import pytest

from tests.modules import run_module


@pytest.mark.long
def test_a_short_storm_passes() -> None:
    """In a process of its own, as a process can run only one stack with in-process functions."""
    arguments = "--seed 7 --conversations 12 --messages 5 --runtime inprocess"
    done = run_module("tests.storm", *arguments.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost 0, doubled 0, reordered 0, paid_twice 0, stuck 0" in done.stdout
    assert "60 sent of 60, 60 answered" in done.stdout
