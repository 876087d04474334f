"""The surroundings of the measured functions: AWS, platforms, model, people, and the queue."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.built import Built
from benchmarks.processes import Process, Starter
from chatbot.adapters.sqs import Sender
from chatbot.channels.messenger.inbound import MessengerInbound
from chatbot.channels.telegram.inbound import TelegramInbound
from chatbot.core.message import Envelope
from chatbot.core.settings import Settings, load
from chatbot.edge.http import Inbound, Request
from local.cloud.event_source import to_event
from local.stack import Options, Stack
from local.standins.people import Person, Post, Signer


class Silent:
    """A journal that discards everything."""

    def info(self, name: str, **facts: str | float) -> None:
        """Do nothing."""

    def warning(self, name: str, **facts: str | float) -> None:
        """Do nothing."""

    def count(self, metric: str, value: float = 1, *, channel: str) -> None:
        """Do nothing."""


@dataclass
class World:
    """A local stack without a poller: queued messages wait until `receive`."""

    stack: Stack
    starter: Starter
    settings: Settings
    worker_memory: int  # MB, as deployed

    def person(self, name: str) -> Person:
        """Return a person who writes to the bot; the same name is the same person."""
        return Person(name, Signer(self.stack.settings))

    def enqueue(self, posts: Sequence[Post]) -> Sequence[Envelope]:
        """Queue messages as the webhook does, without invoking it; returns their envelopes."""
        inbounds: dict[str, Inbound] = {
            "/telegram": TelegramInbound(self.settings),
            "/messenger": MessengerInbound(self.settings),
        }
        envelopes = [
            envelope
            for post in posts
            for envelope in inbounds[post.path]
            .receive(Request("POST", post.path, post.headers, body=post.body))
            .envelopes
        ]
        Sender(self.stack.sqs, self.stack.queue_url, Silent()).send(envelopes)
        return envelopes

    def receive(self) -> dict[str, Any]:
        """Receive up to ten messages as the event of an invocation of the worker."""
        answer = self.stack.sqs.receive_message(
            QueueUrl=self.stack.queue_url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
        )
        return to_event(answer.get("Messages", []), queue_arn(self.stack.queue_url))

    def done(self, event: dict[str, Any]) -> None:
        """Delete the event's messages from the queue, as Lambda does."""
        for record in event["Records"]:
            self.stack.sqs.delete_message(
                QueueUrl=self.stack.queue_url, ReceiptHandle=record["receiptHandle"]
            )

    def batch(self, *posts: Post) -> dict[str, Any]:
        """Queue messages and receive them as one event for the worker."""
        self.enqueue(posts)
        event = self.receive()
        assert len(event["Records"]) == len(posts)
        return event


def take(world: World, worker: Process) -> None:
    """Have the worker answer the queued messages, as Lambda would."""
    event = world.receive()
    worker.invoke(event)
    world.done(event)


@contextmanager
def thinking(world: World, first_token: float, token: float = 0) -> Iterator[None]:
    """Slow the model down inside the block: seconds until its first token, and for each other."""
    model = world.stack.openai
    model.first_token_s, model.token_s = first_token, token
    try:
        yield
    finally:
        model.first_token_s = model.token_s = 0


def queue_arn(url: str) -> str:
    """Return an ARN for a queue's URL, in a made-up account."""
    return f"arn:aws:sqs:eu-central-1:123456789012:{url.rpartition('/')[2]}"


def http_event(post: Post) -> dict[str, Any]:
    """Make the event of a request (HTTP API, payload format 2.0)."""
    return {
        "version": "2.0",
        "routeKey": f"POST {post.path}",
        "rawPath": post.path,
        "rawQueryString": "",
        "headers": {**post.headers, "host": "example.com", "x-forwarded-proto": "https"},
        "requestContext": {
            "http": {"method": "POST", "path": post.path, "sourceIp": "192.0.2.1"},
            "stage": "$default",
            "timeEpoch": time.time_ns() // 1_000_000,
        },
        "body": post.body.decode(),
        "isBase64Encoded": False,
    }


@contextmanager
def world(built: Built) -> Iterator[World]:
    """Run the surroundings of a build's functions inside the block."""
    with Stack(Options(poll=False)) as stack:
        # The functions call moto directly: the recorder in between would slow them down.
        direct = {"AWS_ENDPOINT_URL": stack.aws.url}
        functions = {
            name: replace(function, environment={**function.environment, **direct})
            for name, function in stack.functions.items()
        }
        starter = Starter(built, functions, stack.settings)
        worker = stack.aws.client("lambda").get_function(
            FunctionName=stack.aws.ids["WorkerFunction"]
        )
        memory = worker["Configuration"]["MemorySize"]
        yield World(stack, starter, load(stack.settings), memory)
