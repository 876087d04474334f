"""In which order and in which process the tests of a session run, and what a process shares."""

from __future__ import annotations

import botocore.session
import hypothesis
import pytest
from botocore.loaders import Loader, create_loader
from hypothesis import Phase
from xdist.scheduler import LoadScopeScheduling

hypothesis.settings.register_profile("tests", deadline=None)  # machines are slow at times
hypothesis.settings.load_profile("tests")
# For `make mutants`, which asks only whether a test fails: looking for the smallest example that
# does can take minutes.
hypothesis.settings.register_profile(
    "mutants", hypothesis.settings.get_profile("tests"), phases=[Phase.explicit, Phase.generate]
)

_WAITING = ("tests/e2e/", "tests/faults/")
_WITHOUT_THE_STACK = ("tests/e2e/test_stack.py", "tests/e2e/test_storm.py")
_SERVER_OF_THEIR_OWN = ("tests/e2e/test_new_channel.py", "tests/component/test_local_moto_sqs.py")


class OneStack(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives tests that share something slow to start to one process, and every other by itself.

    The tests of the local stack share the stack; those of `_SERVER_OF_THEIR_OWN` share their
    module's. xdist's own groups (`--dist loadgroup`) have no effect with pytest 9.2: the mark is
    to change a node's id, which pytest now keeps elsewhere.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path in _SERVER_OF_THEIR_OWN:
            return path
        shared = path.startswith("tests/e2e/") and path not in _WITHOUT_THE_STACK
        return "stack" if shared else nodeid


def pytest_configure() -> None:
    """Let all sessions of boto3 in this process share what botocore parses of AWS' services.

    Without it each new one with clients of two services took 80 ms of processor time instead of 13.
    """
    shared = create_loader()

    def loader(search_path_string: str | None = None) -> Loader:
        return create_loader(search_path_string) if search_path_string else shared

    botocore.session.create_loader = loader


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneStack | None:
    """For `--dist loadscope`; any other way stays xdist's."""
    return OneStack(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what takes long and mostly waits: at the end it would run while nothing else does."""
    items.sort(key=lambda item: not item.nodeid.startswith(_WAITING))
