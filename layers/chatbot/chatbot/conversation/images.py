"""Generate pictures, and store each before its turn, so that it is paid for only once."""

from __future__ import annotations

from chatbot.conversation.attempt import Deadline
from chatbot.core.budget import Budget, Share
from chatbot.core.completion import Spending
from chatbot.core.errors import ModelUnavailable
from chatbot.core.files import StoredFile
from chatbot.core.message import Message
from chatbot.core.ports import Clock, Files, Journal, Model
from chatbot.core.settings import Settings

LEAST = 15.0
"""Seconds that must be left to begin: a picture that comes too late has to be paid for, too."""


class Images:
    """Generates and stores pictures; shared by the threads of a batch."""

    def __init__(
        self,
        model: Model,
        files: Files,
        settings: Settings,
        journal: Journal,
        clock: Clock,
        budget: Budget,
    ) -> None:
        self._model = model
        self._files = files
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._budget = budget

    def draw(
        self, message: Message, description: str, deadline: Deadline, spending: Spending
    ) -> StoredFile:
        """Generate the picture for `message`, or take the one that an earlier attempt has stored.

        Raises ModelUnavailable, ModelRefused, ContentFiltered, FilesUnavailable, MemoryBusy.
        """
        name = message.key.file_name("png")  # whatever its type, so that it is found again
        found = self._files.load(name)
        if found:
            found.close()
            kind = found.type
        else:
            if deadline.left() < LEAST:
                raise ModelUnavailable("no time left to draw")
            began = self._clock()
            seconds = deadline.within(self._settings.image_timeout).left()
            with Share(self._budget) as room:
                file = self._model.draw(description, seconds, spending, room)
                self._files.keep(name, file)
            kind = file.type
            self._journal.count("Images", channel=message.channel)
            took = (self._clock() - began) / 1000
            self._journal.count("ImageSeconds", took, channel=message.channel)
        return StoredFile(name, kind, description)
