"""What follows from a model server's failures (adapters/openai/chat.py)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from chatbot.adapters.openai import connection
from chatbot.adapters.openai.failures import Kind
from chatbot.core.completion import PromptLine, Spending
from chatbot.core.errors import (
    ChatbotError,
    ContentFiltered,
    ContextTooLong,
    InputUnsupported,
    ModelRefused,
    ModelUnavailable,
    SpendingExhausted,
    UselessAnswer,
)
from chatbot.core.files import File
from local.standins.refusals import REFUSALS, Refusal
from local.standins.shape import BREAKS, SHAPES, End, Said, words_of
from local.standins.shapes import body_of
from tests.fakes.journal import FakeJournal
from tests.model_server import PROMPT, Fixture, replies

TEXT = "You said: Hello"
PICTURE = File(bytes(3), "image/png")
Reply = tuple[int, Iterable[bytes | End]]


def shape(name: str) -> Reply:
    return 200, list(SHAPES[name].send(Said(words_of(TEXT))))


def error(refusal: str | Refusal) -> Reply:
    found = REFUSALS[refusal] if isinstance(refusal, str) else refusal
    return found.status, [found.text.encode()]


GOOD, BUSY = shape("usual"), (503, [b""])
NO_MODEL, NO_MONEY = error("OpenAI: model"), error("DeepSeek: balance")


def models_of(bench: Fixture) -> list[str]:
    return [body["model"] for body in bench.server.asked]


# Away


def test_an_outage_is_four_requests_for_each_model() -> None:
    bench = Fixture(replies(BUSY), openai_fallback_models=("second",))
    with pytest.raises(ModelUnavailable, match="status 503"):
        bench.ask()
    assert models_of(bench) == ["first", "second"] * 4
    assert bench.pauses == [0.5, 1, 2]
    assert (bench.spending.requests, bench.spending.paid) == (8, 0)


def test_an_answer_that_breaks_off_is_paid_for_at_most_twice() -> None:
    bench = Fixture(replies(shape("breaks_before_finish")), openai_fallback_models=("second",))
    with pytest.raises(ModelUnavailable):
        bench.ask()
    assert models_of(bench) == ["first", "second"]  # the last one is left to a later delivery
    assert bench.pauses == []
    with pytest.raises(SpendingExhausted):
        bench.ask()
    assert models_of(bench) == ["first", "second", "first"]
    models = ("second", "third")
    by_model = {"first": shape("breaks_before_finish"), "second": shape("breaks_before_finish")}
    bench = Fixture(lambda body: by_model.get(body["model"], GOOD), openai_fallback_models=models)
    assert bench.ask().text == TEXT
    bench = Fixture(replies(shape("breaks_before_finish")))
    with pytest.raises(ModelUnavailable, match="connection"):
        bench.ask()
    assert bench.spending.paid == 2


@pytest.mark.parametrize("streams", [False, True])
def test_a_context_that_others_have_filled_is_waited_for(streams: bool) -> None:
    """llama.cpp then breaks off all that it is writing; a shorter prompt would fare no better."""
    full = REFUSALS["llama.cpp: shared context is full"]
    begun = b'data: {"choices": [{"delta": {"content": "You"}}]}\n\n'
    broken = (200, [begun, b"data: " + full.text.encode() + b"\n\n"])
    bench = Fixture(replies(broken if streams else error(full), GOOD))
    assert bench.ask().text == TEXT
    assert bench.pauses == [0.5]
    assert bench.server.asked[0] == bench.server.asked[1]


def test_a_model_that_asked_for_a_pause_is_left_alone_meanwhile() -> None:
    asked: list[str] = []

    def reply(body: dict[str, Any]) -> Reply:
        asked.append(body["model"])
        return BUSY

    bench = Fixture(reply, openai_fallback_models=("second",))
    send = bench.server.handle_request

    def with_header(request: Any) -> Any:
        response = send(request)
        if asked[-1] == "first":
            response.headers["retry-after"] = "3"
        return response

    bench.server.handle_request = with_header  # type: ignore[method-assign]
    with pytest.raises(ModelUnavailable):
        bench.ask()
    assert asked == ["first", "second", "second", "second", "first", "second", "first", "first"]


def test_the_first_of_the_models_that_are_away_decides_how_long_to_wait() -> None:
    bench = Fixture(replies(BUSY), openai_fallback_models=("second",))
    send = bench.server.handle_request

    def with_header(request: Any) -> Any:
        response = send(request)
        if bench.server.asked[-1]["model"] == "first":
            response.headers["retry-after"] = "300"
        return response

    bench.server.handle_request = with_header  # type: ignore[method-assign]
    with pytest.raises(ModelUnavailable) as away:
        bench.ask()
    assert models_of(bench) == ["first", *["second"] * 4]
    assert away.value.retry_after is None
    bench = Fixture(replies(NO_MODEL, BUSY), openai_fallback_models=("second",))
    send = bench.server.handle_request

    def all_with_header(request: Any) -> Any:
        response = send(request)
        response.headers["retry-after"] = "300"
        return response

    bench.server.handle_request = all_with_header  # type: ignore[method-assign]
    with pytest.raises(ModelUnavailable) as away:
        bench.ask()
    assert away.value.retry_after == 300


def test_the_requests_left_are_kept() -> None:
    bench = Fixture(replies(BUSY))
    bench.spending = Spending(requests_left=2)
    with pytest.raises(ModelUnavailable, match="request limit"):
        bench.ask()
    assert len(bench.server.asked) == 2


# Useless


@pytest.mark.parametrize("name", [s.name for s in SHAPES.values() if s.outcome == "useless"])
def test_a_useless_answer_is_asked_for_once_more_then_the_next_model(name: str) -> None:
    bench = Fixture(replies(shape(name), shape(name), GOOD), openai_fallback_models=("second",))
    assert bench.ask().text == TEXT
    assert models_of(bench) == ["first", "first", "second"]
    assert bench.pauses == []


def test_a_useless_answer_may_be_good_the_second_time() -> None:
    bench = Fixture(replies(shape("empty"), GOOD))
    assert bench.ask().text == TEXT
    assert (bench.spending.requests, bench.spending.paid) == (2, 2)


def test_useless_answers_end_in_a_sentence() -> None:
    bench = Fixture(replies(shape("empty")))
    with pytest.raises(UselessAnswer, match="empty"):
        bench.ask()
    assert len(bench.server.asked) == 2
    bench = Fixture(replies(shape("tool_call")), openai_fallback_models=("second",))
    with pytest.raises(UselessAnswer, match="tool_calls"):
        bench.ask()
    assert models_of(bench) == ["first", "first", "second"]  # then nothing is left to pay with
    bench = Fixture(
        lambda body: shape("empty") if body["model"] == "first" else BUSY,
        openai_fallback_models=("second",),
    )
    with pytest.raises(UselessAnswer):
        bench.ask()
    assert models_of(bench) == ["first", "first", *["second"] * 4]


def test_what_was_paid_before_counts() -> None:
    bench = Fixture(replies(GOOD))
    bench.spending = Spending(paid_left=0)
    with pytest.raises(SpendingExhausted):
        bench.ask()
    assert bench.server.asked == []


def test_a_stop_between_two_useless_answers() -> None:
    bench = Fixture(replies(shape("whole_empty")))
    shows = iter([True, True, False])
    answer = bench.ask(show=lambda text: next(shows))
    assert (answer.stopped, answer.text, len(bench.server.asked)) == (True, "", 1)


# Not to be had


@pytest.mark.parametrize(
    "name", [r.name for r in REFUSALS.values() if r.kind == Kind.NOT_AVAILABLE.value]
)
def test_the_next_model_is_asked_at_once(name: str) -> None:
    bench = Fixture(replies(error(name), GOOD), openai_fallback_models=("second",))
    answer = bench.ask()
    assert (answer.text, models_of(bench), bench.pauses) == (TEXT, ["first", "second"], [])


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([NO_MODEL], "unknown_model"),
        ([NO_MONEY], "insufficient_quota"),
        ([NO_MONEY, NO_MODEL], "insufficient_quota"),
    ],
)
def test_no_model_is_to_be_had(answers: list[Reply], reason: str) -> None:
    bench = Fixture(replies(*answers), openai_fallback_models=("second",))
    with pytest.raises(ModelRefused) as refused:
        bench.ask()
    assert (refused.value.reason, len(bench.server.asked)) == (reason, 2)
    assert bench.pauses == []


def test_a_model_that_is_not_to_be_had_is_asked_once() -> None:
    bench = Fixture(
        lambda body: NO_MODEL if body["model"] == "first" else BUSY,
        openai_fallback_models=("second", "first"),
    )
    with pytest.raises(ModelUnavailable):
        bench.ask()
    assert models_of(bench) == ["first", *["second"] * 4]


# Refused for good


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (Kind.TOO_LONG, ContextTooLong),
        (Kind.FILTERED, ContentFiltered),
        (Kind.KEY_REFUSED, ModelRefused),
        (Kind.BAD_REQUEST, ModelRefused),
    ],
)
def test_what_is_refused_for_good_is_asked_once(kind: Kind, raised: type[ChatbotError]) -> None:
    for refusal in REFUSALS.values():
        if refusal.kind != kind.value:
            continue
        bench = Fixture(replies(error(refusal)), openai_fallback_models=("second",))
        with pytest.raises(raised) as caught:
            bench.ask()
        assert type(caught.value) is raised, refusal.name
        assert caught.value.reason == refusal.detail
        assert len(bench.server.asked) == 1
        assert bench.spending.paid == 0


def test_a_flagged_message_never_looks_like_a_refused_key() -> None:
    for refusal in REFUSALS.values():
        if refusal.kind == "filtered":
            with pytest.raises(ContentFiltered):
                Fixture(replies(error(refusal))).ask()


def test_an_error_within_an_answer_has_its_own_kind() -> None:
    too_long = {"error": "Trying to keep the first 9 tokens when context the overflows."}
    body = f"event: error\ndata: {json.dumps(too_long)}\n\n".encode()
    bench = Fixture(replies((200, [body])))
    with pytest.raises(ContextTooLong):
        bench.ask()
    assert bench.spending.paid == 1


# Parameters


OPTIONAL: dict[str, Any] = {"temperature": 0.5, "top_p": 0.5}


@pytest.mark.parametrize("streaming", ["on", "off"])
@pytest.mark.parametrize("name", [r.name for r in REFUSALS.values() if r.kind == "parameter"])
def test_a_refused_parameter_is_left_out_and_remembered(name: str, streaming: str) -> None:
    refusal, journal = REFUSALS[name], FakeJournal()
    bench = Fixture(replies(error(refusal), GOOD), journal, streaming=streaming, **OPTIONAL)
    sent = bench_sends(bench, refusal.detail)
    if not sent:
        # What was not sent cannot be left out: this is about something else.
        with pytest.raises(ModelRefused, match="bad_request"):
            bench.ask()
        assert (len(bench.server.asked), journal.warnings) == (1, [])
        return
    assert bench.ask().text == TEXT
    assert bench.ask().text == TEXT
    first, second, third = bench.server.asked
    assert second == third != first
    assert bench.pauses == []
    [(event, facts)] = journal.warnings
    assert (event, facts["model"]) == ("parameter_refused", "first")
    assert facts["setting"]
    changed = {key for key in first.keys() | second.keys() if first.get(key) != second.get(key)}
    match refusal.detail:
        case "system":
            assert changed == {"messages"}
            assert second["messages"] == [{"role": "user", "content": "Be kind.\n\nHello"}]
        case "stream":
            assert changed == {"stream", "stream_options"}
        case "max_tokens" if "MAX_TOKENS=" in str(facts["setting"]):
            assert changed == {"max_completion_tokens"}
            assert 0 < second["max_completion_tokens"] < first["max_completion_tokens"]
        case "max_tokens" | "max_completion_tokens":
            assert changed == {"max_tokens", "max_completion_tokens"}
            assert second["max_tokens"] == first["max_completion_tokens"]
        case parameter:
            assert changed == {parameter}
            assert parameter not in second


def bench_sends(bench: Fixture, name: str) -> bool:
    if name in ("stream", "stream_options"):
        return bench.settings.streaming == "on"
    return name in ("system", "max_tokens", "max_completion_tokens", *OPTIONAL)


@pytest.mark.parametrize(
    ("message", "most"),
    [
        (
            "This model's maximum context length is 2048 tokens. However, you requested 2110 tokens"
            " (110 in the messages, 2000 in the completion).",
            1024,
        ),
        (
            "max_tokens is too large: 2000. This model supports at most 1024 completion tokens,"
            " whereas you provided 2000.",
            1024,
        ),
    ],
)
@pytest.mark.parametrize("parameter", ["max_tokens", "max_completion_tokens"])
def test_a_limit_that_is_too_large_is_lowered(message: str, most: int, parameter: str) -> None:
    """To what the server takes, with one warning that names MAX_TOKENS."""
    refusal = (400, [json.dumps({"error": {"message": message, "param": "max_tokens"}}).encode()])
    journal = FakeJournal()
    bench = Fixture(
        lambda body: refusal if body.get(parameter, 0) > most else GOOD,
        journal,
        max_tokens_parameter=parameter,
    )
    assert bench.ask().text == TEXT
    assert bench.ask().text == TEXT
    assert [body[parameter] for body in bench.server.asked] == [2000, most, most]
    [(event, facts)] = journal.warnings
    assert (event, facts["setting"]) == ("parameter_refused", f"MAX_TOKENS={most}")


def test_a_limit_that_nobody_names_is_left_out() -> None:
    refusal = (400, [b'{"error": {"message": "max_tokens is too large: 2000"}}'])
    bench = Fixture(lambda body: refusal if body.keys() & {"max_completion_tokens"} else GOOD)
    assert bench.ask().text == TEXT


def test_both_names_of_the_limit_are_refused() -> None:
    bench = Fixture(
        replies(error("Mistral: max_completion_tokens"), error("OpenAI: max_tokens"), GOOD)
    )
    assert bench.ask().text == TEXT
    assert not {"max_tokens", "max_completion_tokens"} & bench.server.asked[-1].keys()


def test_several_parameters_are_refused_one_after_another() -> None:
    names = ["Azure: stream_options", "OpenAI: temperature", "OpenAI: top_p", "OpenAI: o1-mini"]
    journal = FakeJournal()
    bench = Fixture(replies(*map(error, names), GOOD), journal, **OPTIONAL)
    assert bench.ask().text == TEXT
    assert len(bench.server.asked) == 5
    assert [facts["parameter"] for _, facts in journal.warnings] == [
        "stream_options",
        "temperature",
        "top_p",
        "system",
    ]


def test_a_server_that_refuses_the_same_again_is_not_asked_for_ever() -> None:
    bench = Fixture(replies(error("OpenAI: temperature")), **OPTIONAL)
    with pytest.raises(ModelRefused, match="bad_request"):
        bench.ask()
    assert len(bench.server.asked) == 2


def test_what_one_model_refuses_another_gets() -> None:
    bench = Fixture(
        replies(error("OpenAI: temperature"), BUSY, GOOD),
        openai_fallback_models=("second",),
        **OPTIONAL,
    )
    assert bench.ask().model == "local-model"
    assert ["temperature" in body for body in bench.server.asked] == [True, False, True]


def test_a_setting_says_for_good_what_is_omitted() -> None:
    journal = FakeJournal()
    bench = Fixture(
        replies(GOOD),
        journal,
        omitted_parameters=("stream_options", "system", "max_completion_tokens"),
    )
    assert bench.ask().text == TEXT
    [body] = bench.server.asked
    assert body == {
        "model": "first",
        "messages": [{"role": "user", "content": "Be kind.\n\nHello"}],
        "max_tokens": bench.settings.max_tokens,
        "stream": True,
    }
    assert journal.warnings == []


def test_a_prompt_without_a_line_of_the_user() -> None:
    bench = Fixture(replies(GOOD), omitted_parameters=("system",))
    bench.ask([PromptLine("system", "Be kind."), PromptLine("assistant", "Hello")])
    assert bench.server.asked[0]["messages"] == [
        {"role": "user", "content": "Be kind."},
        {"role": "assistant", "content": "Hello"},
    ]


# Kinds of input


SEEN = (PromptLine("user", "What is this?", (PICTURE,)),)


@pytest.mark.parametrize(
    "name", [r.name for r in REFUSALS.values() if (r.kind, r.detail) == ("input", "image")]
)
def test_a_refused_picture_costs_no_answer(name: str) -> None:
    journal = FakeJournal()
    bench = Fixture(replies(error(name), GOOD), journal)
    for requests in (2, 3):
        answer = bench.ask(SEEN)
        assert (answer.text, answer.unseen) == (TEXT, ("image",))
        assert len(bench.server.asked) == requests
    assert bench.server.asked[-1]["messages"] == [{"role": "user", "content": "What is this?"}]
    assert bench.ask().unseen == ()
    [(_, facts)] = journal.warnings
    assert facts["setting"] == "MODEL_INPUTS=text,audio"


def test_a_server_that_takes_one_picture_gets_the_last() -> None:
    journal = FakeJournal()
    bench = Fixture(replies(error("vLLM: one picture"), GOOD), journal)
    prompt = (
        PromptLine("user", "This one", (PICTURE,)),
        PromptLine("assistant", "I see"),
        PromptLine("user", "And these", (PICTURE, File(b"last", "image/png"))),
    )
    assert bench.ask(prompt).unseen == ()
    first, _, last = bench.server.asked[-1]["messages"]
    assert first["content"] == "This one"
    assert [part["image_url"]["url"] for part in last["content"][1:]] == [
        "data:image/png;base64,bGFzdA=="
    ]
    assert bench.ask(SEEN).unseen == ()
    assert isinstance(bench.server.asked[-1]["messages"][0]["content"], list)
    assert len(journal.warnings) == 1


def test_without_pictures_it_is_a_bad_request() -> None:
    bench = Fixture(replies(error("Groq: pictures")))
    with pytest.raises(ModelRefused, match="bad_request"):
        bench.ask()
    assert len(bench.server.asked) == 1


def test_a_setting_says_that_no_model_sees_pictures() -> None:
    bench = Fixture(replies(GOOD), model_inputs=("text",))
    assert bench.ask(SEEN).unseen == ("image",)
    assert bench.server.asked[0]["messages"][0]["content"] == "What is this?"


def test_only_refusals_of_recordings_are_input_unsupported() -> None:
    bench = Fixture(replies(error("llama.cpp: recordings")))
    with pytest.raises(ModelRefused) as caught:
        bench.ask()
    assert not isinstance(caught.value, InputUnsupported)


# Anything else


def test_show_may_stop_an_answer_that_is_only_thought_about() -> None:
    bench = Fixture(replies(shape("field reasoning_content")))
    shows = iter([True, False])
    answer = bench.ask(show=lambda text: next(shows))
    assert (answer.text, answer.stopped) == ("", True)


def test_an_answer_without_end_is_cut() -> None:
    word = json.dumps({"choices": [{"delta": {"content": "word " * 20_000}}]})
    event = f"data: {word}\n\n".encode()
    answer = Fixture(lambda body: (200, [event] * 30)).ask()
    assert answer.cut
    assert 400_000 <= len(answer.text) <= 500_000


def test_an_event_beyond_every_measure_is_no_answer() -> None:
    bench = Fixture(lambda body: (200, [b"data: x", b"x" * 5_000_000, b"\n\n"]))
    with pytest.raises(ModelUnavailable, match="too large"):
        bench.ask()


def test_prompt_lines_are_sent_as_they_are() -> None:
    bench = Fixture(replies(GOOD))
    bench.ask()
    assert bench.server.asked[0]["messages"] == [
        {"role": line.role, "content": line.content} for line in PROMPT
    ]
    assert body_of("usual", TEXT)


@pytest.mark.parametrize(
    ("model", "delta"),
    [
        ("first", {"content": "Hello"}),
        ("first", {"content": "<think>hm"}),
        ("first", {"reasoning_content": "hm"}),
        ("qwq", {"content": "hm"}),  # held back: it may be thinking that no tag opens
    ],
)
def test_an_answer_has_all_the_time_as_soon_as_anything_arrives(
    model: str, delta: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    extended: list[float] = []
    monkeypatch.setattr(connection.Reply, "extend", lambda reply, left: extended.append(left))
    piece = json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    sent: list[bytes | End] = [f"data: {piece}\n\n".encode(), BREAKS]
    bench = Fixture(lambda body: (200, sent), openai_model=model)
    with pytest.raises(ModelUnavailable):
        bench.ask()
    assert len(extended) == bench.spending.paid == 2
