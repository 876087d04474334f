"""The adapter against LiteLLM's proxy: its answers, its own refusals, and those it passes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chatbot.adapters.openai.failures import Failure, Kind
from local.http.server import serve
from local.standins.openai import OpenAIStandIn
from local.standins.refusals import REFUSALS, Refusal
from local.standins.shape import Shape
from local.standins.shapes import SHAPES
from tests.interop.asking import Asked, ask
from tests.interop.litellm_server import KEY, TEXT, UPSTREAM_KEY, litellm

streaming = pytest.mark.parametrize("streaming", ["on", "off"])

# By the proxy's model: the error, and how many requests it takes. None of them is paid for.
REFUSED = {
    "rate": ("ModelUnavailable", "status 429", 4),
    "internal": ("ModelUnavailable", "status 500", 4),
    "overloaded": ("ModelUnavailable", "status 529", 4),
    "gone": ("ModelUnavailable", "status 500", 4),
    "window": ("ContextTooLong", "context_length", 1),
    "small": ("ContextTooLong", "context_length", 1),
    "policy": ("ContentFiltered", "content_filter", 1),
    "wrong-key": ("ModelRefused", "authentication", 1),
    "not-configured": ("ModelRefused", "unknown_model", 1),
}
# The client that LiteLLM has for its provider "openai" passes on an error's message, and nothing of
# a body in another form than OpenAI's. What only a code or such a body says is lost on the way.
LOST = frozenset(
    (
        *("Azure: content_filter alone", "OpenAI: policy alone", "OpenAI: picture blocked"),
        *("Azure: only the inner error says it", "Alibaba: data inspection, native"),
        *("One API: sensitive words", "xAI: usage guidelines", "OpenAI: context length"),
        *("llama.cpp: context size by its type", "Gemini: token count", "TGI: inputs"),
        *("LM Studio: keep", "LM Studio: keep, newer", "xAI: prompt length"),
        *("GitHub Models: tokens", "OpenAI: quota", "LiteLLM: budget", "xAI: credits"),
        *("OpenAI: model, 403", "Groq: decommissioned", "LiteLLM: key and model"),
        *("a router: end of life", "Gemini: key", "Gemini: key not found", "Gemini: key expired"),
        *("xAI: key", "a proxy: key, 400"),
        *(
            "Bedrock's gateway: throttled",
            "Bedrock: on-demand",
            "Bedrock: on-demand, another apostrophe",
        ),
        *("Gemini: header", "Gemini: no header", "Gemini: the model only supports"),
        *("Ollama: input length", "Together: model", "Groq: terms"),
        *("LiteLLM: team and model", "LiteLLM: user and model"),
        *("TGI: inputs alone", "xAI: credits used", "xAI: model not found"),
    )
)
CHAT = [each for each in REFUSALS.values() if (each.kind, each.detail) != ("input", "audio")]
# Shapes that LiteLLM understands itself: from them must come what the shape says.
UNDERSTOOD = frozenset(
    (
        *("usual", "delta_missing", "choices_missing", "first_choices_empty", "role_only"),
        *("content_null", "finish_missing", "usage_first", "usage_everywhere", "usage_between"),
        *("usage_with_finish", "done_only", "finish_only", "usage_only_end", "finish eos"),
        *("finish length", "finish max_tokens", "finish content_filter", "finish SAFETY"),
        *("field reasoning", "field reasoning_content", "thinking_in_text", "reasoning_in_text"),
        *("thinking_only", "thinking_cut", "empty", "invisible", "tool_call", "bom", "crlf"),
        *("tool_call_and_text", "two_choices", "whole_again", "one_byte_at_a_time"),
    )
)
OUTCOMES = {
    "answer": "answer",
    "cut": "answer",
    "useless": "UselessAnswer",
    "filtered": "ContentFiltered",
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[tuple[OpenAIStandIn, str]]:
    standin = OpenAIStandIn(UPSTREAM_KEY)
    running = serve(standin)
    yield standin, f"{running.url}/v1"
    running.close()


@pytest.fixture(scope="module")
def proxy(
    tmp_path_factory: pytest.TempPathFactory, upstream: tuple[OpenAIStandIn, str]
) -> Iterator[str]:
    with litellm(tmp_path_factory.mktemp("litellm"), upstream[1]) as url:
        yield url


pytestmark = pytest.mark.timeout(240)  # whichever test is first waits for the proxy


def _ask(proxy: str, model: str, text: str = "Hello", **settings: Any) -> Asked:
    return ask(proxy, text, **{"openai_api_key": KEY, "openai_model": model, **settings})


@streaming
def test_its_own_answer(proxy: str, streaming: str) -> None:
    asked = _ask(proxy, "canned", streaming=streaming)
    assert asked.text == TEXT
    assert asked.spending.requests == 1
    assert asked.completion
    assert asked.completion.tokens_out > 0


@streaming
@pytest.mark.parametrize("model", ["openai", "vllm", "mistral"])
def test_an_answer_from_behind_it(proxy: str, model: str, streaming: str) -> None:
    text = "All’s *well*, 👍 < & so on"
    asked = _ask(proxy, model, text, streaming=streaming, temperature=0.5, top_p=0.9)
    assert asked.text == f"You said: {text}"
    assert asked.spending.requests == asked.spending.paid == 1


@streaming
@pytest.mark.parametrize("model", REFUSED)
def test_each_of_its_refusals_is_its_kind_of_error(proxy: str, model: str, streaming: str) -> None:
    asked = _ask(proxy, model, streaming=streaming)
    error, reason, requests = REFUSED[model]
    assert asked.outcome == (error, reason)
    assert (asked.spending.requests, asked.spending.paid) == (requests, 0)


def test_a_wrong_key_is_a_refused_key(proxy: str) -> None:
    """LiteLLM says 400 "No connected db." where it has none."""
    asked = _ask(proxy, "canned", openai_api_key="sk-another")
    assert asked.outcome == ("ModelRefused", "authentication")
    assert asked.spending.requests == 1


def test_a_limit_of_requests_a_minute_is_waited_out(proxy: str) -> None:
    for _ in range(3):  # a minute may end in between
        asked = _ask(proxy, "seldom")
        if asked.error:
            break
        assert asked.text == TEXT
    assert asked.outcome == ("ModelUnavailable", "status 429")
    assert (asked.spending.requests, asked.spending.paid) == (4, 0)


def test_a_budget_that_is_used_up_is_no_outage(proxy: str) -> None:
    for _ in range(100):  # it books the price of an answer a moment later
        asked = _ask(proxy, "dear")
        if asked.error:
            break
        assert asked.text == TEXT
    assert asked.outcome == ("ModelRefused", "insufficient_quota")
    assert (asked.spending.requests, asked.spending.paid) == (1, 0)


@pytest.mark.parametrize("model", ["not-configured", "wrong-model"])
def test_the_next_model_answers_at_once(proxy: str, model: str) -> None:
    asked = _ask(proxy, model, openai_fallback_models=("canned",))
    assert asked.text == TEXT
    assert asked.spending.requests == 2


def test_a_parameter_that_it_refuses_is_left_out(proxy: str) -> None:
    asked = _ask(proxy, "mistral", reasoning_effort="low")
    assert asked.text == "You said: Hello"
    assert asked.spending.requests == 2


@pytest.mark.parametrize("refusal", CHAT, ids=lambda refusal: refusal.name)
@pytest.mark.parametrize("model", ["vllm", "openai"])
def test_what_it_passes_on_keeps_its_meaning(proxy: str, model: str, refusal: Refusal) -> None:
    asked = _ask(
        proxy,
        model,
        f"[[error:{refusal.name}]]",
        temperature=0.5,
        top_p=0.9,
        reasoning_effort="low",
    )
    right = Failure(Kind(refusal.kind), refusal.detail, name=refusal.detail).as_error()
    assert asked.error
    assert asked.spending.paid == 0
    assert asked.spending.requests <= 4
    if model == "openai" and refusal.name in LOST:
        assert asked.outcome[0] in ("ModelRefused", "ModelUnavailable")
        assert asked.outcome != (type(right).__name__, right.reason), "it is not lost any more"
        return
    assert type(asked.error) is type(right)
    if refusal.kind != "away":  # LiteLLM has statuses of its own for those
        assert asked.error.reason == right.reason


@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
def test_whatever_it_makes_of_odd_pieces_costs_no_more_than_the_bounds(
    proxy: str, shape: Shape
) -> None:
    """Many odd pieces are too much for the proxy itself; what it sends then is read right."""
    text = f"[[shape:{shape.name}]] please, quickly"
    asked = _ask(proxy, "vllm", text)
    if asked.completion:
        assert asked.text == f"You said: {text}", "no wrong text, nothing twice, no thinking"
    else:
        assert asked.outcome[0] in ("UselessAnswer", "ModelUnavailable", "ContentFiltered")
    assert asked.spending.paid <= 2
    assert asked.spending.requests <= 4


@pytest.mark.parametrize("name", sorted(UNDERSTOOD))
@pytest.mark.parametrize("model", ["vllm", "openai"])
def test_what_it_understands_arrives(proxy: str, model: str, name: str) -> None:
    shape = SHAPES[name]
    asked = _ask(proxy, model, f"[[shape:{name}]] please, quickly")
    assert asked.outcome[0] == OUTCOMES[shape.outcome]
    assert asked.spending.requests == (2 if shape.outcome == "useless" else 1)
    if asked.completion:
        assert asked.text == f"You said: [[shape:{name}]] please, quickly"
        assert asked.completion.cut == (shape.outcome == "cut")
