"""The doubles of this folder are compared with the ports that they stand for."""

from __future__ import annotations

from chatbot.core.ports import Channel, Files, History, Journal, Model, Queue, WaitingRoom
from tests.fakes.channel import FakeChannel
from tests.fakes.clock import FakeClock
from tests.fakes.files import MemoryFiles
from tests.fakes.history import MemoryHistory
from tests.fakes.journal import FakeJournal
from tests.fakes.model import FakeModel
from tests.fakes.queue import FakeQueue
from tests.fakes.room import MemoryRoom


def _fulfil(clock: FakeClock) -> None:
    """Have the type checker compare the doubles with the ports."""
    history: History = MemoryHistory()
    files: Files = MemoryFiles()
    model: Model = FakeModel()
    channel: Channel = FakeChannel(clock)
    queue: Queue = FakeQueue(clock)
    journal: Journal = FakeJournal()
    room: WaitingRoom = MemoryRoom(clock)
    assert all((history, files, model, channel, queue, journal, room))
