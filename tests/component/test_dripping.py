"""Every request that leaves the functions ends at its deadline, however slowly a server answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Literal

import pytest

from chatbot.adapters.openai.media import OpenAIModel
from chatbot.channels.base import Services
from chatbot.channels.messenger.outbound import MessengerChannel
from chatbot.channels.telegram.outbound import TelegramChannel
from chatbot.core.completion import PromptLine, Spending
from chatbot.core.errors import AmbiguousPost, ModelUnavailable, PostRefused, UselessAnswer
from chatbot.core.files import File
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Handles, Kind, Media, Message
from chatbot.core.ports import Channel
from chatbot.core.settings import Seconds, Settings
from chatbot.core.turn import Origin, Part, Reply, Turn
from chatbot.net.fetch import fetch
from chatbot.net.post import Session, Upload, send
from tests.dripping import PLACES, dripping
from tests.fakes.files import MemoryFiles, streamed
from tests.fakes.journal import FakeJournal

SECONDS = 0.5
ANSWERS = list(PLACES)


@contextmanager
def in_time(seconds: float = SECONDS) -> Iterator[None]:
    """Fail unless the block ends soon after `seconds`, and not before."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert 0.5 * seconds < took < seconds + 1.5, took


def ambiguous() -> AbstractContextManager[object]:
    return pytest.raises(AmbiguousPost)


@pytest.mark.parametrize("place", ANSWERS)
def test_a_post(place: str) -> None:
    with dripping(place) as url, Session() as session, in_time(), pytest.raises(AmbiguousPost):
        send(session, "POST", url, timeout=SECONDS, fields={"text": "words"})


def test_a_post_whose_file_is_taken_byte_by_byte() -> None:
    files = {"photo": Upload("p.png", streamed(File(bytes(8_000_000), "image/png")))}
    with dripping("request") as url, Session() as session, in_time(), ambiguous():
        send(session, "POST", url, timeout=SECONDS, fields={}, files=files)


@pytest.mark.parametrize("place", [place for place in ANSWERS if place != "error"])
def test_a_download(place: str) -> None:
    with dripping(place) as url, in_time(), pytest.raises(PostRefused, match="slow"):
        fetch(f"{url}/file", hosts=[], local=[url], most=10_000_000, seconds=SECONDS)


def model(url: str, streaming: Literal["on", "off"] = "on") -> OpenAIModel:
    return OpenAIModel(Settings(openai_base_url=url, streaming=streaming))


def answer(model: OpenAIModel, *pictures: File) -> None:
    """Ask, with more time: with less than a second the model is not asked."""
    prompt = [PromptLine("user", "words", pictures)]
    with in_time(3 * SECONDS), pytest.raises(ModelUnavailable, match="timeout"):
        model.answer(prompt, 3 * SECONDS, lambda text: True, Spending())


@pytest.mark.long
@pytest.mark.parametrize("streaming", ["on", "off"])
@pytest.mark.parametrize("place", ANSWERS)
def test_an_answer_of_the_model(
    place: str, streaming: Literal["on", "off"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.adapters.openai.connection.ERROR_SECONDS", 4 * SECONDS)
    with dripping(place) as url:
        answer(model(url, streaming))


def test_a_picture_that_the_model_takes_byte_by_byte() -> None:
    with dripping("request") as url:
        answer(model(url), File(bytes(8_000_000), "image/png"))


@pytest.mark.long
@pytest.mark.parametrize("place", ANSWERS)
def test_a_drawn_picture(place: str) -> None:
    with dripping(place) as url, in_time(), pytest.raises(ModelUnavailable, match="timeout"):
        model(url).draw("a fox", SECONDS, Spending())


@pytest.mark.long
@pytest.mark.parametrize("place", [*ANSWERS, "request"])
def test_a_transcript(place: str) -> None:
    recording = File(bytes(8_000_000), "audio/ogg")
    errors = (ModelUnavailable, UselessAnswer)
    with dripping(place) as url, in_time(), pytest.raises(errors, match="timeout"):
        model(url).transcribe(recording, SECONDS, Spending())


def channel(name: str, url: str) -> Channel:
    settings = Settings(
        telegram_api_url=url,
        telegram_bot_token="1:a",
        graph_api_url=url,
        messenger_page_id="page",
        messenger_page_token="token",
        messenger_app_secret="secret",
        post_timeout=Seconds(SECONDS),
    )
    services = Services(settings, FakeJournal(), MemoryFiles(), lambda key, text: None)
    return TelegramChannel(services) if name == "telegram" else MessengerChannel(services)


CALLS: dict[str, Callable[[Channel, Turn, Message], object]] = {
    "post": lambda channel, turn, message: channel.post(turn, Part("words")),
    "load": lambda channel, turn, message: channel.load(Media("photo", f"{message.text}/p.png")),
    "earlier": lambda channel, turn, message: channel.earlier(message, 10),
    "preview": lambda channel, turn, message: channel.preview(message, "words"),
    "is_administrator": lambda channel, turn, message: channel.is_administrator(message),
    "show_typing": lambda channel, turn, message: channel.show_typing(message),
    "acknowledge": lambda channel, turn, message: channel.acknowledge(message),
}


@pytest.mark.long
@pytest.mark.parametrize("place", ["headers", "body"])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        *(("telegram", call) for call in CALLS if call != "earlier"),
        *(("messenger", call) for call in CALLS if call not in ("preview", "is_administrator")),
    ],
)
def test_each_call_of_a_platform(
    name: str, call: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.channels.posts.BEST_EFFORT_TIMEOUT", SECONDS)
    key = TurnKey.of(f"{name}:42", 1_795_262_400_000, "000000000007:message")
    with dripping(place) as url:
        message = Message(
            key, name, Kind.TEXT, url, Author("7"), handles=Handles(callback="pressed")
        )
        turn = Turn.of(message, Reply("words"), Origin.MODEL)
        with in_time(), suppress(AmbiguousPost, PostRefused):
            CALLS[call](channel(name, url), turn, message)
