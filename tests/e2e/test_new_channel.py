"""A new channel is two files and a row in a list: a toy channel works in the local stack.

No other file knows it. A channel of the product has its routes in `template.yaml`; the toy's is
added to a copy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http import HTTPStatus
from itertools import count
from pathlib import Path
from queue import SimpleQueue

import pytest
import requests
from werkzeug.wrappers import Request, Response

from chatbot.bootstrap import channels
from chatbot.channels.description import ChannelDescription
from local.cloud.template import ROOT
from local.http.server import serve
from local.stack import Options, Stack
from tests.e2e.toy_channel.inbound import SECRET
from tests.e2e.toy_channel.outbound import TEXT_LIMIT
from tests.leaks import LEAKS

TOY = ChannelDescription(
    name="toy",
    title="Toy",
    routes=("POST /toy",),
    inbound="tests.e2e.toy_channel.inbound:ToyInbound",
    outbound="tests.e2e.toy_channel.outbound:ToyChannel",
)
_BEFORE = "      Events:\n        Telegram:\n"
_ROUTE = """      Events:
        Toy:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: POST, Path: /toy}
        Telegram:
"""
SECONDS = 20
Write = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the toy's route in its template."""
    folder = tmp_path_factory.mktemp("project")
    template = (ROOT / "template.yaml").read_text()
    assert template.count(_BEFORE) == 1
    (folder / "template.yaml").write_text(template.replace(_BEFORE, _ROUTE))
    (folder / "functions").symlink_to(ROOT / "functions")
    return folder


@pytest.fixture(scope="module")
def stack(root: Path) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channels, "CHANNELS", (*channels.CHANNELS, TOY))
        with Stack(Options(root=root, settings={"RETRY_DELAY": "100ms"})) as running:
            LEAKS.watch(running)
            yield running


@pytest.fixture
def posts() -> SimpleQueue[str]:
    """The texts that were posted to the toy's platform."""
    return SimpleQueue()


@pytest.fixture
def write(stack: Stack, posts: SimpleQueue[str]) -> Iterator[Write]:
    """Send a message as the toy's platform would; its answers arrive in `posts`."""
    numbers = count(1)

    @Request.application
    def platform(request: Request) -> Response:
        posts.put(json.loads(request.get_data())["text"])
        return Response('{"id": "7"}', mimetype="application/json")

    with ExitStack() as opened:
        reply_to = f"{opened.enter_context(closing(serve(platform))).url}/post"
        person = f"ada-{time.time_ns()}"

        def send(secret: str = SECRET, **fields: object) -> requests.Response:
            now = time.time_ns() // 1_000_000
            message = {"id": f"m{next(numbers)}", "at": now, "from": person, "reply_to": reply_to}
            headers = {"x-toy-secret": secret}
            url = f"{stack.url}/toy"
            return requests.post(url, json={**message, **fields}, headers=headers, timeout=30)

        yield send


def test_a_message_is_answered_where_the_toy_posts(write: Write, posts: SimpleQueue[str]) -> None:
    assert write(text="Hello from a toy").status_code == HTTPStatus.OK
    assert posts.get(timeout=SECONDS) == "You said: Hello from a toy"


def test_long_answers_come_in_parts_and_in_order(write: Write, posts: SimpleQueue[str]) -> None:
    words = " ".join(f"word{number}" for number in range(40))
    write(text=words)
    parts: list[str] = []
    while " ".join(parts) != f"You said: {words}":
        parts.append(posts.get(timeout=SECONDS))
    assert len(parts) > 1
    assert max(map(len, parts)) <= TEXT_LIMIT


def test_it_has_the_commands_that_all_have(write: Write, posts: SimpleQueue[str]) -> None:
    write(text="/help")
    while "/reset" not in posts.get(timeout=SECONDS):
        """What comes before the list of commands."""


def test_it_is_counted_and_refused_like_the_others(write: Write) -> None:
    assert write(secret="forged", text="Hello").status_code == HTTPStatus.UNAUTHORIZED
    assert '"Refused":[1.0]' in LEAKS.written
    assert write(at="soon", text="Hello").status_code == HTTPStatus.OK
    assert '"Ignored":[1.0]' in LEAKS.written
    assert '"channel":"toy"' in LEAKS.written
