"""The OpenAI stand-in through the SDK that the worker uses."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import openai
import pytest
import requests

from local.http.server import serve
from local.standins.faults import Fault
from local.standins.openai import SHORTEST_PAUSE, OpenAIStandIn

KEY = "sk-development"
MODEL = "gpt-5.4-mini"


@pytest.fixture
def standin() -> OpenAIStandIn:
    return OpenAIStandIn(KEY)


@pytest.fixture
def base_url(standin: OpenAIStandIn) -> Iterator[str]:
    running = serve(standin)
    yield f"{running.url}/v1"
    running.close()


@pytest.fixture(scope="module")
def sdk() -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=KEY, max_retries=0, timeout=5) as sdk:
        yield sdk


@pytest.fixture
def client(sdk: openai.OpenAI, base_url: str) -> openai.OpenAI:
    return sdk.with_options(base_url=base_url)


def said(client: openai.OpenAI, *texts: str, **params: Any) -> str:
    messages: Any = [{"role": "user", "content": text} for text in texts]
    answer = client.chat.completions.create(model=MODEL, messages=messages, **params)
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize(
    ("texts", "answer"),
    [
        (["Hello"], "You said: Hello"),
        (["a", "b c", "d"], "You said: d\n\nEarlier you said: a; b c"),
        (["My name is Ada", "What is my name?"], "Your name is Ada."),
        (["My name is Ada. What's my name?"], "Your name is Ada."),
        (["My name is Ada", "my name is Zoë", "what is my name"], "Your name is Zoë."),
        (["What is my name?"], "You said: What is my name?"),
        (["[[length:3]]"], "word1 word2 word3"),
        (["[[length:3]]", "and?"], "You said: and?\n\nEarlier you said: [[length:3]]"),
    ],
)
def test_answers_show_that_history_arrived(
    client: openai.OpenAI, texts: list[str], answer: str
) -> None:
    assert said(client, *texts) == answer
    messages: Any = [{"role": "user", "content": text} for text in texts]
    with client.chat.completions.create(model=MODEL, messages=messages, stream=True) as stream:
        deltas = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert "".join(deltas) == answer
    assert len([delta for delta in deltas if delta]) == len(answer.split())


def test_only_the_users_words_are_answered(client: openai.OpenAI) -> None:
    messages: Any = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "You said: one"},
        {"role": "user", "content": [{"type": "text", "text": "two"}]},
    ]
    answer = client.chat.completions.create(model=MODEL, messages=messages)
    assert answer.choices[0].message.content == "You said: two\n\nEarlier you said: one"


def test_usage_and_the_record(standin: OpenAIStandIn, client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "one two three"}]
    answer = client.chat.completions.create(model=MODEL, messages=messages, temperature=0.5)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 5)
    assert answer.usage.total_tokens == 12
    (call,) = standin.accepted
    assert (call.method, call.result) == ("chat/completions", "You said: one two three")
    assert call.params == {"model": MODEL, "messages": messages, "temperature": 0.5}


@pytest.mark.parametrize("counted", [True, False])
def test_the_last_chunk_counts_where_asked(client: openai.OpenAI, counted: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if counted else {}
    messages: Any = [{"role": "user", "content": "Hello"}]
    with client.chat.completions.create(
        model=MODEL, messages=messages, stream=True, **options
    ) as stream:
        chunks = list(stream)
    assert (chunks[-1].choices == []) is counted
    assert bool(chunks[-1].usage) is counted
    assert all(chunk.usage is None for chunk in chunks[:-1])
    finishes = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert finishes == [None] * (len(finishes) - 1) + ["stop"]


@pytest.mark.parametrize(
    ("limit", "words", "finish"),
    [
        ({"max_completion_tokens": 4}, 4, "length"),
        ({"max_tokens": 4}, 4, "length"),
        ({"max_tokens": 9}, 9, "stop"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_answers_are_cut_at_the_limit(
    client: openai.OpenAI, limit: dict[str, int], words: int, finish: str, stream: bool
) -> None:
    messages: Any = [{"role": "user", "content": "[[length:9]]"}]
    create: Any = client.chat.completions.create
    answer = create(model=MODEL, messages=messages, stream=stream, **limit)
    choices = [chunk.choices[0] for chunk in answer] if stream else answer.choices
    text = "".join(((c.delta if stream else c.message).content or "") for c in choices)
    assert (len(text.split()), choices[-1].finish_reason) == (words, finish)


def test_filtered_and_refused_answers(client: openai.OpenAI) -> None:
    create: Any = client.chat.completions.create
    for text, finish, refused in (("[[filter]]", "content_filter", 0), ("[[refuse]]", "stop", 1)):
        request = {"model": MODEL, "messages": [{"role": "user", "content": text}]}
        choice = create(**request).choices[0]
        assert (choice.finish_reason, bool(choice.message.refusal)) == (finish, bool(refused))
        assert not choice.message.content
        choices = [chunk.choices[0] for chunk in create(**request, stream=True)]
        assert choices[-1].finish_reason == finish
        assert any(c.delta.refusal for c in choices) is bool(refused)
        assert not any(c.delta.content for c in choices)


def test_markdown_on_demand(client: openai.OpenAI) -> None:
    assert "```python" in said(client, "[[markdown]] please")


def test_chunks_arrive_as_they_are_made(standin: OpenAIStandIn, client: openai.OpenAI) -> None:
    standin.first_token_s, standin.token_s = 0.05, 0.1
    messages: Any = [{"role": "user", "content": "[[length:3]]"}]
    start = time.monotonic()
    times = []
    with client.chat.completions.create(model=MODEL, messages=messages, stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                times.append(time.monotonic() - start)
    assert times[0] >= 0.05
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.05
    assert len(times) == 3
    start = time.monotonic()
    said(client, "[[length:3]]")
    assert time.monotonic() - start >= 0.25


def test_words_that_come_at_once_are_sent_together(standin: OpenAIStandIn, base_url: str) -> None:
    standin.token_s = SHORTEST_PAUSE / 10
    message = {"role": "user", "content": "[[length:101]]"}
    start = time.monotonic()
    with requests.post(
        f"{base_url}/chat/completions",
        json={"model": MODEL, "messages": [message], "stream": True},
        headers={"Authorization": f"Bearer {KEY}"},
        stream=True,
        timeout=5,
    ) as response:
        chunks = [chunk.count(b"word") for chunk in response.iter_content(None)]
    assert time.monotonic() - start >= 10 * SHORTEST_PAUSE
    assert sum(chunks) == 101
    assert len(chunks) <= 12


USER = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"colour": "red"}, "unknown_parameter", "colour"),
        ({"messages": None}, "missing_required_parameter", "messages"),
        ({"messages": "Hi"}, "invalid_value", "messages"),
        ({"messages": [{**USER, "role": "poet"}]}, "invalid_value", "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "missing_required_parameter", "messages[0].content"),
        ({"messages": [{**USER, "mood": "x"}]}, "unknown_parameter", "messages[0].mood"),
        ({"model": 5}, "invalid_value", "model"),
        ({"temperature": "hot"}, "invalid_value", "temperature"),
        ({"temperature": 2.5}, "invalid_value", "temperature"),
        ({"max_tokens": 1.5}, "invalid_value", "max_tokens"),
        ({"stream": "yes"}, "invalid_value", "stream"),
        ({"stream_options": {"include_usage": True}}, "invalid_value", "stream_options"),
        ({"reasoning_effort": "heroic"}, "invalid_value", "reasoning_effort"),
    ],
)
def test_refuses(
    standin: OpenAIStandIn, base_url: str, changes: dict[str, Any], code: str, param: str
) -> None:
    request = {"model": MODEL, "messages": [USER], **changes}
    body = {name: value for name, value in request.items() if value is not None}
    response = requests.post(
        f"{base_url}/chat/completions",
        json=body,
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=5,
    )
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert error["type"] == "invalid_request_error"
    assert standin.accepted == []


def test_pictures_come_as_data_never_as_addresses(client: openai.OpenAI) -> None:
    def look_at(url: str) -> None:
        part = {"type": "image_url", "image_url": {"url": url}}
        messages: Any = [{"role": "user", "content": [part]}]
        client.chat.completions.create(model=MODEL, messages=messages)

    look_at("data:image/png;base64,AAAA")
    with pytest.raises(openai.BadRequestError):
        look_at("https://example.com/fox.png")


def test_errors_become_the_sdks_exceptions(standin: OpenAIStandIn, client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as wrong_key:
        said(client.with_options(api_key="sk-other"), "Hi")
    assert wrong_key.value.code == "invalid_api_key"
    standin.models = frozenset({"other-model"})
    with pytest.raises(openai.NotFoundError) as no_model:
        said(client, "Hi")
    assert no_model.value.code == "model_not_found"
    assert [model.id for model in client.models.list()] == ["other-model"]
    standin.models = None
    standin.context_tokens = 10
    with pytest.raises(openai.BadRequestError) as too_long:
        said(client, "one two three four five six seven")
    assert too_long.value.code == "context_length_exceeded"
    standin.faults.add(Fault("status", status=429, retry_after=3), Fault("status", status=503))
    with pytest.raises(openai.RateLimitError) as limited:
        said(client, "Hi")
    assert limited.value.response.headers["retry-after"] == "3"
    assert limited.value.code == "rate_limit_exceeded"
    with pytest.raises(openai.InternalServerError):
        said(client, "Hi")
    assert said(client, "Hi") == "You said: Hi"


def test_images(standin: OpenAIStandIn, client: openai.OpenAI) -> None:
    def draw(prompt: str) -> Any:
        (image,) = client.images.generate(model="gpt-image-2", prompt=prompt).data or []
        return image

    fox = base64.b64decode(draw("a red fox").b64_json)
    assert fox.startswith(b"\x89PNG")
    assert base64.b64decode(draw("a red fox").b64_json) == fox
    assert base64.b64decode(draw("a blue fox").b64_json) != fox
    standin.image_urls = True
    address = draw("a red fox").url
    assert requests.get(address, timeout=5).content == fox
    with pytest.raises(openai.BadRequestError) as refused:
        draw("[[filter]]")
    assert refused.value.code == "moderation_blocked"
    with pytest.raises(openai.BadRequestError):
        client.images.generate(model="gpt-image-2", prompt="x", response_format="b64_json")


def test_transcriptions(standin: OpenAIStandIn, client: openai.OpenAI) -> None:
    standin.transcript = "Good morning"
    transcribe: Any = client.audio.transcriptions.create
    assert transcribe(model="gpt-transcribe", file=("a.ogg", b"voice")).text == "Good morning"
    assert standin.accepted[0].params["file"].data == b"voice"
    for name, content in (("a.txt", b"voice"), ("a.ogg", b"")):
        with pytest.raises(openai.BadRequestError):
            transcribe(model="gpt-transcribe", file=(name, content))
