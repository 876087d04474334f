"""Telegram's webhook function, a queue, the worker and Telegram's stand-in, in one process."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from chatbot.adapters.documents.reader import DocumentReader
from chatbot.bootstrap import webhook
from chatbot.channels.telegram.outbound import TelegramChannel
from chatbot.conversation.answer import Answers
from chatbot.conversation.delivery import Delivery
from chatbot.conversation.merged import REST_ARRIVES
from chatbot.conversation.record import RecordHandler
from chatbot.core.message import Envelope
from chatbot.core.settings import load
from chatbot.core.work import HandBack, Outcome, Record
from chatbot.net.post import Session
from local.http.server import serve
from local.standins.base import Call
from local.standins.telegram import TelegramStandIn
from tests.fakes.clock import FakeClock
from tests.fakes.files import MemoryFiles
from tests.fakes.history import MemoryHistory
from tests.fakes.journal import FakeJournal
from tests.fakes.model import FakeModel
from tests.services import services

BOT = 424242
SECRETS = {
    "TELEGRAM_BOT_TOKEN": f"{BOT}:interop-token",
    "TELEGRAM_WEBHOOK_SECRET": "interop-webhook-secret",
}
POSTS = ("sendMessage", "sendPhoto", "sendDocument")


@dataclass(frozen=True)
class Handled:
    """What became of an update: the webhook's response, the worker's ends, calls to Telegram."""

    status: int
    response: Any
    outcomes: Sequence[Outcome]
    calls: Sequence[Call]
    notes: Sequence[str]
    """Names of what the worker logs."""

    @property
    def answered(self) -> bool:
        """Whether the person got a message."""
        return any(call.method in POSTS for call in self.calls)


@dataclass
class Conversation:
    """What is kept from one update to the next."""

    history: MemoryHistory = field(default_factory=MemoryHistory)
    files: MemoryFiles = field(default_factory=MemoryFiles)


class Desk:
    """Takes updates as Telegram posts them. `plain` are settings; files go to `telegram`."""

    def __init__(self, telegram: TelegramStandIn, url: str, plain: Mapping[str, str]) -> None:
        self.telegram = telegram
        self.clock = FakeClock()
        self.refused: list[str] = []  # what Telegram did not take at once, by its reason
        self._queue = _Queue()
        self.settings = load(SECRETS, plain, {"TELEGRAM_API_URL": url})
        self._session = Session()
        with pytest.MonkeyPatch.context() as patch:
            clients = SimpleNamespace(client=lambda *_, **__: self._queue)
            patch.setattr("boto3.DEFAULT_SESSION", clients)
            # Without a table, in which what waits of a conversation would be counted.
            uncounted = {"QUEUE_URL": "queue", "MAX_WAITING": "0"}
            self._webhook = webhook.build({**uncounted, **SECRETS, **plain})

    def handle(
        self, update: Any, model: FakeModel | None = None, kept: Conversation | None = None
    ) -> Handled:
        """Take an update through webhook, queue and worker, which answers with the model's words.

        Without `kept`, nothing was said before.
        """
        self._queue.bodies.clear()
        known, journal = len(self.telegram.accepted), FakeJournal()
        headers = {"X-Telegram-Bot-Api-Secret-Token": SECRETS["TELEGRAM_WEBHOOK_SECRET"]}
        event = {
            "version": "2.0",
            "rawPath": "/telegram",
            "headers": headers,
            "requestContext": {"http": {"method": "POST", "path": "/telegram"}},
            "body": json.dumps(update),
            "isBase64Encoded": False,
        }
        with redirect_stdout(io.StringIO()):  # its log
            response = self._webhook(event, SimpleNamespace(aws_request_id="interop"))
        worker = self._worker(journal, model or FakeModel(), kept or Conversation())
        outcomes = [self._deliver(worker, body) for body in self._queue.bodies]
        return Handled(
            response["statusCode"],
            json.loads(response.get("body") or "null"),
            outcomes,
            self.telegram.accepted[known:],
            [name for name, _ in (*journal.infos, *journal.warnings)],
        )

    def channel(self, kept: Conversation | None = None) -> TelegramChannel:
        """The channel that posts to the stand-in."""
        files = (kept or Conversation()).files
        return TelegramChannel(services(self.settings, files=files), self._session)

    def close(self) -> None:
        """Close the connections to the stand-in."""
        self._session.clear()

    def _worker(self, journal: FakeJournal, model: FakeModel, kept: Conversation) -> RecordHandler:
        settings, clock, history = self.settings, self.clock, kept.history
        given = services(settings, journal, kept.files, history)
        delivery = Delivery(history, settings, journal, clock, clock.sleep)
        answers = Answers(history, model, kept.files, DocumentReader(), settings, journal, clock)
        channels = {"telegram": TelegramChannel(given, self._session)}
        return RecordHandler(channels, history, answers, delivery, settings, journal, clock)

    def _deliver(self, worker: RecordHandler, body: str) -> Outcome:
        now = self.clock()
        record = Record("id", "receipt", Envelope.from_json(body).conversation, 1, now, body, now)
        outcome = worker.handle(record, now + 60_000, lambda: None)
        if outcome == HandBack(REST_ARRIVES):  # once, for the rest of an album or of a long text
            self.clock.advance(outcome.delay)
            again = replace(record, receive_count=2)
            outcome = worker.handle(again, self.clock() + 60_000, lambda: None)
        return outcome


@contextmanager
def open_desk(**plain: str) -> Iterator[Desk]:
    """Open a desk with a stand-in of its own."""
    telegram = TelegramStandIn(SECRETS["TELEGRAM_BOT_TOKEN"])
    with closing(serve(telegram)) as running, closing(Desk(telegram, running.url, plain)) as desk:
        yield desk


class _Queue:
    """In place of every SDK client: the queue, and the table that stores requests to stop."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> Any:  # noqa: N803
        self.bodies += [entry["MessageBody"] for entry in Entries]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def put_item(self, **item: Any) -> None:
        assert item["Item"]["sk"] == {"S": "~stop"}
