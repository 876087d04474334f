"""Search what the functions write (logs, metrics, exception texts) for secrets and message texts.

A `conftest.py` imports the hooks, and its stack fixture calls `LEAKS.watch`. Everything that a
function of the watched stacks writes during a test is then searched; a leak fails the test.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterator
from typing import Any, TextIO

import pytest

from local import config
from local.http.recorder import Record
from local.stack import Stack
from tests.streams import printing_to

_PIECE = 12  # characters: a text that a log cuts off is still found by a piece
_LONGEST = 1_000
_SHOWN = 5
_LEAST_SECRET = 8
# The fields with message texts in the requests and responses that the recorder sees.
_WORDS = {"answer", "caption", "content", "data", "payload", "text", "title"}
_CREDENTIALS = ("x-telegram-bot-api-secret-token", "x-hub-signature-256", "authorization")


class Leaks:
    """What must not be written, and what was written."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self.pieces: set[str] = set()
        self._written: list[str] = []

    def watch(self, stack: Stack) -> None:
        values = {**config.DEVELOPMENT, **stack.settings}
        self.secrets |= {values[name] for name in config.SECRETS if values.get(name)}
        stack.recorder.listen(self.hear)

    def hear(self, record: Record) -> None:
        """Learn texts and credentials from a record; its errors count as written."""
        try:
            request, response = _parsed(record.request), _parsed(record.response)
        except RecursionError:
            return
        if record.server == "lambda":
            if isinstance(response, dict) and "error" in response:
                self.write(str(response["error"]))
            self._credentials(request)
        elif record.server != "aws":
            for words in (*_words(request), *_words(response)):
                self.learn(words)

    def learn(self, words: str) -> None:
        """Add texts that must not be written."""
        self.pieces |= set(pieces(words))

    def write(self, text: str) -> None:
        self._written.append(text)

    @property
    def written(self) -> str:
        """Return what was written since the last call of `found`."""
        return "".join(self._written)

    def found(self) -> list[str]:
        """Return the leaks in what was written since the last call, each with its surroundings."""
        written, self._written = self._written, []
        text = "".join(written)
        places = [text.find(secret) for secret in list(self.secrets)]
        places += [
            at for at in range(len(text) - _PIECE + 1) if text[at : at + _PIECE] in self.pieces
        ]
        return [text[max(0, at - 200) : at + 200] for at in places if at >= 0][:_SHOWN]

    def _credentials(self, event: Any) -> None:
        """Yield a request's credentials, with which a reader of the log could forge another one."""
        if not isinstance(event, dict):
            return
        headers = event.get("headers") or {}
        given = [headers.get(name, "") for name in _CREDENTIALS]
        given += [cookie.rpartition(".")[2] for cookie in event.get("cookies") or ()]
        self.secrets |= {value for value in given if len(value) >= _LEAST_SECRET}


def pieces(words: str) -> Iterator[str]:
    """Return pieces by which to find a text: of two words each, as an id alone may be logged."""
    for spelling in (words[:_LONGEST], json.dumps(words[:_LONGEST])[1:-1]):
        for start in range(len(spelling) - _PIECE + 1):
            piece = spelling[start : start + _PIECE]
            if " " in piece[3:-3]:
                yield piece


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _words(data: Any) -> Iterator[str]:
    waiting = [data]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield from (node[name] for name in _WORDS & node.keys() if isinstance(node[name], str))
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


class _Tee:
    """Passes on to `out` what is written, and has it searched."""

    def __init__(self, out: TextIO, leaks: Leaks) -> None:
        self._out, self._leaks = out, leaks

    def write(self, text: str) -> int:
        self._leaks.write(text)
        return self._out.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)


LEAKS = Leaks()


# As the innermost wrapper: pytest's own capturing has just replaced the standard output.


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    with printing_to(_Tee(sys.stdout, LEAKS)):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    with printing_to(_Tee(sys.stdout, LEAKS)):
        result = yield
    leaks = LEAKS.found()
    if leaks:
        pytest.fail("written by a function:\n" + "\n".join(leaks), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    with printing_to(_Tee(sys.stdout, LEAKS)):
        return (yield)
