"""The worker with doubles around it: one queue, one table, one clock."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from chatbot.adapters.documents.reader import DocumentReader
from chatbot.conversation.answer import Answers
from chatbot.conversation.attempt import Deadline
from chatbot.conversation.batch import Batch
from chatbot.conversation.context import Context
from chatbot.conversation.delivery import Delivery
from chatbot.conversation.progress import Progress
from chatbot.conversation.record import RecordHandler
from chatbot.conversation.suspects import Suspects
from chatbot.core.budget import Budget
from chatbot.core.completion import Completion, Spending
from chatbot.core.message import Envelope, Message
from chatbot.core.ports import Settling
from chatbot.core.settings import Settings
from chatbot.core.timeline import ConversationProfile, Timeline
from chatbot.core.turn import State, Turn
from chatbot.core.work import Outcome, Record
from tests.fakes.channel import FakeChannel
from tests.fakes.clock import FakeClock
from tests.fakes.files import MemoryFiles
from tests.fakes.history import MemoryHistory
from tests.fakes.journal import FakeJournal
from tests.fakes.model import FakeModel
from tests.fakes.queue import FakeQueue

CONVERSATION = "telegram:42"
INVOCATION = 60
"""Seconds that an invocation may take."""


def context_of(
    message: Message, timeline: Timeline | None = None, settings: Settings | None = None
) -> Context:
    """Make the context of a message that is about to be answered, the first of its conversation."""
    clock, history = FakeClock(), MemoryHistory()
    channel = FakeChannel(clock)
    return Context(
        message,
        timeline or Timeline(ConversationProfile(), (), complete=True),
        channel,
        Deadline(clock() + INVOCATION * 1000, clock),
        Progress(channel, message, history, FakeJournal(), clock),
        history,
        MemoryFiles(),
        settings or Settings(),
        Spending(),
    )


class ProcessEnded(BaseException):
    """Raised in tests where the worker would end its process."""


class World:
    """A worker and its doubles.

    `script` are the model's answers, `settings` override the defaults, `settling` and `limit` are
    the channel's.
    """

    def __init__(
        self,
        *script: str | Completion | Exception,
        settling: Settling = Settling.OPERATOR,
        limit: int = 4096,
        budget: Budget | None = None,
        **settings: object,
    ) -> None:
        self.budget = budget or Budget()
        self.clock = FakeClock()
        self.journal = FakeJournal()
        self.history = MemoryHistory()
        self.files = MemoryFiles()
        self.channel = FakeChannel(self.clock, settling=settling, limit=limit)
        self.queue = FakeQueue(self.clock)
        self.settings = replace(Settings(), **settings)  # type: ignore[arg-type]
        self.credentials_refused = 0
        self._events = 0
        self.use(FakeModel(*script))

    def use(self, model: FakeModel) -> None:
        """Have `model` answer from now on."""
        self.model = model
        delivery = Delivery(
            self.history,
            self.settings,
            self.journal,
            self.clock,
            self.clock.sleep,
            self._credential_refused,
        )
        self.conversation = RecordHandler(
            {"telegram": self.channel},
            self.history,
            Answers(
                self.history,
                self.model,
                self.files,
                DocumentReader(),
                self.settings,
                self.journal,
                self.clock,
                self.budget,
            ),
            delivery,
            self.settings,
            self.journal,
            self.clock,
        )
        suspects = Suspects(self.history, self.journal, self.clock)
        self.batch = Batch(
            self.conversation, suspects, self.queue, self.settings, self.journal, self.clock, _end
        )

    def envelope(self, text: str, conversation: str = CONVERSATION, **payload: object) -> Envelope:
        """Make a new event, dated a second after the one before."""
        self._events += 1
        return Envelope(
            "telegram",
            conversation,
            f"{self._events:012d}:message",
            self.clock() - 1_000_000 + self._events * 1000,
            {"text": text, **payload},
        )

    def record(self, envelope: Envelope, receive_count: int = 1, age: float = 0) -> Record:
        return Record(
            message_id=envelope.event_id,
            receipt="r",
            group=envelope.conversation,
            receive_count=receive_count,
            sent_at=self.clock() - round(age * 1000),
            body=envelope.to_json(),
            first_received_at=self.clock() - round(age * 1000),
        )

    def handle(self, envelope: Envelope, receive_count: int = 1, age: float = 0) -> Outcome:
        """Handle one delivery of one event, without the queue."""
        record = self.record(envelope, receive_count, age)
        return self.conversation.handle(record, self.deadline, lambda: None)

    @property
    def deadline(self) -> int:
        return self.clock() + INVOCATION * 1000

    def invoke(self) -> list[str]:
        """Run an invocation with a batch of the queue; successes are deleted, as Lambda does."""
        records = self.queue.receive()
        again = self.batch.run(records, self.deadline)
        self.queue.delete([record for record in records if record.message_id not in again])
        return again

    def turn(self, envelope: Envelope) -> Turn:
        turn = self.history.find(envelope.key)
        assert turn is not None
        return turn

    def state(self, envelope: Envelope) -> State:
        return self.turn(envelope).state

    def _credential_refused(self) -> None:
        self.credentials_refused += 1


def _end() -> NoReturn:
    raise ProcessEnded
