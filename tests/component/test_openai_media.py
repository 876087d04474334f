"""Images and transcriptions, with the stand-in over HTTP (chatbot/adapters/openai/media.py)."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from chatbot.adapters.openai.media import OpenAIModel
from chatbot.core.budget import Budget, Share
from chatbot.core.completion import PromptLine, Spending
from chatbot.core.errors import (
    ChatbotError,
    ContentFiltered,
    DrawingUnsupported,
    InputUnsupported,
    ModelRefused,
    ModelUnavailable,
    UselessAnswer,
)
from chatbot.core.files import File
from chatbot.core.ports import Model
from chatbot.core.settings import Settings
from local.http.server import Running, serve
from local.standins.faults import Fault
from local.standins.openai import OpenAIStandIn
from local.standins.refusals import REFUSALS
from tests.fakes.journal import FakeJournal

KEY = "test-key"
WORDS = "said in confidence"
OGG = File(b"OggS\0recorded in confidence", "audio/ogg")


@pytest.fixture
def standin() -> OpenAIStandIn:
    return OpenAIStandIn(KEY)


@pytest.fixture
def server(standin: OpenAIStandIn) -> Iterator[Running]:
    with closing(serve(standin)) as running:
        yield running
        standin.faults.release()


@pytest.fixture
def studio(server: Running) -> OpenAIModel:
    return OpenAIModel(Settings(openai_api_key=KEY, openai_base_url=f"{server.url}/v1"))


@pytest.mark.parametrize("by_address", [False, True])
def test_a_picture_in_either_form(
    standin: OpenAIStandIn, studio: OpenAIModel, by_address: bool
) -> None:
    model: Model = studio
    standin.image_urls = by_address
    picture = model.draw("a red fox", 30, Spending(), Share(Budget()))
    assert picture.type == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    [call] = standin.accepted
    assert call.params == {"model": "gpt-image-2", "prompt": "a red fox"}


def test_what_was_said(standin: OpenAIStandIn, studio: OpenAIModel) -> None:
    assert studio.transcribe(OGG, 30, Spending()) == standin.transcript
    [call] = standin.accepted
    file = call.params["file"]
    assert (file.filename, file.data) == ("recording.ogg", OGG.content)
    assert call.params["model"] == "gpt-transcribe"


@pytest.mark.parametrize("kind", ["mpeg", "mp4", "wav", "flac", "webm"])
def test_every_form_of_a_recording_that_we_know_is_taken(studio: OpenAIModel, kind: str) -> None:
    assert studio.transcribe(File(b"sound", f"audio/{kind}"), 30, Spending())


def test_pictures_are_shown_to_the_model(standin: OpenAIStandIn, studio: OpenAIModel) -> None:
    url = "data:image/png;base64," + base64.b64encode(b"png").decode()
    line = PromptLine("user", "What is this?", (File(b"png", "image/png"),))
    studio.answer([line], 30, lambda text: True, Spending())
    [call] = standin.accepted
    [asked] = call.params["messages"]
    assert asked["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]


@pytest.mark.parametrize(
    ("fault", "meant", "reason"),
    [
        (Fault("status", status=401), ModelRefused, "authentication"),
        (Fault("status", status=404), DrawingUnsupported, "no_pic"),
        (Fault("status", status=400), ModelRefused, "bad_request"),
        (
            Fault("status", status=429, code="insufficient_quota"),
            ModelRefused,
            "insufficient_quota",
        ),
        (Fault("status", status=429, retry_after=3), ModelUnavailable, "status 429"),
        (Fault("status", status=500), ModelUnavailable, "status 500"),
        (Fault("no_answer"), ModelUnavailable, "timeout"),
        (Fault("hang_up_before"), ModelUnavailable, "connection"),
        (Fault("malformed"), ModelUnavailable, "not what"),
        (
            Fault("malformed", body='{"data":[{"url":"http://10.0.0.1/p"}]}'),
            ModelRefused,
            "picture",
        ),
        (Fault("malformed", body='{"data":[{"url":"https://127.0.0.1/p"}]}'), ModelRefused, "priv"),
        (
            Fault("malformed", body='{"data":[{"b64_json":"UEs="}]}', times=2),
            UselessAnswer,
            "no picture",
        ),
        (Fault("malformed", body='{"data":[]}', times=2), UselessAnswer, "no picture"),
    ],
    ids=str,
)
def test_what_goes_wrong(
    standin: OpenAIStandIn,
    studio: OpenAIModel,
    fault: Fault,
    meant: type[ChatbotError],
    reason: str,
) -> None:
    standin.faults.add(replace(fault, match="images/generations"))
    with pytest.raises(meant, match=reason) as caught:
        studio.draw(WORDS, 1, Spending())
    shown = "".join(traceback.format_exception(caught.value))
    assert "confidence" not in shown
    assert getattr(caught.value, "retry_after", None) == fault.retry_after


def test_a_recording_that_nobody_understands_does_not_leak(
    standin: OpenAIStandIn, studio: OpenAIModel
) -> None:
    standin.faults.add(Fault("status", status=400, match="audio/transcriptions"))
    with pytest.raises(ModelRefused, match="bad_request") as caught:
        studio.transcribe(OGG, 30, Spending())
    assert "confidence" not in "".join(traceback.format_exception(caught.value))


def test_the_filter_says_no(studio: OpenAIModel) -> None:
    with pytest.raises(ContentFiltered):
        studio.draw("a crime [[filter]]", 30, Spending())


def of(refusal: str, **rule: Any) -> Fault:
    return REFUSALS[refusal].fault(**rule)


@pytest.mark.parametrize(
    "fault",
    [
        of("llama.cpp: recordings"),
        of("vLLM: recordings"),
        of("any: 501"),
        of("OpenAI: model"),
        of("LiteLLM: model"),
        Fault("status", status=404, body='{"detail": "Not Found"}'),
        Fault("status", status=405, body=""),
    ],
    ids=str,
)
def test_a_server_that_takes_no_recordings_is_asked_once(
    standin: OpenAIStandIn, studio: OpenAIModel, fault: Fault
) -> None:
    standin.faults.add(fault)
    for _ in range(2):
        with pytest.raises(InputUnsupported, match="audio"):
            studio.transcribe(OGG, 30, Spending())
    assert len(standin.faults.fired) == 1
    assert standin.accepted == []


def test_a_setting_says_that_no_model_takes_recordings(
    standin: OpenAIStandIn, server: Running
) -> None:
    settings = Settings(openai_base_url=f"{server.url}/v1", model_inputs=("text", "image"))
    with pytest.raises(InputUnsupported, match="audio"):
        OpenAIModel(settings).transcribe(OGG, 30, Spending())
    assert standin.accepted == []


@pytest.mark.parametrize(
    ("fault", "meant", "reason"),
    [
        (of("OpenAI: key"), ModelRefused, "authentication"),
        (of("OpenAI: picture refused"), ContentFiltered, "content_filter"),
        (of("OpenAI: rate limit"), ModelUnavailable, "status 429"),
        (Fault("hang_up_before"), ModelUnavailable, "connection"),
        (Fault("malformed", times=2), UselessAnswer, "not what"),
        (Fault("malformed", body="[]", times=2), UselessAnswer, "no transcript"),
        (Fault("malformed", body='{"text": null}', times=2), UselessAnswer, "no transcript"),
        (Fault("malformed", body='{"error": {"code": 502}}', times=2), UselessAnswer, "status 502"),
        (
            Fault("malformed", body='{"error": {"code": "content_filter"}}', times=2),
            ContentFiltered,
            "content_filter",
        ),
    ],
    ids=str,
)
def test_what_goes_wrong_with_a_recording(
    standin: OpenAIStandIn,
    studio: OpenAIModel,
    fault: Fault,
    meant: type[ChatbotError],
    reason: str,
) -> None:
    standin.faults.add(fault)
    with pytest.raises(meant, match=reason) as caught:
        studio.transcribe(OGG, 5, Spending())
    assert type(caught.value) is meant
    assert len(standin.faults.fired) == (2 if fault.times == 2 and meant is UselessAnswer else 1)


@pytest.mark.parametrize("body", ['{"tex', '{"text": 5}'])
def test_a_recording_is_sent_once_more_after_a_useless_answer(
    standin: OpenAIStandIn, studio: OpenAIModel, body: str
) -> None:
    standin.faults.add(Fault("malformed", body=body))
    assert studio.transcribe(OGG, 30, Spending()) == standin.transcript


def test_a_picture_is_asked_for_once_more_after_a_useless_answer(
    standin: OpenAIStandIn, studio: OpenAIModel
) -> None:
    standin.faults.add(Fault("malformed", body='{"data": [{}]}'))
    spending = Spending()
    assert studio.draw("a red fox", 30, spending).type == "image/png"
    assert (spending.requests, spending.paid) == (2, 2)


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ('{"error": {"code": "moderation_blocked"}}', ContentFiltered),
        ('{"error": {"code": 503}}', ModelUnavailable),
    ],
)
def test_an_error_in_place_of_a_picture(
    standin: OpenAIStandIn, studio: OpenAIModel, body: str, meant: type[ChatbotError]
) -> None:
    standin.faults.add(Fault("malformed", body=body))
    with pytest.raises(meant):
        studio.draw("a red fox", 30, Spending())


@pytest.mark.parametrize(
    "fault",
    [
        of("OpenAI: model"),
        of("OpenAI: verification for a model"),
        of("any: 501"),
        Fault("status", status=404, body='{"error": {"message": "File Not Found"}}'),
        Fault("status", status=405, body=""),
    ],
    ids=str,
)
def test_a_server_that_draws_nothing_is_asked_once(
    standin: OpenAIStandIn, server: Running, fault: Fault
) -> None:
    journal = FakeJournal()
    settings = Settings(openai_api_key=KEY, openai_base_url=f"{server.url}/v1")
    studio = OpenAIModel(settings, journal=journal)
    standin.faults.add(fault)
    for _ in range(2):
        with pytest.raises(DrawingUnsupported):
            studio.draw("a red fox", 30, Spending())
    assert len(standin.faults.fired) == 1
    assert standin.accepted == []
    [(event, facts)] = journal.warnings
    assert (event, facts["setting"]) == ("parameter_refused", "IMAGE_MODEL=off")
    assert studio.transcribe(OGG, 30, Spending())


def test_every_request_for_a_transcript_is_counted(
    standin: OpenAIStandIn, studio: OpenAIModel
) -> None:
    standin.faults.add(Fault("malformed", body="<html>busy</html>"))
    standin.faults.add(Fault("status", status=503))
    spending = Spending()
    with pytest.raises(ModelUnavailable):
        studio.transcribe(OGG, 30, spending)
    assert (spending.requests, spending.paid) == (2, 1)
    standin.faults.add(Fault("malformed", body="<html>busy</html>"))
    with pytest.raises(UselessAnswer):
        studio.transcribe(OGG, 30, Spending(paid_left=1))
