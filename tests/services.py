"""The services that a channel's worker side gets, made of doubles."""

from __future__ import annotations

from chatbot.channels.base import Services
from chatbot.core.ports import Files, Journal
from chatbot.core.settings import Settings
from tests.fakes.files import MemoryFiles
from tests.fakes.history import MemoryHistory
from tests.fakes.journal import FakeJournal


def services(
    settings: Settings | None = None,
    journal: Journal | None = None,
    files: Files | None = None,
    history: MemoryHistory | None = None,
) -> Services:
    return Services(
        settings or Settings(),
        journal or FakeJournal(),
        files or MemoryFiles(),
        (history or MemoryHistory()).save_draft,
    )
