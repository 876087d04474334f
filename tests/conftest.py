"""In which order and in which process the tests of a session run."""

from __future__ import annotations

import pytest

_WAITING = ("tests/e2e/", "tests/faults/")


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what takes long and mostly waits: at the end it would run while nothing else does.

    With `--dist loadgroup` one process has all tests of the local stack, and so only one starts it.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(_WAITING))
    for item in items:
        if item.nodeid.startswith("tests/e2e/") and "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("stack"))
