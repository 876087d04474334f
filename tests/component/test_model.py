"""The model's adapter against the stand-in, over real HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chatbot.errors import ContentFiltered, ContextTooLong, ModelRefused, ModelUnavailable
from chatbot.messages import Completion, PromptLine
from chatbot.model import ChatModel
from chatbot.settings import Settings
from local.server import serve
from local.standins.faults import Fault
from local.standins.openai import OpenAIStandIn

WORDS = "said in confidence"
PROMPT = [PromptLine("system", "Be kind."), PromptLine("user", WORDS)]
KEY = "test-key"


class Server:
    """The stand-in, how to reach it, and a clock that only pauses move."""

    def __init__(self, url: str, stand_in: OpenAIStandIn) -> None:
        self.stand_in = stand_in
        self.settings = Settings(
            openai_api_key=KEY, openai_base_url=f"{url}/v1", openai_model="first"
        )
        self.pauses: list[float] = []

    def model(self, **settings: Any) -> ChatModel:
        return ChatModel(
            replace(self.settings, **settings),
            sleep=self.pauses.append,
            clock=lambda: sum(self.pauses),
        )

    def fail(self, *faults: Fault) -> None:
        self.stand_in.faults.add(*faults)

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [call.params for call in self.stand_in.accepted]


@pytest.fixture
def server() -> Iterator[Server]:
    stand_in = OpenAIStandIn(KEY)
    running = serve(stand_in)
    yield Server(running.url, stand_in)
    stand_in.faults.clear()
    running.close()


def says(body: object) -> Fault:
    """The next answer, with status 200."""
    return Fault("malformed", body=body if isinstance(body, str) else json.dumps(body), work=False)


def message(text: str | None, finish: str = "stop", **more: object) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text, **more}, "finish_reason": finish}]}


# Answers


def test_an_answer_with_its_count(server: Server) -> None:
    answer = server.model().answer(PROMPT, 10)
    assert answer == Completion(f"You said: {WORDS}", "first", tokens_in=13, tokens_out=5)
    assert server.asked == [
        {
            "model": "first",
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": WORDS},
            ],
            "max_completion_tokens": 512,
        }
    ]


def test_what_is_set_is_sent(server: Server) -> None:
    model = server.model(
        temperature=0.0, top_p=0.5, max_tokens=99, max_tokens_parameter="max_tokens"
    )
    model.answer(PROMPT, 10)
    sent = {name: value for name, value in server.asked[0].items() if name != "messages"}
    assert sent == {"model": "first", "temperature": 0.0, "top_p": 0.5, "max_tokens": 99}


def test_a_cut_answer_says_so(server: Server) -> None:
    prompt = [PromptLine("user", "[[length:9]]")]
    answer = server.model(max_tokens=3).answer(prompt, 10)
    assert (answer.text, answer.cut) == ("word1 word2 word3", True)


def test_a_server_that_wants_no_key(server: Server) -> None:
    server.fail(says(message(" hello ")))
    answer = server.model(openai_api_key="").answer(PROMPT, 10)
    assert answer == Completion("hello", "first")


# Refusals

REFUSALS = [
    (401, "", ModelRefused, "authentication"),
    (403, "", ModelRefused, "authentication"),
    (404, "", ModelRefused, "unknown_model"),
    (429, "insufficient_quota", ModelRefused, "insufficient_quota"),
    (400, "unsupported_parameter", ModelRefused, "bad_request"),
    (413, "", ModelRefused, "bad_request"),
    (422, "", ModelRefused, "bad_request"),
    (400, "content_filter", ContentFiltered, "content_filter"),
    (400, "content_policy_violation", ContentFiltered, "content_filter"),
    (400, "context_length_exceeded", ContextTooLong, "context_length"),
]


@pytest.mark.parametrize(("status", "code", "kind", "reason"), REFUSALS)
def test_a_refusal_is_not_repeated(
    server: Server, status: int, code: str, kind: type[ModelRefused], reason: str
) -> None:
    server.fail(Fault("status", status=status, code=code))
    with pytest.raises(ModelRefused) as refused:
        server.model().answer(PROMPT, 10)
    assert (type(refused.value), refused.value.reason) == (kind, reason)
    assert (server.pauses, server.asked) == ([], [])


@pytest.mark.parametrize("prompt", ["[[filter]]", "[[refuse]]"])
def test_a_filtered_answer(server: Server, prompt: str) -> None:
    with pytest.raises(ContentFiltered):
        server.model().answer([PromptLine("user", prompt)], 10)


def test_a_prompt_beyond_the_context(server: Server) -> None:
    server.stand_in.context_tokens = 3
    with pytest.raises(ContextTooLong):
        server.model().answer(PROMPT, 10)


def test_a_prompt_beyond_the_context_of_a_server_without_codes(server: Server) -> None:
    error = {"message": "This model's maximum context length is 3 tokens", "code": 400}
    server.fail(Fault("status", status=400, body=json.dumps({"error": error})))
    with pytest.raises(ContextTooLong):
        server.model().answer(PROMPT, 10)


def test_a_limit_spent_on_thinking_alone(server: Server) -> None:
    server.fail(says(message("", "length")))
    with pytest.raises(ModelRefused, match="token_limit"):
        server.model().answer(PROMPT, 10)


# Troubles that pass

PASSING = [
    Fault("status", status=408),
    Fault("status", status=409),
    Fault("status", status=429),
    Fault("status", status=500),
    Fault("status", status=503, body="<html>busy</html>"),
    Fault("hang_up_before"),
    Fault("hang_up_after"),
    Fault("reset"),
    Fault("cut"),
    says("{"),
    says("null"),
    says("[]"),
    says("{}"),
    says('"text"'),
    says({"choices": []}),
    says({"choices": None}),
    says({"choices": [{}]}),
    says({"choices": [{"message": None}]}),
    says({"choices": [{"message": {"content": ["a part"]}}]}),
    says(message("")),
    says(message(None, "tool_calls")),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind} {fault.body}")
def test_a_trouble_that_passes_is_waited_out(server: Server, fault: Fault) -> None:
    server.fail(fault)
    assert server.model().answer(PROMPT, 10).text == f"You said: {WORDS}"
    assert server.pauses == [0.5]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind} {fault.body}")
def test_without_time_to_wait_the_model_is_unavailable(server: Server, fault: Fault) -> None:
    server.fail(fault)
    with pytest.raises(ModelUnavailable):
        server.model().answer(PROMPT, 1.4)
    assert server.pauses == []


def test_pauses_grow_and_the_time_is_kept(server: Server) -> None:
    server.fail(Fault("status", status=500, times=0))
    with pytest.raises(ModelUnavailable) as unavailable:
        server.model().answer(PROMPT, 10)
    assert server.pauses == [0.5, 1, 2, 4]
    assert unavailable.value.retry_after is None


def test_the_server_names_the_pause(server: Server) -> None:
    server.fail(Fault("status", status=429, retry_after=3))
    assert server.model().answer(PROMPT, 10).text
    assert server.pauses == [3]


def test_a_pause_beyond_the_time_is_handed_on(server: Server) -> None:
    server.fail(Fault("status", status=429, retry_after=30))
    with pytest.raises(ModelUnavailable) as unavailable:
        server.model().answer(PROMPT, 10)
    assert unavailable.value.retry_after == 30
    assert server.pauses == []


def test_nothing_is_asked_without_time(server: Server) -> None:
    with pytest.raises(ModelUnavailable):
        server.model().answer(PROMPT, 0.9)
    assert server.asked == []


def test_a_server_that_is_not_there(server: Server) -> None:
    with pytest.raises(ModelUnavailable, match="connection"):
        server.model(openai_base_url="http://127.0.0.1:1/v1").answer(PROMPT, 1.4)


@pytest.mark.parametrize(("fallbacks", "asked"), [((), 1), (("second",), 2)])
def test_a_server_that_never_answers(
    server: Server, fallbacks: tuple[str, ...], asked: int
) -> None:
    server.fail(Fault("no_answer", times=0, work=False))
    model = ChatModel(replace(server.settings, openai_fallback_models=fallbacks))
    began = time.monotonic()
    with pytest.raises(ModelUnavailable, match="timeout"):
        model.answer(PROMPT, 2.1)
    assert time.monotonic() - began < 3
    assert len(server.stand_in.faults.fired) == asked


# Fallback models


@pytest.mark.parametrize(
    "fault", [Fault("status", status=503), Fault("status", status=404), Fault("reset")]
)
def test_the_next_model_is_asked_at_once(server: Server, fault: Fault) -> None:
    server.fail(fault)
    answer = server.model(openai_fallback_models=("second", "third")).answer(PROMPT, 10)
    assert (answer.model, server.pauses) == ("second", [])


def test_after_all_models_the_first_is_asked_again(server: Server) -> None:
    server.fail(Fault("status", status=503, times=2))
    answer = server.model(openai_fallback_models=("second",)).answer(PROMPT, 10)
    assert (answer.model, server.pauses) == ("first", [0.5])


def test_a_model_that_is_not_there_is_asked_once(server: Server) -> None:
    server.stand_in.models = frozenset({"second"})
    server.fail(Fault("status", status=503, contains="second"))
    answer = server.model(openai_fallback_models=("second",)).answer(PROMPT, 10)
    assert (answer.model, server.pauses) == ("second", [0.5])


def test_no_model_is_there(server: Server) -> None:
    server.stand_in.models = frozenset()
    with pytest.raises(ModelRefused, match="unknown_model"):
        server.model(openai_fallback_models=("second",)).answer(PROMPT, 10)
    assert server.pauses == []


def test_a_refusal_stops_the_list(server: Server) -> None:
    server.fail(Fault("status", status=401))
    with pytest.raises(ModelRefused, match="authentication"):
        server.model(openai_fallback_models=("second",)).answer(PROMPT, 10)
    assert server.asked == []


# Nothing leaks

ECHO = json.dumps({"error": {"message": WORDS, "code": WORDS, "type": WORDS, "param": WORDS}})
LEAKS = [Fault("status", status=status, body=ECHO, times=0) for status in (400, 401, 404, 429, 500)]
LEAKS += [replace(says(f'{{"{WORDS}'), times=0), Fault("reset", times=0)]


@pytest.mark.parametrize("fault", LEAKS, ids=lambda fault: f"{fault.kind} {fault.status}")
def test_no_error_repeats_the_prompt_or_the_key(server: Server, fault: Fault) -> None:
    server.fail(fault)
    with pytest.raises((ModelUnavailable, ModelRefused)) as raised:
        server.model().answer(PROMPT, 1.4)
    shown = "".join(traceback.format_exception(raised.value))
    assert WORDS not in shown
    assert KEY not in shown
    assert "During handling" not in shown


def test_the_adapter_makes_the_import_no_dearer() -> None:
    code = (
        "import sys, openai; before = set(sys.modules); import chatbot.model;"
        "print(*[m for m in sys.modules if m not in before and not m.startswith('chatbot')])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert output.split() == []
