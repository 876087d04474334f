"""Convert attachments for the model: pictures to `data:` URLs, recordings and documents to text."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace

from chatbot.conversation.context import Context
from chatbot.core.errors import Unfetchable
from chatbot.core.files import File
from chatbot.core.ports import Model
from chatbot.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Attachments:
    """Downloads and converts attachments; shared by the threads of a batch."""

    model: Model
    settings: Settings

    def read(self, context: Context) -> Context:
        """Return the context with the attachments' text in its message, and with its pictures.

        The text replaces each attachment's placeholder. Raises Unfetchable, PostRefused (the
        download failed), ModelUnavailable, ModelRefused (the transcription did).
        """
        message = context.message
        pictures: list[str] = []
        recordings = 0
        for media in message.media:
            if media.size > self.settings.max_file_mb * 1_000_000:
                raise Unfetchable("too_large")
            file = context.channel.load(media)
            if file.type.startswith("image/"):
                pictures.append(f"data:{file.type};base64,{b64encode(file.content).decode()}")
                content = "[picture]"
            elif file.type == "text/plain":
                content = f"{media.mark}\n{file.content.decode('utf-8-sig')}\n"
            else:
                content = self._transcript(context, file, recordings) or media.mark
                recordings += 1
            text = message.text.replace(media.mark, content, 1)
            message = replace(message, text=text[: self.settings.max_input])
        return replace(context, message=message, pictures=tuple(pictures))

    def _transcript(self, context: Context, file: File, number: int) -> str:
        """The transcript of recording `number` (from 0), which is paid for only once."""
        if number < len(context.heard):
            return context.heard[number]
        if self.settings.transcribe_model == "off":
            raise Unfetchable("no_recordings")
        context.spending.begin_request()
        seconds = context.deadline.within(self.settings.model_timeout).left()
        context.heard.append(self.model.transcribe(file, seconds))
        return context.heard[number]
