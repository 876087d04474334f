"""Measure the time that the bot adds to the model's, against a web server of a usual tutorial."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import urllib3
from werkzeug.wrappers import Request, Response

from benchmarks.processes import Process
from benchmarks.rows import Row
from benchmarks.world import World, http_event, take, thinking
from local.cloud.template import ROOT
from local.http.server import serve
from local.standins.faults import Fault
from local.standins.people import Post

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_CALL = 0.03  # seconds that every call to platform or model takes
_THINKING = 0.5
_HISTORY = 10


def answer_overhead(
    world: World, webhook: Process, worker: Process, tell: Callable[[str], None], runs: int
) -> Row:
    """Measure the time from the webhook request to the reply at the platform, less the model's."""

    def ours(post: Post) -> None:
        webhook.invoke(http_event(post))
        take(world, worker)

    graph, person, pairs = world.stack.graph, world.person("overhead"), []
    for number in range(_HISTORY):
        graph.person_wrote(person.psid, f"m_{number}", "Hello", time.time_ns() // 1_000_000)
    with _slow_calls(world), _guide(world) as guide, thinking(world, _THINKING):
        for run in range(-1, runs):  # the first opens connections
            tell(f"answer_overhead {run + 1}/{runs}" if run >= 0 else "answer_overhead, warming up")
            times = []
            for answer in (ours, guide):
                known, began = len(graph.accepted), time.time()
                answer(person.messenger("How are you?"))
                reply = graph.wait(1, "POST messages", after=known)[0]
                times.append(reply.at - began - _THINKING)
            if run >= 0:
                pairs.append((times[0], times[1]))
    return Row.of("answer_overhead", "s", pairs)


@contextmanager
def _slow_calls(world: World) -> Iterator[None]:
    standins = (world.stack.graph, world.stack.openai)
    for standin in standins:
        standin.faults.add(Fault("slow", delay_s=_CALL, times=0))
    try:
        yield
    finally:
        for standin in standins:
            standin.faults.clear()


@contextmanager
def _guide(world: World) -> Iterator[Callable[[Post], None]]:
    """Run the tutorial's server in a process; yields a function that sends it a message."""
    stack = world.stack
    graph = serve(_with_messages(stack.graph))
    environment = {
        **os.environ,
        **stack.settings,
        "GRAPH_API_URL": f"{graph.url}/v26.0",
        "OPENAI_BASE_URL": f"{stack.servers['openai'].url}/v1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.reference.guide"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    url = process.stdout.readline().decode().strip()

    def send(post: Post) -> None:
        answer = urllib3.request("POST", url, body=post.body, headers=dict(post.headers))
        assert answer.status == 200

    try:
        yield send
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
        graph.close()


def _with_messages(graph: WSGIApplication) -> WSGIApplication:
    """Add reading one message by its id to the Graph API's stand-in, which lacks it."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        name = environ["PATH_INFO"].rpartition("/")[2]
        if not name.startswith("m_"):
            return graph(environ, start_response)
        time.sleep(_CALL)
        message = {"id": name, "from": {"id": Request(environ).path}, "message": "Hello"}
        return Response(json.dumps(message))(environ, start_response)

    return app
