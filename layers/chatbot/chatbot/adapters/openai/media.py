"""Pictures and transcriptions, which complete ports.Model."""

from __future__ import annotations

import base64
import time
from typing import Any

from chatbot.adapters.openai.chat import ChatModel, sdk_errors
from chatbot.core.completion import Spending
from chatbot.core.errors import ModelRefused, ModelUnavailable, PostRefused, Unfetchable
from chatbot.core.file_types import PICTURES, type_of
from chatbot.core.files import File
from chatbot.net.fetch import fetch

MOST_BYTES = 20_000_000
"""Size limit in bytes of a picture that the server answers with a URL."""


class OpenAIModel(ChatModel):
    """Implements ports.Model with OPENAI_MODEL, IMAGE_MODEL and TRANSCRIBE_MODEL of one server."""

    def draw(self, prompt: str, seconds: float, spending: Spending) -> File:
        """See ports.Model. The server may answer with the picture or its URL (OpenAI API, Images).

        `response_format` is not sent: current models refuse it, older ones then send a URL.
        """
        end = time.monotonic() + seconds
        body = {"model": self._settings.image_model, "prompt": prompt}
        options: Any = {"timeout": seconds}
        spending.begin_request()
        with sdk_errors():
            answer: Any = self._client.post(
                "/images/generations", cast_to=object, body=body, options=options
            )
            spending.count_paid()
            image = answer["data"][0]
            if not image.get("b64_json"):
                return self._fetched(image["url"], end - time.monotonic())
            return _picture(base64.b64decode(image["b64_json"]))

    def transcribe(self, audio: File, seconds: float) -> str:
        """See ports.Model (OpenAI API, Audio)."""
        # The server takes the format from the file name's extension.
        name = f"recording.{audio.type.rpartition('/')[2]}"
        options: Any = {"timeout": seconds, "headers": {"Content-Type": "multipart/form-data"}}
        with sdk_errors():
            answer: Any = self._client.post(
                "/audio/transcriptions",
                cast_to=object,
                body={"model": self._settings.transcribe_model},
                files=[("file", (name, audio.content, audio.type))],
                options=options,
            )
            return str(answer["text"]).strip()

    def _fetched(self, url: str, seconds: float) -> File:
        local = [self._settings.openai_base_url]
        try:
            file = fetch(url, hosts=None, local=local, most=MOST_BYTES, seconds=seconds)
        except Unfetchable as error:
            raise ModelRefused(f"picture {error.reason}") from None
        except PostRefused as error:
            raise ModelUnavailable(f"picture {error.reason}") from None
        return _picture(file.content)


def _picture(content: bytes) -> File:
    """The content as a picture. Raises ValueError when it is none."""
    file = File(content, type_of(content))
    if file.type not in PICTURES:
        raise ValueError("no picture")
    return file
