"""The adapter against llama.cpp's server."""

from __future__ import annotations

import base64

import pytest

from chatbot.adapters.openai.media import OpenAIModel
from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.errors import ContextTooLong, InputUnsupported
from chatbot.core.files import File
from chatbot.core.settings import Settings
from tests.llama.files import PHOTO, VOICE
from tests.llama.server import CONTEXT, MODEL, ModelServer

SECONDS = 120.0
PICTURE = f"data:image/png;base64,{base64.b64encode(PHOTO).decode()}"

streaming_or_not = pytest.mark.parametrize("streaming", ["on", "off"])


def model_of(server: ModelServer, **settings: object) -> OpenAIModel:
    values: dict[str, object] = {"openai_base_url": server.url, "openai_model": MODEL, **settings}
    return OpenAIModel(Settings(**values))  # type: ignore[arg-type]


def prompt(text: str, *pictures: str) -> tuple[PromptLine, ...]:
    return (
        PromptLine("system", "You are a helpful assistant."),
        PromptLine("user", text, pictures),
    )


def ask(
    model: OpenAIModel, text: str, *pictures: str, spending: Spending | None = None
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
def test_a_picture_is_left_out_and_then_not_sent_again(server: ModelServer, streaming: str) -> None:
    model = model_of(server, streaming=streaming)
    for requests in (2, 1):
        spending = Spending()
        said = ask(model, "What is the capital of France?", PICTURE, spending=spending)
        assert said.text
        assert said.unseen == ("image",)
        assert (spending.requests, spending.paid) == (requests, 1)


def test_a_recording_is_refused(server: ModelServer) -> None:
    with pytest.raises(InputUnsupported) as refused:
        model_of(server).transcribe(File(VOICE, "audio/wav"), SECONDS)
    assert refused.value.reason == "audio"
