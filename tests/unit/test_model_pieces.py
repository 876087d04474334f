"""Single values in the pieces of an answer (adapters/openai/pieces.py, repeats.py, ends.py)."""

from __future__ import annotations

from typing import Any

import pytest

from chatbot.adapters.openai.adaptations import UNOPENED, Adaptations
from chatbot.adapters.openai.classify import classify
from chatbot.adapters.openai.ends import AFTER_A_COUNT, AFTER_THE_END, Ending
from chatbot.adapters.openai.failures import Kind
from chatbot.adapters.openai.pieces import error_in, text_of
from chatbot.adapters.openai.repeats import Repeats


@pytest.mark.parametrize(
    "piece",
    [
        {"error": None},
        {"error": {}},
        {"error": ""},
        {"error": {"message": None, "code": None, "type": ""}},
        {"error": {"code": 0, "message": ""}},
        {"error": {"code": "0"}},
        {"base_resp": {"status_code": 0, "status_msg": "success"}},
        {"base_resp": None},
        {"base_resp": {}},
    ],
)
def test_an_error_that_says_nothing_is_none(piece: dict[str, Any]) -> None:
    assert error_in("", piece) is None


@pytest.mark.parametrize(
    ("piece", "kind"),
    [
        ({"error": {"type": "authentication_error", "message": "x"}}, Kind.KEY_REFUSED),
        ({"error": {"type": "permission_error", "message": "x"}}, Kind.KEY_REFUSED),
        ({"error": {"type": "invalid_request_error", "message": "odd"}}, Kind.BAD_REQUEST),
        ({"error": {"type": "overloaded_error", "message": "x"}}, Kind.AWAY),
        ({"error": {"type": "invalid_request_error", "code": 503}}, Kind.AWAY),
        ({"error": "The model has crashed"}, Kind.AWAY),
        ({"type": "error", "message": "x"}, Kind.AWAY),
        ({"base_resp": {"status_code": 1001, "status_msg": "timeout"}}, Kind.AWAY),
        ({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, Kind.AWAY),
        ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, Kind.KEY_REFUSED),
        ({"base_resp": {"status_code": 1008, "status_msg": "balance"}}, Kind.NOT_AVAILABLE),
        ({"base_resp": {"status_code": 1026, "status_msg": "sensitive"}}, Kind.FILTERED),
        ({"base_resp": {"status_code": 1027}}, Kind.FILTERED),
    ],
)
def test_an_error_within_an_answer_that_has_no_status_is_understood(
    piece: dict[str, Any], kind: Kind
) -> None:
    assert classify(None, error_in("", piece), paid=True).kind is kind


@pytest.mark.parametrize(
    ("content", "text", "apart"),
    [
        ([{"type": "text", "text": "a"}, {"text": "b"}, "c"], "abc", []),
        ([{"type": None, "text": "a"}, {"type": "Text", "text": "b"}], "ab", []),
        ([{"type": "text_delta", "text": "a"}, {"type": "input_text", "text": "b"}], "ab", []),
        ([{"thinking": "hm"}, {"text": "a"}], "a", ["hm"]),
        ([{"type": "reasoning_text", "text": "hm"}, {"type": "text", "text": "a"}], "a", ["hm"]),
        ([{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "a"}], "a", []),
        ({"type": "text", "text": [{"text": "a"}]}, "a", []),
        ([[[[[[["too deep"]]]]]]], "", []),
    ],
)
def test_the_text_of_parts(content: object, text: str, apart: list[str]) -> None:
    other: list[str] = []
    assert text_of(content, lambda kind, text: other.append(text)) == text
    assert other == apart


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        (["One ", "two"], [False, False]),
        (["ha", "ha"], [False, False]),
        (["1", "10"], [False, False]),
        (["good", "good answer"], [False, True]),
        (["a", "ab", "abc"], [False, False, True]),
        (["good", "good answer", "good"], [False, True, False]),
    ],
)
def test_messages_that_hold_all_so_far(messages: list[str], found: list[bool]) -> None:
    repeats = Repeats()
    assert [repeats.found(text, "", is_completion=False, last=False) for text in messages] == found


@pytest.mark.parametrize(
    ("text", "is_completion", "last", "found"),
    [
        ("One two", False, True, True),
        ("One  two", False, True, True),
        ("One two", False, False, False),
        ("One two", True, False, True),
        ("One two three", True, False, True),
        (" three", False, True, False),
    ],
)
def test_the_whole_after_its_pieces(
    text: str, is_completion: bool, last: bool, found: bool
) -> None:
    repeats, said = Repeats(), "One two"
    for piece in ("One", " two"):
        repeats.found(piece, "", is_completion=False, last=False)
    assert repeats.found(text, said, is_completion=is_completion, last=last) is found


def test_how_long_the_rest_is_waited_for() -> None:
    ending = Ending()
    assert ending.seconds_left() is None
    ending.counted()
    assert ending.seconds_left() == AFTER_A_COUNT
    ending.goes_on()
    ending.counted()
    assert ending.seconds_left() is None  # it counts in between
    ending.says("stop")
    assert ending.seconds_left() == AFTER_THE_END


@pytest.mark.parametrize("finish", [None, False, 0, {}, [], "null", " None "])
def test_what_is_no_finish_reason(finish: object) -> None:
    ending = Ending()
    ending.says(finish)
    assert not ending.finished
    assert not ending.complete(whole=False, broken=False)


@pytest.mark.parametrize("model", ["deepseek-ai/DeepSeek-R1", "qwq:32b", "Qwen3-30B-Thinking"])
def test_some_models_think_unopened_by_their_name(model: str) -> None:
    assert UNOPENED in Adaptations().of(model)


@pytest.mark.parametrize("model", ["gpt-5.4-mini", "r12", "unreasonable", "llama3.1"])
def test_most_models_do_not(model: str) -> None:
    assert Adaptations().of(model) == frozenset()


def test_one_answer_about_such_tags_holds_back_nobody_elses() -> None:
    known = Adaptations()
    known.notice_thinking("m", unopened=True)
    assert UNOPENED in known.of("m")
    known.notice_thinking("m", unopened=False)
    known.notice_thinking("m", unopened=True)
    assert UNOPENED not in known.of("m")
    by_name = Adaptations()
    by_name.notice_thinking("qwq", unopened=False)
    assert UNOPENED not in by_name.of("qwq")
