"""A real model server, and a local stack that asks it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from local.stack import Options, Stack
from local.standins.people import Person, Signer
from tests.leaks import LEAKS, pytest_runtest_call, pytest_runtest_setup, pytest_runtest_teardown
from tests.llama.server import MODEL, Absent, ModelServer, running
from tests.llama.talk import Talk

__all__ = ["pytest_runtest_call", "pytest_runtest_setup", "pytest_runtest_teardown"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    try:
        with running(tmp_path_factory.mktemp("llama") / "server.log") as found:
            yield found
    except Absent as reason:
        pytest.fail(str(reason), pytrace=False)


@pytest.fixture(scope="session")
def stack(server: ModelServer) -> Iterator[Stack]:
    """The stack with that model, whose answers are cut early: a small model says much."""
    settings = {"OPENAI_BASE_URL": server.url, "OPENAI_MODEL": MODEL, "MAX_TOKENS": "120"}
    with Stack(Options(settings=settings)) as found:
        LEAKS.watch(found)
        yield found


@pytest.fixture
def talk(stack: Stack) -> Talk:
    """A person on Telegram who has not written before."""
    return Talk(stack, Person(f"ada-{uuid.uuid4()}", Signer(stack.settings)))
