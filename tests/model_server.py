"""A model server within the process: an HTTP transport that answers with given bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx2
from openai import OpenAI

from chatbot.adapters.openai.chat import ChatModel
from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.ports import Journal, Show
from chatbot.core.settings import Settings
from local.standins.shape import STAYS_OPEN, End

PROMPT = (PromptLine("system", "Be kind."), PromptLine("user", "Hello"))


class Canned(httpx2.BaseTransport):
    """Answers each request with what `reply` makes of its body: a status, and bytes or ends.

    `asked` are the bodies of the requests.
    """

    def __init__(
        self, reply: Callable[[dict[str, Any]], tuple[int, Iterable[bytes | End]]]
    ) -> None:
        self.asked: list[dict[str, Any]] = []
        self.urls: list[str] = []
        self._reply = reply

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer (httpx2)."""
        self.asked.append(json.loads(request.read()))
        self.urls.append(str(request.url))
        status, parts = self._reply(self.asked[-1])
        return httpx2.Response(status, stream=_Bytes(parts), request=request)

    def post(self, path: str, *, body: dict[str, Any], **options: Any) -> httpx2.Response:
        """Answer in place of the SDK's client, whose work takes longer than all the rest."""
        self.asked.append(body)
        status, parts = self._reply(body)
        return httpx2.Response(status, stream=_Bytes(parts), request=_REQUEST)


_REQUEST = httpx2.Request("POST", "http://model.invalid/v1/chat/completions")


class _Bytes(httpx2.SyncByteStream):
    def __init__(self, parts: Iterable[bytes | End]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            elif part is STAYS_OPEN:
                # As when the adapter has waited for the rest, which takes a moment in reality.
                raise httpx2.ReadTimeout("stays open")
            else:
                raise httpx2.RemoteProtocolError("closed")


class Fixture:
    """A ChatModel whose server is `Canned`, with a clock that only pauses move.

    With `light`, the SDK's client is left out: for many answers with status 200.
    """

    def __init__(
        self,
        reply: Callable[[dict[str, Any]], tuple[int, Iterable[bytes | End]]],
        journal: Journal | None = None,
        light: bool = False,
        **settings: Any,
    ) -> None:
        self.server = Canned(reply)
        self.pauses: list[float] = []
        self.settings = Settings(**{"openai_model": "first", **settings})
        client: Any = self.server
        if not light:
            client = OpenAI(
                api_key="none",
                base_url="http://model.invalid/v1",
                max_retries=0,
                http_client=httpx2.Client(transport=self.server),
            )
        self.model = ChatModel(
            self.settings, client, self.pauses.append, lambda: sum(self.pauses), journal
        )
        self.spending = Spending()

    def ask(
        self, prompt: Iterable[PromptLine] = PROMPT, show: Show = lambda text: True
    ) -> Completion:
        """Ask, within 40 seconds."""
        return self.model.answer(tuple(prompt), 40, show, self.spending)


def replies(*answers: tuple[int, Iterable[bytes | End]]) -> Callable[[Any], Any]:
    """Give these answers one after another, the last again and again."""
    left = [(status, list(parts)) for status, parts in answers]

    def reply(body: Any) -> tuple[int, Iterable[bytes | End]]:
        return left.pop(0) if len(left) > 1 else left[0]

    return reply
