"""Count what is the same on every machine: calls to AWS, items and bytes read, the page's size.

Webhook and worker run in this process against moto, and every response of AWS is counted.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import Any
from unittest.mock import patch

import boto3
import botocore.session
from moto import mock_aws
from moto.dynamodb.models import dynamodb_backends

from benchmarks.measured import Measured
from benchmarks.rows import Row
from benchmarks.world import http_event, queue_arn
from chatbot.bootstrap import webhook, worker
from chatbot.core.ports import now_ms
from chatbot.core.settings import Settings
from chatbot.edge.http import Handler, Request
from chatbot.site.pages import Website
from local import config
from local.cloud.aws import CREDENTIALS
from local.cloud.event_source import to_event
from local.cloud.runtime import Context
from local.cloud.template import ROOT, Template
from local.http.server import serve
from local.standins.openai import OpenAIStandIn
from local.standins.people import Person, Signer
from local.standins.telegram import TelegramStandIn

PAGE_KB = 60
"""Target for the size of the page with all its files, compressed."""
LEAST_CALLS = 5
"""Calls to AWS that a message needs: send; then change visibility, query, put, update."""

_LONG, _SHORT = 100_000, 10
_FLOOD = 1_000
_TIMEOUT = 60


@dataclass
class Tally:
    """The calls to AWS for one message, and the items that they read and wrote."""

    calls: list[str] = field(default_factory=list)
    items: int = 0
    read_bytes: int = 0
    written: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Count a call: the operation, its request's JSON, and the response as boto3 returns it."""
        self.calls.append(operation)
        found = [*answer.get("Items", ()), *([answer["Item"]] if "Item" in answer else ())]
        self.items += len(found)
        self.read_bytes += sum(map(item_size, found))
        if "Item" in request:
            self.written.append(request["Item"])
        elif "Attributes" in answer:
            self.written.append(answer["Attributes"])


def item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Return an item's size in bytes, close to what DynamoDB bills: names, and values as text."""
    return sum(
        len(name.encode()) + len(str(next(iter(value.values()))).encode())
        for name, value in item.items()
    )


class Bot:
    """Webhook and worker, built as in the deployed functions."""

    def __init__(self, session: botocore.session.Session, environ: dict[str, str]) -> None:
        self.tally = Tally()
        self._sqs = boto3.client("sqs")  # its calls, those of Lambda itself, are not counted
        self._queue_url = environ["QUEUE_URL"]
        self._signer = Signer(environ)
        requests: dict[int, Mapping[str, Any]] = {}

        def before(**call: Any) -> None:
            requests[id(call["context"])] = json.loads(call["params"]["body"])

        def after(**call: Any) -> None:
            request = requests.pop(id(call["context"]))
            self.tally.add(call["model"].name, request, call["parsed"])

        session.register("before-call", before)
        session.register("after-call", after)
        boto3.setup_default_session(botocore_session=session)
        self._webhook: Handler = webhook.build(environ)
        self._worker: Handler = worker.build(environ)

    def say(self, name: str, text: str) -> Tally:
        """Have a person send one Telegram message and answer it, alone in its batch."""
        self.tally = Tally()
        event = http_event(Person(name, self._signer).telegram(text))
        context = Context("bench", event["requestContext"]["timeEpoch"] / 1000 + _TIMEOUT)
        with redirect_stdout(StringIO()):
            assert self._webhook(event, context)["statusCode"] == 200
            messages = self._sqs.receive_message(
                QueueUrl=self._queue_url, MessageSystemAttributeNames=["All"]
            )["Messages"]
            report = self._worker(to_event(messages, queue_arn(self._queue_url)), context)
        assert report == {"batchItemFailures": []}
        for message in messages:
            self._sqs.delete_message(
                QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
        return self.tally

    def flood(self, name: str, messages: int) -> Tally:
        """Have a person send many Telegram messages at once, none of which is answered."""
        self.tally, person = Tally(), Person(name, self._signer)
        with redirect_stdout(StringIO()):
            for number in range(messages):
                event = http_event(person.telegram(f"message {number}"))
                context = Context("bench", event["requestContext"]["timeEpoch"] / 1000 + _TIMEOUT)
                assert self._webhook(event, context)["statusCode"] == 200
        return self.tally


def rows(measured: Measured, tell: Callable[[str], None]) -> Iterator[Row]:
    """Yield the rows `aws_calls`, `history_growth`, `flood_calls` and `page_weight`.

    Puts the counts for the cost model into `measured`. `tell` is called with each step, to show it.
    """
    with _bot() as (bot, fill):
        tell("aws_calls")
        for _ in range(3):
            bot.say("ada", "Hello")  # the first reads the settings and opens connections
        one = bot.say("ada", "How are you?")
        yield Row.of("aws_calls", "calls", [(len(one.calls), LEAST_CALLS)], " ".join(one.calls))
        tallies = []
        for name, turns in (("grace", _SHORT), ("linus", _LONG)):
            tell(f"history_growth: a conversation of {turns:,} turns")
            fill(name, turns)
            tallies.append(bot.say(name, "How are you?"))
        yield _growth(*tallies)
        _keep(measured, tallies[1])
        tell(f"flood_calls: {_FLOOD:,} messages of one person")
        calls = Counter(bot.flood("mallory", _FLOOD).calls)
        note = ", ".join(f"{name} {calls[name]}" for name in sorted(calls))
        yield Row.of("flood_calls", "calls", [(calls.total(), _FLOOD)], note)
    tell("page_weight")
    yield _page_weight()


def _growth(short: Tally, long: Tally) -> Row:
    """Compare a long conversation with a short one: the worst ratio of calls, items and bytes."""
    kinds = {
        "calls": (len(long.calls), len(short.calls)),
        "items": (long.items, short.items),
        "bytes": (long.read_bytes, short.read_bytes),
    }
    worst = max(kinds, key=lambda kind: kinds[kind][0] / kinds[kind][1])
    note = ", ".join(f"{kind} {one} / {other}" for kind, (one, other) in kinds.items())
    return Row.of("history_growth", worst, [kinds[worst]], note)


def _keep(measured: Measured, tally: Tally) -> None:
    sizes = [item_size(item) for item in tally.written]
    measured.write_units = sum(math.ceil(size / 1024) for size in sizes)
    measured.read_units = math.ceil(tally.read_bytes / 4096)
    measured.item_bytes = max(sizes) + 100  # DynamoDB's overhead per item
    measured.send_calls = sum("Send" in call for call in tally.calls)
    measured.queue_calls = sum("Visibility" in call for call in tally.calls)


def _page_weight() -> Row:
    """Add up the page and the files that it names, compressed as they are served."""
    site, settings = Website(ROOT / "functions" / "web"), Settings(web_session_key="key")
    headers = {"accept-encoding": "gzip"}
    page = b64decode(site.page(Request("GET", "/", headers), settings, now_ms()).body)
    packed = {"index.html": len(page)}
    for path in sorted(re.findall(r"/assets/[\w.]+", gzip.decompress(page).decode())):
        asset = site.asset(Request("GET", path, headers), settings)
        assert asset, path
        packed[path.rpartition("/")[2]] = len(b64decode(asset.body))
    note = ", ".join(f"{name} {size / 1024:.1f}" for name, size in packed.items())
    return Row.of("page_weight", "KB", [(sum(packed.values()) / 1024, PAGE_KB)], note)


@contextmanager
def _bot() -> Iterator[tuple[Bot, Callable[[str, int], None]]]:
    """Yield the bot, and a function that fills a person's conversation with a number of turns."""
    values = config.DEVELOPMENT
    model = serve(OpenAIStandIn(values["OPENAI_API_KEY"]))
    telegram = serve(TelegramStandIn(values["TELEGRAM_BOT_TOKEN"]))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with patch.dict(os.environ, {**clean, **CREDENTIALS}, clear=True), mock_aws():
        template = Template.read(ROOT)
        formation = boto3.client("cloudformation")
        formation.create_stack(StackName="bench", TemplateBody=json.dumps(template.stack))
        ids = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in formation.describe_stack_resources(StackName="bench")["StackResources"]
        }
        environ = {
            **values,
            "TABLE_NAME": ids["ConversationTable"],
            "QUEUE_URL": ids["MessageQueue"],
            "DEAD_LETTER_QUEUE_URL": ids["DeadLetterQueue"],
            "TELEGRAM_API_URL": telegram.url,
            "OPENAI_BASE_URL": f"{model.url}/v1",
        }
        bot = Bot(botocore.session.get_session(), environ)

        def fill(name: str, turns: int) -> None:
            """Write to moto's memory: through its API 100,000 items would take minutes."""
            bot.say(name, "/start")  # as on Telegram; it writes the conversation's profile
            pattern = bot.say(name, "How are you?").written[-1]
            table = dynamodb_backends["123456789012"][config.REGION].tables[environ["TABLE_NAME"]]
            start, _, rest = pattern["sk"]["S"].removeprefix("turn#").partition("#")
            for number in range(1, turns):
                earlier = {"S": f"turn#{int(start) - number:013d}#{rest}"}
                table.put_item({**pattern, "sk": earlier})

        try:
            yield bot, fill
        finally:
            boto3.DEFAULT_SESSION = None
            model.close()
            telegram.close()
