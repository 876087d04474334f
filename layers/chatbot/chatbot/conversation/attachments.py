"""Convert attachments for the model: pictures to `data:` URLs, recordings and documents to text."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chatbot.conversation.attempt import Deadline
from chatbot.conversation.context import Context
from chatbot.core.errors import Unfetchable
from chatbot.core.files import File
from chatbot.core.message import Media
from chatbot.core.ports import Model
from chatbot.core.settings import Settings

MOST_PICTURE_BYTES = 20_000_000
"""With more, no further picture is loaded for a prompt. In base64 that is half of the 50 MB that
OpenAI takes in a request (OpenAI, "Images and vision")."""
_LEAST_TIME = 15.0  # seconds that must be left for the answer to load a further attachment


@dataclass(frozen=True, slots=True)
class Attachments:
    """Downloads and converts attachments; shared by the threads of a batch."""

    model: Model
    settings: Settings

    def read(self, context: Context) -> Context:
        """Return the context with the attachments' text in its message, and with its pictures.

        The text replaces each attachment's placeholder; of the message's attachments, the pictures
        stay. Of an album that is too large or slow to load, the last ones are left out. Raises
        Unfetchable, PostRefused (the download failed), ModelUnavailable, ModelRefused (the
        transcription did).
        """
        message = context.message
        pictures: list[str] = []
        shown: list[Media] = []
        for media in message.media:
            if pictures and not has_room(context, pictures):
                text = left_out(media).join(message.text.rsplit(media.mark, 1))
            else:
                content, picture = self.read_one(media, context)
                if picture:
                    pictures.append(picture)
                    shown.append(replace(media, kind="photo"))
                text = message.text.replace(media.mark, content, 1)
            message = replace(message, text=text[: self.settings.max_input])
        message = replace(message, media=tuple(shown))
        return replace(context, message=message, pictures=tuple(pictures))

    def read_one(self, media: Media, context: Context) -> tuple[str, str]:
        """The attachment as text and, if it is a picture, as `data:` URL (else "").

        Raises like `read`.
        """
        if media.size > self.settings.max_file_mb * 1_000_000:
            raise Unfetchable("too_large")
        file = context.channel.load(media)
        if file.type.startswith("image/"):
            return "[picture]", f"data:{file.type};base64,{b64encode(file.content).decode()}"
        return self._text_of(file, media, context.deadline), ""

    def _text_of(self, file: File, media: Media, deadline: Deadline) -> str:
        if file.type == "text/plain":
            return f"{media.mark}\n{file.content.decode('utf-8-sig')}\n"
        if self.settings.transcribe_model == "off":
            raise Unfetchable("no_recordings")
        seconds = deadline.within(self.settings.model_timeout).left()
        return self.model.transcribe(file, seconds) or media.mark


def has_room(context: Context, pictures: Sequence[str]) -> bool:
    """Whether there is time to load one more attachment beside these pictures, and room for it."""
    size = sum(len(picture) for picture in pictures)
    return context.deadline.left() >= _LEAST_TIME and size < MOST_PICTURE_BYTES


def left_out(media: Media) -> str:
    """What the model is told of an attachment that is left out."""
    return f"{media.mark[:-1]}, which could not be read]"
