"""Run fuzz cases through the real webhook and worker, with doubles of all that they call."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from urllib3 import BaseHTTPResponse, HTTPResponse

from chatbot.adapters.documents.reader import DocumentReader
from chatbot.adapters.dynamodb import codec
from chatbot.bootstrap import webhook
from chatbot.channels.messenger.outbound import MessengerChannel
from chatbot.channels.telegram.outbound import TelegramChannel
from chatbot.channels.web.outbound import WebChannel
from chatbot.conversation.answer import Answers
from chatbot.conversation.delivery import Delivery
from chatbot.conversation.merged import REST_ARRIVES
from chatbot.conversation.record import RecordHandler
from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.message import Envelope
from chatbot.core.ports import Channel, Show
from chatbot.core.settings import load
from chatbot.core.turn import Turn
from chatbot.core.work import DeadLetter, Done, HandBack, Outcome, Record
from chatbot.net.post import Session
from local.standins.contract import Contract
from tests.fakes.clock import FakeClock
from tests.fakes.files import MemoryFiles
from tests.fakes.history import MemoryHistory
from tests.fakes.journal import FakeJournal
from tests.fakes.model import FakeModel
from tests.fuzz import words
from tests.fuzz.cases import PLAIN, SECRETS, Case
from tests.services import services

# What SQS accepts (SendMessageBatch): the form of group and deduplication ids, and of a body the
# characters of XML 1.0.
_ID = re.compile(r"[!-~]{1,128}")
_NOT_TAKEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_BYTES = 1024 * 1024
_MOST_ITEM_BYTES = 400 * 1024
_MOST_TEXT = {"telegram": 4096, "messenger": 2000}


class Broken(AssertionError):
    """A property does not hold."""


def expect(holds: object, property_: str) -> None:
    if not holds:
        raise Broken(property_)


class Bench:
    """Runs cases one after another; `sent` counts envelopes that reached the worker."""

    def __init__(self, now: int) -> None:
        self.sent = 0
        self.outcomes: dict[str, int] = {}
        self._clock = FakeClock(now)
        self._queue = Queue()
        with pytest.MonkeyPatch.context() as patch:
            session = SimpleNamespace(client=lambda *_, **__: self._queue)
            patch.setattr("boto3.DEFAULT_SESSION", session)
            # All cases come from a few people, who would have to wait for one another.
            environ = {"QUEUE_URL": "queue", "MAX_WAITING": "0", **SECRETS, **PLAIN}
            self._webhook = webhook.build(environ)
        self._platform = _Platform()
        settings = load(SECRETS, PLAIN)
        journal = FakeJournal()
        self._settings, self._journal = settings, journal
        given = services(settings, journal)
        self._channels: Mapping[str, Channel] = {
            "telegram": TelegramChannel(given, self._platform),
            "messenger": MessengerChannel(given, self._platform),
            "web": WebChannel(given),
        }
        self._thread_errors: list[str] = []

    def run(self, case: Case) -> None:
        """Raises Broken."""
        before, threading.excepthook = threading.excepthook, self._note
        try:
            envelopes = self._ask(case)
            self._work(case, envelopes)
        finally:
            threading.excepthook = before
        expect(not self._thread_errors, f"no thread dies: {self._thread_errors}")

    def _ask(self, case: Case) -> Sequence[Envelope]:
        self._queue.bodies.clear()
        with redirect_stdout(io.StringIO()) as written:
            response = self._webhook(case.event, SimpleNamespace(aws_request_id="fuzz"))
        status = response["statusCode"]
        envelopes = [Envelope.from_json(body) for body in self._queue.bodies]
        self._judge(case, status, envelopes)
        log = written.getvalue()
        expect(not any(secret in log for secret in SECRETS.values()), "no secret is logged")
        if case.documented or not case.authentic:
            expect(words.MARKER.split()[0] not in log, "no words are logged")
        key = f"{case.channel} {'authentic' if case.authentic else 'forged'} {status}"
        self.outcomes[key] = self.outcomes.get(key, 0) + 1
        return envelopes

    def _judge(self, case: Case, status: int, envelopes: Sequence[Envelope]) -> None:
        if not case.authentic:
            expect(status in (401, 403), f"a forgery is refused, not answered with {status}")
            expect(not envelopes, "a forgery is not queued")
            return
        if case.channel == "web":
            good = status == 202 if envelopes else status in (400, 413, 415)
            expect(good, f"{status} for {len(envelopes)} envelopes")
        else:
            expect(status == 200, f"the platform is answered with 200, not {status}")
        for envelope in envelopes:
            expect(envelope.channel == case.channel, "an envelope names its channel")
            own = envelope.conversation.startswith(f"{case.channel}:")
            expect(own, "a conversation belongs to its channel")

    def _work(self, case: Case, envelopes: Sequence[Envelope]) -> None:
        history = _History()
        model = _Model()
        delivery = Delivery(history, self._settings, self._journal, self._clock, _no_sleep)
        files = MemoryFiles()
        answers = Answers(
            history,
            model,
            files,
            DocumentReader(),
            self._settings,
            self._journal,
            self._clock,
        )
        conversation = RecordHandler(
            self._channels, history, answers, delivery, self._settings, self._journal, self._clock
        )
        self._journal.warnings.clear()
        self._journal.infos.clear()
        self._platform.posts.clear()
        allowed: tuple[Outcome, ...] = (Done(),)
        if not case.documented and case.channel == "web":
            # The worker cannot parse it: it waits for a version of the code that can. Of Telegram
            # and Messenger, the webhook queues nothing that lacks what the worker needs.
            allowed = (Done(), DeadLetter("malformed"))
        for envelope, body in zip(envelopes, self._queue.bodies, strict=True):
            self.sent += 1
            first = self._deliver(conversation, envelope, body)
            expect(first in allowed, f"the worker ends with {first}: {self._journal.warnings}")
        posts, asked = len(self._platform.posts), len(model.prompts)
        for envelope, body in zip(envelopes, self._queue.bodies, strict=True):
            again = self._deliver(conversation, envelope, body)
            expect(again in allowed, f"the worker ends with {again} the second time")
        expect(len(self._platform.posts) == posts, "nothing is posted twice")
        expect(len(model.prompts) == asked, "the model is not asked twice")
        if case.documented:
            self._platform.check()

    def _deliver(self, conversation: RecordHandler, envelope: Envelope, body: str) -> Outcome:
        now = self._clock()
        record = Record("id", "receipt", envelope.conversation, 1, now, body, now)
        outcome = conversation.handle(record, now + 60_000, lambda: None)
        if outcome == HandBack(REST_ARRIVES):  # once, as a long text may be the first half of one
            self._clock.advance(outcome.delay)
            again = replace(record, receive_count=2)
            outcome = conversation.handle(again, self._clock() + 60_000, lambda: None)
        return outcome

    def _note(self, failure: threading.ExceptHookArgs) -> None:
        self._thread_errors.append(repr(failure.exc_value))


def _no_sleep(seconds: float) -> None:
    """Do not wait."""


class Queue:
    """In place of every SDK client: a queue as strict as SQS, a table that takes stop requests."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> Any:  # noqa: N803
        expect(1 <= len(Entries) <= 10, "a batch has 1 to 10 entries")
        expect(len({entry["Id"] for entry in Entries}) == len(Entries), "ids differ")
        size = 0
        for entry in Entries:
            size += len(entry["MessageBody"].encode())
            for name in ("MessageGroupId", "MessageDeduplicationId"):
                expect(_ID.fullmatch(entry[name]), f"SQS takes the {name}")
            expect(not _NOT_TAKEN.search(entry["MessageBody"]), "SQS takes the body")
        expect(size <= _MOST_BYTES, "SQS takes the batch")
        self.bodies += [entry["MessageBody"] for entry in Entries]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def put_item(self, **item: Any) -> None:
        expect(item["Item"]["sk"] == {"S": "~stop"}, "the webhook writes nothing but stops")


class _Model(FakeModel):
    """A model with long answers, within MAX_TOKENS."""

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        completion = super().answer(prompt, seconds, show, spending)
        return replace(completion, text=completion.text[:10_000])


class _History(MemoryHistory):
    """A conversation table as strict as DynamoDB."""

    def put(self, turn: Turn) -> None:
        item = json.dumps(codec.turn_to_item(turn), ensure_ascii=False)
        expect(len(item.encode()) <= _MOST_ITEM_BYTES, "the turn fits an item")
        expect(len(turn.key.sort.encode()) <= 1024, "the turn's key fits")
        expect(len(turn.key.conversation.encode()) <= 2048, "the conversation's key fits")
        super().put(turn)


class _Platform(Session):
    """Accepts every post, and checks that Telegram or Messenger would have accepted it."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self._contracts = {"telegram": Contract("bot-api"), "messenger": Contract("graph-api")}

    def urlopen(self, *args: Any, **request: Any) -> BaseHTTPResponse:
        method, url = args
        answer = b'{"data": []}'
        if method != "GET":
            self.posts.append((url.partition("?")[0], json.loads(request["body"])))
            answer = b'{"ok": true, "result": {"message_id": 7}, "message_id": "m_7"}'
        return HTTPResponse(io.BytesIO(answer), status=200, preload_content=False)

    def check(self) -> None:
        for url, fields in self.posts:
            if "graph" in url:
                action = "sender_action" if "sender_action" in fields else "messages"
                self._contracts["messenger"].params(f"POST {action}", fields, encoded=False)
                text = fields.get("message", {}).get("text")
                length = len(text or "")
            else:
                operation = url.rpartition("/")[2]
                self._contracts["telegram"].params(operation, fields, encoded=False)
                text = fields.get("text")
                length = len((text or "").encode("utf-16-le")) // 2
            if text is not None:
                most = _MOST_TEXT["messenger" if "graph" in url else "telegram"]
                expect(text.strip(), "a post says something")
                expect(length <= most, "a post fits")
