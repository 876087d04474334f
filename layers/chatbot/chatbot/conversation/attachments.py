"""What was sent along with a message, as the model can take it: pictures and words."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace

from chatbot.conversation.attempt import Deadline
from chatbot.conversation.context import Context
from chatbot.core.errors import Unfetchable
from chatbot.core.files import File
from chatbot.core.message import Media
from chatbot.core.ports import Model
from chatbot.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Attachments:
    """Shared by the threads of a batch."""

    model: Model
    settings: Settings

    def read(self, context: Context) -> Context:
        """The context with the words of what was sent along in its message, and the pictures.

        Raises Unfetchable (its reason names a sentence of `translations`), ModelUnavailable,
        ModelRefused, PostRefused.
        """
        message = context.message
        pictures: list[str] = []
        for media in message.media:
            if media.size > self.settings.max_file_mb * 1_000_000:
                raise Unfetchable("too_large")
            file = context.channel.load(media)
            if file.type.startswith("image/"):
                pictures.append(f"data:{file.type};base64,{b64encode(file.content).decode()}")
                words = "[picture]"
            else:
                words = self._words(file, media, context.deadline)
            text = message.text.replace(media.mark, words, 1)
            message = replace(message, text=text[: self.settings.max_input])
        return replace(context, message=message, pictures=tuple(pictures))

    def _words(self, file: File, media: Media, deadline: Deadline) -> str:
        if file.type == "text/plain":
            return f"{media.mark}\n{file.content.decode('utf-8-sig')}\n"
        if self.settings.transcribe_model == "off":
            raise Unfetchable("no_recordings")
        seconds = deadline.within(self.settings.model_timeout).left()
        return self.model.transcribe(file, seconds) or media.mark
