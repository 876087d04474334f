"""The whole local stack, once per test process, and people who write to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from local.stack import Options, Stack
from local.standins.people import Person, Signer
from tests.e2e.chat import Chat
from tests.leaks import LEAKS, pytest_runtest_call, pytest_runtest_setup, pytest_runtest_teardown

__all__ = ["pytest_runtest_call", "pytest_runtest_setup", "pytest_runtest_teardown"]

SETTINGS = {
    "RETRY_DELAY": "100ms",
    "SETTLE": "1s",
    "WEB_ACCESS_CODE": "open sesame",
    "PERSONAS": '{"Pirate": "You are a pirate.", "Poet": "You are a poet."}',
}


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with Stack(Options(settings=SETTINGS)) as running:
        LEAKS.watch(running)
        yield running


@pytest.fixture
def person(stack: Stack) -> Person:
    """A person who has not written before."""
    return Person(f"ada-{uuid.uuid4()}", Signer(stack.settings))


@pytest.fixture
def chat(stack: Stack, person: Person) -> Callable[[str], Chat]:
    return lambda channel: Chat(stack, person, channel)


@pytest.fixture
def change(stack: Stack) -> Iterator[Callable[..., None]]:
    """Change settings for the duration of a test, and have the functions read them."""
    path = stack.aws.environments["WorkerFunction"]["PARAMETER_PATH"]

    def to(**settings: str) -> None:
        stack.aws.put_settings(path, stack.settings | settings)
        stack.restart_functions()

    yield to
    to()
