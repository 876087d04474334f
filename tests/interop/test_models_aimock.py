"""The adapter against aimock: answers in each of its forms, its errors, broken and slow streams."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from chatbot.adapters.openai.media import OpenAIModel
from chatbot.core.completion import Spending
from chatbot.core.errors import (
    ChatbotError,
    ContentFiltered,
    ContextTooLong,
    ModelRefused,
    ModelUnavailable,
    UselessAnswer,
)
from chatbot.core.files import File
from chatbot.core.settings import Settings
from local.standins.openai import PICTURE
from tests.interop.aimock_server import KEY, AiMock, aimock
from tests.interop.asking import Asked, ask

TEXT = "A good 👍 answer, a < b and\nthe rest: \\d+ “ok” 한국어 ✅"
THOUGHT = "She is in a hurry; keep it short."
TOOL = {"name": "look_up", "arguments": {"word": "hello"}}
AZURE = "/openai/deployments/gpt"


@dataclass(frozen=True)
class Form:
    """A form of an answer. `more` are options of the fixture, such as its speed."""

    name: str
    response: dict[str, Any]
    text: str = TEXT
    cut: bool = False
    more: dict[str, Any] = field(default_factory=dict)


FORMS = (
    Form("plain", {"content": TEXT}),
    Form("a character a piece", {"content": TEXT}, more={"chunkSize": 1}),
    Form("one piece", {"content": TEXT}, more={"chunkSize": 1000}),
    Form("thinking", {"content": TEXT, "reasoning": THOUGHT}),
    Form("thinking in the text", {"content": f"<think>{THOUGHT}</think>\n\n{TEXT}"}),
    Form("a tool asked for after the text", {"content": TEXT, "toolCalls": [TOOL]}),
    Form(
        "a tool asked for before the text",
        {"blocks": [{"type": "toolCall", **TOOL}, {"type": "text", "text": TEXT}]},
    ),
    Form("cut", {"content": TEXT, "finishReason": "length"}, cut=True),
    Form("another word for the end", {"content": TEXT, "finishReason": "eos_token"}),
    Form("an odd role", {"content": TEXT, "role": "model"}),
    Form("odd counts", {"content": TEXT, "usage": {"completion_tokens": 1e300}}),
    Form("an object", {"content": {"a": [1, "👍"]}}, text='{"a":[1,"👍"]}'),
    Form("late", {"content": TEXT}, more={"latency": 40}),
    Form(
        "at a model's speed",
        {"content": TEXT},
        more={"streamingProfile": {"ttft": 200, "tps": 40, "jitter": 0.5}, "chunkSize": 5},
    ),
)


@dataclass(frozen=True)
class Trouble:
    """A response that is no answer: which error it is, and how many requests that takes."""

    name: str
    response: dict[str, Any]
    error: type[ChatbotError]
    reason: str
    requests: int
    paid: int
    more: dict[str, Any] = field(default_factory=dict)


def _status(status: int, error: type[ChatbotError], reason: str, requests: int = 1) -> Trouble:
    response = {"status": status, "error": {"message": "no", "type": "some_error"}}
    return Trouble(f"status {status}", response, error, reason, requests, 0)


def _said(status: int, words: str, error: type[ChatbotError], reason: str) -> Trouble:
    response = {"status": status, "error": {"message": words, "type": "some_error"}}
    return Trouble(f"{status} {words}", response, error, reason, 1, 0)


TROUBLES = (
    Trouble("only a tool", {"toolCalls": [TOOL]}, UselessAnswer, "tool_calls", 2, 2),
    Trouble("two tools", {"toolCalls": [TOOL, TOOL]}, UselessAnswer, "tool_calls", 2, 2),
    Trouble("nothing", {"content": ""}, UselessAnswer, "empty", 2, 2),
    Trouble("blank", {"content": " \n\u200b"}, UselessAnswer, "empty", 2, 2),
    Trouble("only thinking", {"content": "", "reasoning": THOUGHT}, UselessAnswer, "empty", 2, 2),
    Trouble(
        "thinking that was cut",
        {"content": f"<think>{THOUGHT}", "finishReason": "length"},
        UselessAnswer,
        "token_limit",
        2,
        2,
    ),
    Trouble(
        "filtered",
        {"content": "I", "finishReason": "content_filter"},
        ContentFiltered,
        "content_filter",
        1,
        1,
    ),
    Trouble("another kind of answer", {"embedding": [0.5]}, ModelUnavailable, "status 500", 4, 0),
    *(_status(n, ModelRefused, "bad_request") for n in (400, 405, 418, 422, 501)),
    *(_status(n, ModelRefused, "authentication") for n in (401, 403)),
    *(_status(n, ModelRefused, "unknown_model") for n in (404, 410)),
    _status(402, ModelRefused, "insufficient_quota"),
    _status(413, ContextTooLong, "context_length"),
    *(
        _status(n, ModelUnavailable, f"status {n}", 4)
        for n in (408, 409, 425, 429, 500, 502, 503, 504, 520, 529)
    ),
    _said(403, "Your input was flagged", ContentFiltered, "content_filter"),
    _said(500, "the request exceeds the available context size", ContextTooLong, "context_length"),
    _said(400, "Incorrect API key provided", ModelRefused, "authentication"),
    _said(400, "the model m has been decommissioned", ModelRefused, "unknown_model"),
    _said(429, "insufficient_quota", ModelRefused, "insufficient_quota"),
)
# Only where the answer is streamed can it break off in the middle.
BROKEN = (
    Trouble(
        "cut off after pieces",
        {"content": TEXT},
        ModelUnavailable,
        "connection",
        2,
        2,
        {"truncateAfterChunks": 4, "latency": 20, "chunkSize": 2},
    ),
    Trouble(
        "cut off after a time",
        {"content": TEXT},
        ModelUnavailable,
        "connection",
        2,
        2,
        {"disconnectAfterMs": 100, "latency": 30, "chunkSize": 2},
    ),
)
OTHERS = (
    {"match": {"userMessage": "[slower than allowed]"}, "response": {"content": TEXT}}
    | {"latency": 400, "chunkSize": 2},
    {
        "match": {"userMessage": "[asks to wait]"},
        "response": {"status": 429, "retryAfter": 9, "error": {"message": "slow down"}},
    },
    {
        "match": {"userMessage": "[OpenRouter]"},
        "response": {"content": TEXT},
        "openRouterProcessing": True,
        "chunkSize": 3,
    },
    {
        "match": {"userMessage": "[OpenRouter flagged]"},
        "response": {
            "status": 403,
            "error": {
                "message": "The model cannot answer this",
                "metadata": {"reasons": ["requires moderation on x"], "flagged_input": "bad"},
            },
        },
    },
    {
        "match": {"userMessage": "a red ball", "endpoint": "image"},
        "response": {"image": {"b64Json": PICTURE}},
    },
    {
        "match": {"endpoint": "transcription"},
        "response": {"transcription": {"text": "This was said."}},
    },
)


def _fixture(each: Form | Trouble) -> dict[str, Any]:
    return {"match": {"userMessage": f"[{each.name}]"}, "response": each.response, **each.more}


NAMED: tuple[Form | Trouble, ...] = (*FORMS, *TROUBLES, *BROKEN)
FIXTURES = [*map(_fixture, NAMED), *OTHERS]
streaming = pytest.mark.parametrize("streaming", ["on", "off"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AiMock]:
    with aimock(tmp_path_factory.mktemp("aimock"), FIXTURES) as running:
        yield running


@pytest.fixture
def test_id() -> str:
    return uuid.uuid4().hex


def _ask(server: AiMock, test_id: str, name: str, path: str = "/v1", **settings: Any) -> Asked:
    query = "api-version=2024-10-21" if path == AZURE else ""
    url = server.base_url(test_id, path, query)
    asked = ask(url, f"[{name}]", openai_api_key=KEY, **{"openai_model": "gpt", **settings})
    journal = server.journal(test_id)
    assert len(journal) == asked.spending.requests, "aimock counts the requests too"
    answered = [entry for entry in journal if entry["response"]["status"] == 200]
    assert len(answered) == asked.spending.paid
    return asked


@streaming
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_an_answer_is_read_to_the_letter(
    server: AiMock, test_id: str, form: Form, streaming: str
) -> None:
    asked = _ask(server, test_id, form.name, streaming=streaming)
    assert asked.text == form.text
    assert asked.spending.requests == 1
    assert asked.completion
    assert asked.completion.cut == form.cut
    assert asked.completion.thinking == (THOUGHT if "thinking" in form.name else "")
    assert not any(THOUGHT[:9] in shown for shown in asked.shown)
    assert all(form.text.startswith(shown.strip()) for shown in asked.shown)
    if streaming == "on" and "chunkSize" in form.more and form.name != "one piece":
        assert len(asked.shown) > 5, "the answer is shown while it grows"


@streaming
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_each_trouble_is_its_kind_of_error(
    server: AiMock, test_id: str, trouble: Trouble, streaming: str
) -> None:
    asked = _ask(server, test_id, trouble.name, streaming=streaming)
    assert asked.outcome == (trouble.error.__name__, trouble.reason)
    assert (asked.spending.requests, asked.spending.paid) == (trouble.requests, trouble.paid)


@pytest.mark.parametrize("trouble", BROKEN, ids=lambda trouble: trouble.name)
def test_a_stream_that_breaks_off_is_no_answer(
    server: AiMock, test_id: str, trouble: Trouble
) -> None:
    asked = _ask(server, test_id, trouble.name)
    assert asked.outcome == (trouble.error.__name__, trouble.reason)
    assert (asked.spending.requests, asked.spending.paid) == (trouble.requests, trouble.paid)


def test_the_next_model_answers_where_the_first_is_not_to_be_had(
    server: AiMock, test_id: str
) -> None:
    """aimock knows no answer for the first model: it says 404, in words of its own."""
    for name in ("first", "plain"):
        assert _fixture(FORMS[0])["match"]["userMessage"] == "[plain]"
        asked = _ask(server, f"{test_id}{name}", name, openai_fallback_models=("gpt", "other"))
        if name == "plain":
            assert asked.text == TEXT
        else:
            assert asked.outcome == ("ModelRefused", "unknown_model")
            assert asked.spending.requests == 2


def test_an_answer_that_takes_too_long_ends_in_time(server: AiMock) -> None:
    began = time.monotonic()
    asked = ask(server.base_url(), "[slower than allowed]", 3, openai_api_key=KEY)
    assert asked.outcome == ("ModelUnavailable", "timeout")
    assert time.monotonic() - began < 3 + 2
    assert asked.spending.requests <= 2


def test_the_server_is_given_the_time_it_asks_for(server: AiMock, test_id: str) -> None:
    asked = _ask(server, test_id, "asks to wait")
    assert isinstance(asked.error, ModelUnavailable)
    assert asked.error.retry_after == pytest.approx(9, abs=1)
    assert asked.spending.requests < 4


@streaming
@pytest.mark.parametrize("path", [AZURE, "/api/v1"])
def test_azures_and_openrouters_paths(
    server: AiMock, test_id: str, path: str, streaming: str
) -> None:
    name = "OpenRouter" if path == "/api/v1" else "thinking"
    asked = _ask(server, test_id, name, path, streaming=streaming)
    assert asked.text == TEXT
    [entry] = server.journal(test_id)
    assert entry["path"].startswith(f"{path}/chat/completions?")


def test_openrouters_moderation_is_the_filter(server: AiMock, test_id: str) -> None:
    asked = _ask(server, test_id, "OpenRouter flagged", "/api/v1")
    assert asked.outcome == ("ContentFiltered", "content_filter")


def test_a_wrong_key_is_a_refused_key(server: AiMock) -> None:
    asked = ask(server.base_url(), "[plain]", openai_api_key="another-key")
    assert asked.outcome == ("ModelRefused", "authentication")
    assert asked.spending.requests == 1


def test_a_picture_is_drawn_and_a_recording_is_heard(server: AiMock, test_id: str) -> None:
    settings = Settings(
        openai_base_url=server.base_url(test_id),
        openai_api_key=KEY,
        image_model="gpt-image-1",
        transcribe_model="gpt-transcribe",
    )
    model = OpenAIModel(settings, sleep=lambda seconds: None)
    drawn = model.draw("a red ball", 20, Spending())
    assert (drawn.type, drawn.content) == ("image/png", base64.b64decode(PICTURE))
    assert model.transcribe(File(b"OggS sound", "audio/ogg"), 20, Spending()) == "This was said."
