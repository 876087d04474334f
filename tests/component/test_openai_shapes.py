"""Every shape in which model servers send an answer: the answer once, after one request."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from chatbot.adapters.openai.chat import ChatModel
from chatbot.core.completion import PromptLine, Spending
from chatbot.core.errors import ChatbotError, ContentFiltered, ModelUnavailable, UselessAnswer
from chatbot.core.settings import Settings
from local.http.server import serve
from local.standins.openai import OpenAIStandIn
from local.standins.shape import SHAPES as NOT_LOADED
from local.standins.shape import Said, Shape, words_of
from local.standins.shapes import SHAPES, body_of
from local.standins.shapes_of_contents import THOUGHT
from tests.model_server import Fixture

TEXT = "A good 👍 answer, a < b and\nthe rest."
RIGHT: dict[str, type[ChatbotError]] = {
    "filtered": ContentFiltered,
    "useless": UselessAnswer,
    "broken": ModelUnavailable,
    "error": ModelUnavailable,
}
MOST = {"filtered": 1, "useless": 2, "broken": 2, "error": 2}
NOT_KNOWN_AT_ONCE = ("lone_think_close", "messages_so_far")  # only later pieces tell
SLOW = ("one_byte_at_a_time",)

every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)


@pytest.fixture(scope="module")
def standin() -> Iterator[tuple[OpenAIStandIn, str]]:
    standin = OpenAIStandIn("key")
    running = serve(standin)
    yield standin, f"{running.url}/v1"
    running.close()


@every_shape
@pytest.mark.parametrize("streaming", ["on", "off"])
def test_each_shape_in_process(shape: Shape, streaming: str) -> None:
    bench = Fixture(
        lambda body: (200, shape.send(Said(words_of(TEXT)))), streaming=streaming, max_tokens=99
    )
    shown: list[str] = []

    def show(text: str) -> bool:
        shown.append(text)
        return True

    if shape.outcome in RIGHT:
        with pytest.raises(RIGHT[shape.outcome]):
            bench.ask(show=show)
        assert len(bench.server.asked) == MOST[shape.outcome]
        assert bench.spending.paid == bench.spending.requests == MOST[shape.outcome]
        assert not any(THOUGHT[:12] in text for text in shown)
        return
    answer = bench.ask(show=show)
    assert (answer.text, answer.cut) == (TEXT, shape.outcome == "cut")
    assert (answer.stopped, answer.unseen) == (False, ())
    assert len(bench.server.asked) == bench.spending.paid == 1
    assert bench.pauses == []
    if not shape.name.startswith(NOT_KNOWN_AT_ONCE):
        assert all(TEXT.startswith(text.strip()) for text in shown)
    assert answer.tokens_in in (0, 9, 2)


@every_shape
def test_each_shape_from_the_stand_in(shape: Shape, standin: tuple[OpenAIStandIn, str]) -> None:
    server, url = standin
    settings = Settings(openai_api_key="key", openai_base_url=url)
    model, spending = ChatModel(settings, sleep=lambda seconds: None), Spending()
    text = f"[[shape:{shape.name}]] please, quickly"
    before, began = len(server.accepted), time.monotonic()
    if shape.outcome in RIGHT:
        with pytest.raises(RIGHT[shape.outcome]):
            model.answer([PromptLine("user", text)], 20, lambda text: True, spending)
    else:
        answer = model.answer([PromptLine("user", text)], 20, lambda text: True, spending)
        assert answer.text == f"You said: {text}"
    assert time.monotonic() - began < (2 if shape.name == "stays_open_after_finish" else 5)
    assert len(server.accepted) - before == MOST.get(shape.outcome, 1)


@pytest.mark.parametrize(
    "name", [name for name in SHAPES if name.startswith(("thinking", "lone", "field", "reason"))]
)
def test_thinking_is_kept_apart(name: str) -> None:
    shape = SHAPES[name]
    if shape.outcome != "answer" or name == "thinking_empty":
        return
    bench = Fixture(lambda body: (200, shape.send(Said(words_of(TEXT)))))
    answer = bench.ask()
    assert THOUGHT in answer.thinking or answer.thinking == "hm"
    assert THOUGHT not in answer.text


def test_a_model_that_once_thought_without_an_opening_tag_is_not_shown_thinking_again() -> None:
    shape = SHAPES["lone_think_close"]
    bench = Fixture(lambda body: (200, shape.send(Said(words_of(TEXT)))))
    shown: list[str] = []

    def show(text: str) -> bool:
        shown.append(text)
        return True

    bench.ask(show=show)
    assert any(THOUGHT[:9] in text for text in shown)  # nothing told that it was thinking
    shown.clear()
    assert bench.ask(show=show).text == TEXT
    assert not any(THOUGHT[:9] in text for text in shown)


def test_a_model_that_thinks_unopened_and_is_cut_before_its_answer_is_useless() -> None:
    lone = SHAPES["lone_think_close"]
    said = Said(words_of(TEXT))
    cut = Said(words_of(THOUGHT), finish="length")
    answers = [lone.send(said), SHAPES["usual"].send(cut), SHAPES["usual"].send(cut)]
    bench = Fixture(lambda body: (200, answers.pop(0)))
    assert bench.ask().text == TEXT
    with pytest.raises(UselessAnswer, match="token_limit"):
        bench.ask()


def test_a_model_that_stops_thinking_unopened_is_understood() -> None:
    said = Said(words_of(TEXT))
    answers = [SHAPES["lone_think_close"].send(said), SHAPES["usual"].send(said)]
    bench = Fixture(lambda body: (200, answers.pop(0)))
    assert [bench.ask().text, bench.ask().text] == [TEXT, TEXT]


def test_a_shape_can_be_the_body_of_a_fault() -> None:
    assert SHAPES is NOT_LOADED
    body = body_of("delta_null_after", "One two").encode()
    assert Fixture(lambda _: (200, [body])).ask().text == "One two"
