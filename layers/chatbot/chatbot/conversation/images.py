"""Draws what was asked for, and keeps the picture before anything else is done with it."""

from __future__ import annotations

from chatbot.conversation.attempt import Deadline
from chatbot.core.errors import ModelUnavailable
from chatbot.core.files import StoredFile
from chatbot.core.message import Message
from chatbot.core.ports import Clock, Files, Journal, Model
from chatbot.core.settings import Settings

LEAST = 15.0
"""Seconds below which nothing is begun: a picture that comes too late is paid all the same."""


class Images:
    """Shared by the threads of a batch."""

    def __init__(
        self, model: Model, files: Files, settings: Settings, journal: Journal, clock: Clock
    ) -> None:
        self._model = model
        self._files = files
        self._settings = settings
        self._journal = journal
        self._clock = clock

    def draw(self, message: Message, words: str, deadline: Deadline) -> StoredFile:
        """The picture of `words` for `message`, paid once: an earlier attempt's is taken.

        Raises ModelUnavailable, ModelRefused, ContentFiltered, FilesUnavailable.
        """
        name = message.key.file_name("png")  # found without knowing in which form it was drawn
        file = self._files.load(name)
        if file is None:
            if deadline.left() < LEAST:
                raise ModelUnavailable("no time left to draw")
            began = self._clock()
            file = self._model.draw(words, deadline.within(self._settings.image_timeout).left())
            self._files.keep(name, file)
            self._journal.count("Images", channel=message.channel)
            took = (self._clock() - began) / 1000
            self._journal.count("ImageSeconds", took, channel=message.channel)
        return StoredFile(name, file.type, words)
