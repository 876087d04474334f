"""What the errors of model servers mean (adapters/openai/classify.py and wordings.py)."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from chatbot.adapters.openai.classify import LONGEST_WAIT, OPTIONAL, classify
from chatbot.adapters.openai.failures import Failure, Kind
from chatbot.adapters.openai.wordings import WORDINGS
from chatbot.core import errors
from chatbot.core.settings import OMITTABLE
from local.standins.refusals import REFUSALS, Refusal

every_refusal = pytest.mark.parametrize("refusal", REFUSALS.values(), ids=lambda each: each.name)


def meant(failure: Failure) -> tuple[str, str]:
    """The failure's kind, and what it says besides."""
    named = failure.kind in (Kind.INPUT, Kind.PARAMETER)
    return failure.kind.value, failure.name if named else failure.reason


@every_refusal
def test_each_servers_words_are_understood(refusal: Refusal) -> None:
    assert meant(classify(refusal.status, refusal.body)) == (refusal.kind, refusal.detail)


@every_refusal
def test_the_same_words_within_an_answer_mean_the_same(refusal: Refusal) -> None:
    found = classify(None, refusal.body, paid=True)
    assert found.paid
    if any(words_occur(row.words, refusal) for row in WORDINGS):
        assert meant(found) == (refusal.kind, refusal.detail)
    else:
        # Nothing but the status decides, and only some bodies repeat it.
        assert meant(found)[0] in (refusal.kind, "away")


def words_occur(words: str, refusal: Refusal) -> bool:
    text = refusal.text.lower()
    return all(part.replace('"', '\\"') in text for part in words.split(" … "))


@pytest.mark.parametrize("row", WORDINGS, ids=lambda row: row.words)
def test_no_words_are_superfluous(row: object, monkeypatch: pytest.MonkeyPatch) -> None:
    others = tuple(each for each in WORDINGS if each is not row)
    monkeypatch.setattr("chatbot.adapters.openai.wordings.WORDINGS", others)
    changed = [
        each.name
        for each in REFUSALS.values()
        if meant(classify(each.status, each.body)) != (each.kind, each.detail)
    ]
    assert changed


def test_every_row_names_its_source() -> None:
    for row in WORDINGS:
        assert row.source.startswith("https://"), row
        assert row.words == row.words.lower()
    for refusal in REFUSALS.values():
        assert refusal.source.startswith("https://"), refusal


def test_an_empty_error_of_cerebras_is_about_the_length() -> None:
    assert classify(400, "", host="api.cerebras.ai").kind is Kind.TOO_LONG
    assert classify(400, "", host="api.example.com").kind is Kind.BAD_REQUEST


def test_what_people_wrote_decides_nothing() -> None:
    """Some servers repeat the request in their errors (FastAPI's "input")."""
    said = "Incorrect API key. content_filter, model_not_found, maximum context length"
    body = {"detail": [{"msg": "no", "loc": ["body", 1], "input": said, "ctx": {"x": said}}]}
    assert classify(422, body).kind is Kind.BAD_REQUEST
    assert (
        classify(400, {"error": {"message": "no", "flagged_input": said}}).reason == "bad_request"
    )


@pytest.mark.parametrize("status", [None, 500, 502, 503])
@pytest.mark.parametrize(
    "words",
    [
        "Unexpected error: the sampler could not apply temperature and top_p",
        "Internal error: invalid state while reading max_tokens of slot 0",
        "unexpected EOF (stream_options: include_usage)",
        "Extra data: line 1 column 2, safety_identifier",
    ],
)
def test_a_server_that_fails_refuses_no_parameter(status: int | None, words: str) -> None:
    assert classify(status, {"error": {"message": words}}).kind is Kind.AWAY


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("-1", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("1e9", LONGEST_WAIT),
        ("inf", LONGEST_WAIT),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sun, 06 Nov 9999 08:49:37 GMT", LONGEST_WAIT),
        ("Sun, 99 Nov 1994", None),
    ],
)
def test_retry_after_as_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    assert classify(429, {}, {"retry-after": value}).retry_after == seconds


def test_retry_after_as_a_date_soon() -> None:
    in_a_minute = formatdate(time.time() + 60, usegmt=True)
    wait = classify(503, {}, {"retry-after": in_a_minute}).retry_after
    assert wait is not None
    assert 50 < wait <= 60


@pytest.mark.parametrize(
    ("kind", "name", "error", "reason"),
    [
        (Kind.AWAY, "", errors.ModelUnavailable, "why"),
        (Kind.USELESS, "", errors.UselessAnswer, "why"),
        (Kind.NOT_AVAILABLE, "", errors.ModelRefused, "why"),
        (Kind.TOO_LONG, "", errors.ContextTooLong, "why"),
        (Kind.PARAMETER, "stop", errors.ModelRefused, "bad_request"),
        (Kind.INPUT, "image", errors.ModelRefused, "bad_request"),
        (Kind.INPUT, "audio", errors.InputUnsupported, "audio"),
        (Kind.FILTERED, "", errors.ContentFiltered, "why"),
        (Kind.KEY_REFUSED, "", errors.ModelRefused, "why"),
        (Kind.BAD_REQUEST, "", errors.ModelRefused, "why"),
    ],
)
def test_every_kind_has_its_error(
    kind: Kind, name: str, error: type[Exception], reason: str
) -> None:
    made = Failure(kind, "why", name=name).as_error()
    assert (type(made), made.reason) == (error, reason)


@pytest.mark.parametrize(
    "body", [None, 7, [], {}, [[]], {"error": 5}, {"error": [None]}, {"error": {"code": []}}, "{"]
)
def test_odd_bodies_fail_by_their_status(body: object) -> None:
    assert classify(500, body).reason == "status 500"
    deep: object = "maximum context length"
    for _ in range(5_000):
        deep = {"error": deep}
    assert classify(503, deep).reason == "status 503"


def test_every_optional_parameter_can_be_omitted_by_a_setting() -> None:
    assert set(OMITTABLE) == {*OPTIONAL, "system"}
