"""Messenger's webhook and the worker in one process, from a platform's event to the posts."""

from __future__ import annotations

import hmac
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from urllib3 import BaseHTTPResponse, HTTPResponse

from chatbot.adapters.documents.reader import DocumentReader
from chatbot.channels.messenger.inbound import MessengerInbound
from chatbot.channels.messenger.outbound import MessengerChannel
from chatbot.channels.web.outbound import WebChannel
from chatbot.conversation.answer import Answers
from chatbot.conversation.delivery import Delivery
from chatbot.conversation.record import RecordHandler
from chatbot.core.errors import Unfetchable
from chatbot.core.files import File
from chatbot.core.message import Envelope, Media
from chatbot.core.ports import Channel
from chatbot.core.settings import Settings
from chatbot.core.work import Outcome, Record
from chatbot.edge.http import Received, Request
from chatbot.net.post import Session
from tests.fakes.clock import FakeClock
from tests.fakes.files import MemoryFiles
from tests.fakes.history import MemoryHistory
from tests.fakes.journal import FakeJournal
from tests.fakes.model import FakeModel
from tests.services import services

PAGE = "2000"
SETTINGS = Settings(
    messenger_app_secret="an app secret",
    messenger_page_token="a page token",
    messenger_page_id=PAGE,
    messenger_app_id="1000",
)


class Inbox:
    """One page's Messenger, the web page's channel, and their worker.

    `files` are those that can be downloaded, by the end of their address.
    """

    def __init__(self, files: Mapping[str, File]) -> None:
        self.clock = FakeClock()
        self.model = FakeModel()
        self.history = MemoryHistory()
        self.journal = FakeJournal()
        self._platform = _Platform()
        self._inbound = MessengerInbound(SETTINGS, self.clock)
        given = services(SETTINGS, self.journal)
        delivery = Delivery(self.history, SETTINGS, self.journal, self.clock, self.clock.sleep)
        kept = MemoryFiles()
        answers = Answers(
            self.history,
            self.model,
            kept,
            DocumentReader(),
            SETTINGS,
            self.journal,
            self.clock,
        )
        channels: dict[str, Channel] = {
            "messenger": _WithFiles(given, self._platform, files),
            "web": WebChannel(given),
        }
        self._handler = RecordHandler(
            channels, self.history, answers, delivery, SETTINGS, self.journal, self.clock
        )

    @property
    def posted(self) -> list[str]:
        """The texts that the person got, in order."""
        return [post["message"]["text"] for post in self._platform.posts if "message" in post]

    def receive(self, body: object) -> Received:
        """Deliver a webhook body, signed, to the webhook's channel."""
        raw = json.dumps(body).encode()
        digest = hmac.digest(SETTINGS.messenger_app_secret.encode(), raw, "sha256").hex()
        headers = {"x-hub-signature-256": f"sha256={digest}"}
        return self._inbound.receive(Request("POST", "/messenger", headers, body=raw))

    def handle(self, envelope: Envelope) -> Outcome:
        """Deliver an envelope to the worker as the queue does."""
        now = self.clock()
        body = replace(envelope).to_json()
        record = Record("id", "receipt", envelope.conversation, 1, now, body, now)
        return self._handler.handle(record, now + 60_000, lambda: None)


class _WithFiles(MessengerChannel):
    def __init__(self, given: Any, session: Session, files: Mapping[str, File]) -> None:
        super().__init__(given, session)
        self._downloads = files

    def load(self, media: Media) -> File:
        path = media.source.partition("?")[0]
        for end, file in self._downloads.items():
            if path.endswith(end):
                return file
        raise Unfetchable("gone")


class _Platform(Session):
    """Accepts every post and remembers it."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[dict[str, Any]] = []

    def urlopen(self, *args: Any, **request: Any) -> BaseHTTPResponse:
        if args[0] == "GET":
            return HTTPResponse(io.BytesIO(b'{"data": []}'), status=200, preload_content=False)
        self.posts.append(json.loads(request["body"]))
        return HTTPResponse(io.BytesIO(b'{"message_id": "m_7"}'), status=200, preload_content=False)
