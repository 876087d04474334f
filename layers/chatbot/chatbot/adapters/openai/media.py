"""Pictures and transcriptions, which complete ports.Model."""

from __future__ import annotations

import time
from io import BytesIO
from typing import Any

from chatbot.adapters.openai.chat import ChatModel
from chatbot.adapters.openai.connection import post
from chatbot.adapters.openai.drawn import picture_in, picture_of
from chatbot.adapters.openai.failures import Failure, Kind
from chatbot.core.budget import Budget, Share
from chatbot.core.completion import Spending
from chatbot.core.errors import (
    DrawingUnsupported,
    InputUnsupported,
    ModelRefused,
    ModelUnavailable,
    PostRefused,
    Unfetchable,
    UselessAnswer,
)
from chatbot.core.files import File
from chatbot.core.limits import MOST_DRAWN, in_base64
from chatbot.net.fetch import fetch

_MOST_DRAWN_BODY = in_base64(MOST_DRAWN) + 65_536

_WAIT_SHARE = 1 / 3
"""Of the time for a picture, what may be spent on waiting for memory: drawing takes long."""
_NO_ENDPOINT = ("404", "405", "501")  # statuses of servers that have no such endpoint


class OpenAIModel(ChatModel):
    """Implements ports.Model with OPENAI_MODEL, IMAGE_MODEL and TRANSCRIBE_MODEL of one server."""

    def draw(
        self, prompt: str, seconds: float, spending: Spending, room: Share | None = None
    ) -> File:
        """See ports.Model. The server may answer with the picture or its URL (OpenAI API, Images).

        `response_format` is not sent: current models refuse it, older ones then send a URL. An
        answer without a picture is asked for once more.
        """
        end = time.monotonic() + seconds
        room = room or Share(Budget())
        model = self._settings.image_model
        if "drawing" in self._adaptations.of(model):
            raise DrawingUnsupported("no_pictures_drawn")
        body = {"model": model, "prompt": prompt}
        # For the body and the picture, before they are paid for: without room they would be lost.
        room.take(2 * _MOST_DRAWN_BODY, seconds * _WAIT_SHARE)
        for again in (True, False):
            try:
                return self._draw(body, end, spending, room)
            except Failure as failure:
                if _is_missing(failure):
                    self._adaptations.refuses(model, "drawing")
                    raise DrawingUnsupported("no_pictures_drawn") from None
                again = again and time.monotonic() < end and spending.paid_remaining > 0
                if failure.kind is not Kind.USELESS or not again:
                    raise failure.as_error() from None
        raise AssertionError("one of both returns or raises")

    def transcribe(self, audio: File, seconds: float, spending: Spending) -> str:
        """See ports.Model (OpenAI API, Audio).

        An answer that cannot be used is asked for once more, then it is a UselessAnswer.
        """
        end = time.monotonic() + seconds
        model = self._settings.transcribe_model
        if "audio" not in self._settings.model_inputs or "audio" in self._adaptations.of(model):
            raise InputUnsupported("audio")
        for again in (True, False):
            try:
                return self._transcribe(model, audio, end - time.monotonic(), spending)
            except Failure as failure:
                spoilt = failure.paid and failure.kind in (Kind.USELESS, Kind.AWAY)
                if spoilt and again and time.monotonic() < end and spending.paid_remaining:
                    continue
                if failure.kind is Kind.INPUT or _is_missing(failure):
                    self._adaptations.refuses(model, "audio")
                    raise InputUnsupported("audio") from None
                if spoilt:
                    raise UselessAnswer(failure.reason) from None
                raise failure.as_error() from None
        raise AssertionError("one of both returns or raises")

    def _transcribe(self, model: str, audio: File, seconds: float, spending: Spending) -> str:
        # The server takes the format from the file name's extension.
        name = f"recording.{audio.type.rpartition('/')[2]}"
        options: Any = {
            "files": [("file", (name, BytesIO(audio.content), audio.type))],  # read in pieces
            "options": {"headers": {"Content-Type": "multipart/form-data"}},
        }
        path = "/audio/transcriptions"
        spending.begin_request()
        with post(self._client, path, {"model": model}, seconds, **options) as reply:
            spending.count_paid()
            said = reply.json()
        if not isinstance(said, dict) or not isinstance(said.get("text"), str):
            raise Failure(Kind.USELESS, "no transcript", paid=True)
        return str(said["text"]).strip()

    def _draw(self, body: dict[str, Any], end: float, spending: Spending, room: Share) -> File:
        spending.begin_request()
        with post(self._client, "/images/generations", body, end - time.monotonic()) as reply:
            spending.count_paid()
            answer = reply.body(_MOST_DRAWN_BODY)
        try:
            file = picture_in(answer)
            if file is None:
                url = reply.value_of(answer)["data"][0]["url"]
                answer.clear()  # its room is the picture's
                file = self._fetched(url, end - time.monotonic())
        except (AttributeError, LookupError, TypeError, ValueError):
            raise Failure(Kind.USELESS, "no picture", paid=True) from None
        room.shrink(2 * len(file.content))  # the SDK may copy it when it is stored
        return file

    def _fetched(self, url: str, seconds: float) -> File:
        local = [self._settings.openai_base_url.partition("?")[0]]
        try:
            file = fetch(url, hosts=None, local=local, most=MOST_DRAWN, seconds=seconds)
        except Unfetchable as error:
            raise ModelRefused(f"picture {error.reason}") from None
        except PostRefused as error:
            raise ModelUnavailable(f"picture {error.reason}") from None
        return picture_of(file.content)


def _is_missing(failure: Failure) -> bool:
    """Whether the server does not have the model, or the endpoint: it may answer messages well."""
    return failure.reason == "unknown_model" or failure.name in _NO_ENDPOINT
