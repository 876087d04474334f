"""The adapter against llama.cpp's server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatbot.adapters.openai.media import OpenAIModel
from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.errors import ContextTooLong, InputUnsupported
from chatbot.core.files import File
from chatbot.core.settings import Settings
from tests.e2e.chat import until
from tests.llama.files import PHOTO, VOICE
from tests.llama.server import CONTEXT, MODEL, ModelServer

SECONDS = 120.0
PICTURE = File(PHOTO, "image/png")

streaming_or_not = pytest.mark.parametrize("streaming", ["on", "off"])


def model_of(server: ModelServer, **settings: object) -> OpenAIModel:
    values: dict[str, object] = {"openai_base_url": server.url, "openai_model": MODEL, **settings}
    return OpenAIModel(Settings(**values))  # type: ignore[arg-type]


def prompt(text: str, *pictures: File) -> tuple[PromptLine, ...]:
    return (
        PromptLine("system", "You are a helpful assistant."),
        PromptLine("user", text, pictures),
    )


def ask(
    model: OpenAIModel, text: str, *pictures: File, spending: Spending | None = None
) -> Completion:
    show = lambda text: True  # noqa: E731
    return model.answer(prompt(text, *pictures), SECONDS, show, spending or Spending())


@streaming_or_not
def test_an_answer(server: ModelServer, streaming: str) -> None:
    spending = Spending()
    said = ask(
        model_of(server, streaming=streaming), "What is the capital of France?", spending=spending
    )
    assert "Paris" in said.text
    assert (said.model, said.cut, said.stopped, said.thinking) == (MODEL, False, False, "")
    assert said.tokens_in > 10
    assert said.tokens_out > 2
    assert (spending.requests, spending.paid) == (1, 1)


def test_an_answer_is_shown_while_it_grows(server: ModelServer) -> None:
    shown: list[str] = []

    def show(text: str) -> bool:
        shown.append(text)
        return True

    said = model_of(server).answer(
        prompt("What is the capital of France?"), SECONDS, show, Spending()
    )
    assert len(set(shown)) > 5
    assert all(said.text.startswith(text.strip()) for text in shown)


@streaming_or_not
def test_a_cut_answer(server: ModelServer, streaming: str) -> None:
    said = ask(
        model_of(server, streaming=streaming, max_tokens=5), "What is the capital of France?"
    )
    assert (said.cut, said.tokens_out) == (True, 5)
    assert said.text


@streaming_or_not
def test_a_prompt_that_is_longer_than_the_context(server: ModelServer, streaming: str) -> None:
    spending = Spending()
    with pytest.raises(ContextTooLong):
        ask(model_of(server, streaming=streaming), "word " * CONTEXT, spending=spending)
    assert (spending.requests, spending.paid) == (1, 0)


@streaming_or_not
def test_an_answer_for_which_the_context_is_too_short(server: ModelServer, streaming: str) -> None:
    """The prompt fits, but not the answer with it: what came of it is an answer that was cut."""
    question = "The keeper of the lighthouse looked at the sea. " * 90 + "Go on with this story."
    spending = Spending()
    said = ask(model_of(server, streaming=streaming), question, spending=spending)
    assert said.tokens_in > CONTEXT * 3 / 4
    assert said.tokens_in + said.tokens_out <= CONTEXT
    assert said.text
    assert said.cut
    assert (spending.requests, spending.paid) == (1, 1)


@streaming_or_not
def test_a_picture_costs_no_answer(server: ModelServer, streaming: str) -> None:
    """That the second is not sent is shown by unit tests: here a request may fail for its own."""
    model = model_of(server, streaming=streaming)
    for _ in range(2):
        spending = Spending()
        said = ask(model, "What is the capital of France?", PICTURE, spending=spending)
        assert said.text
        assert said.unseen == ("image",)
        assert spending.paid == 1


def test_a_recording_is_refused(server: ModelServer) -> None:
    with pytest.raises(InputUnsupported) as refused:
        model_of(server).transcribe(File(VOICE, "audio/wav"), SECONDS, Spending())
    assert refused.value.reason == "audio"


def test_a_stop_ends_the_answer_and_the_servers_work(server: ModelServer) -> None:
    """The answer would be of hundreds of words; the server notices that nobody reads them."""
    shown: list[str] = []

    def show(text: str) -> bool:
        shown.append(text)
        return len(set(shown)) < 10

    began = time.monotonic()
    said = model_of(server).answer(prompt("Write a long story."), SECONDS, show, Spending())
    until(lambda: server.writing, 0)
    stopped_after = time.monotonic() - began
    assert said.stopped
    assert 1 <= len(said.text.split()) < 15
    whole = ask(model_of(server), "Write a long story.")
    assert whole.text.startswith(said.text)
    assert time.monotonic() - began > 3 * stopped_after


def test_five_at_once(server: ModelServer) -> None:
    """More than it has places for: one of them waits. Each answer is its own."""
    model = model_of(server, max_tokens=60)
    places = ["France", "Italy", "Germany", "Spain", "Austria"]
    with ThreadPoolExecutor(len(places)) as pool:
        said = list(pool.map(lambda place: ask(model, f"Tell me about {place}."), places))
    assert [place in each.text for place, each in zip(places, said, strict=True)] == [True] * 5
