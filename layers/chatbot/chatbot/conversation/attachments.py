"""What was sent along with a message, as the model can take it: pictures and words."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace

from chatbot.core.errors import Unfetchable
from chatbot.core.files import File
from chatbot.core.message import Media, Message
from chatbot.core.ports import Channel, Clock, Model
from chatbot.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Attachments:
    """Shared by the threads of a batch."""

    model: Model
    settings: Settings
    clock: Clock

    def read(
        self, message: Message, channel: Channel, seconds: float
    ) -> tuple[Message, tuple[str, ...]]:
        """The message with the words of what was sent along, and its pictures as `data:` addresses.

        Raises Unfetchable (its reason names a sentence of translations.py), ModelUnavailable,
        ModelRefused, PostRefused.
        """
        ends = self.clock() + seconds * 1000
        pictures: list[str] = []
        for media in message.media:
            if media.size > self.settings.max_file_mb * 1_000_000:
                raise Unfetchable("too_large")
            file = channel.load(media)
            if file.type.startswith("image/"):
                pictures.append(f"data:{file.type};base64,{b64encode(file.content).decode()}")
                words = "[picture]"
            else:
                words = self._words(file, media, (ends - self.clock()) / 1000)
            text = message.text.replace(media.mark, words, 1)
            message = replace(message, text=text[: self.settings.max_input])
        return message, tuple(pictures)

    def _words(self, file: File, media: Media, seconds: float) -> str:
        if file.type == "text/plain":
            return f"{media.mark}\n{file.content.decode('utf-8-sig')}\n"
        if self.settings.transcribe_model == "off":
            raise Unfetchable("no_recordings")
        words = self.model.transcribe(file, min(self.settings.model_timeout, seconds))
        return words or media.mark
