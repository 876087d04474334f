import json
import logging
import threading
import uuid
from typing import Any

import pytest

from chatbot.adapters.telemetry import Telemetry


class Context:
    aws_request_id = "request-1"


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry(f"service-{uuid.uuid4().hex}")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_event_is_a_json_line(telemetry: Telemetry, capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.begin(Context())
    telemetry.info("queued", channel="web", bytes=12)
    telemetry.warning("refused", channel="web")
    event, warning = lines(capsys)
    assert (event["message"], event["level"], event["channel"], event["bytes"]) == (
        "queued",
        "INFO",
        "web",
        12,
    )
    assert event["request_id"] == "request-1"
    assert "test_telemetry" not in event["service"]
    assert "test_an_event_is_a_json_line" in event["location"]
    assert warning["level"] == "WARNING"
    assert "bytes" not in warning


def test_facts_named_like_attributes_of_a_log_record(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.info("x", thread=7, message="m", module="y")
    [line] = lines(capsys)
    assert (line["message"], line["thread_"], line["message_"], line["module_"]) == (
        "x",
        7,
        "m",
        "y",
    )


def test_threads_do_not_mix_facts_or_lose_metrics(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(number: int) -> None:
        for _ in range(50):
            telemetry.info("step", worker=number, **{f"own{number}": number})
            telemetry.count("Received", channel="web")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    telemetry.flush()
    written = lines(capsys)
    steps = [line for line in written if line.get("message") == "step"]
    assert len(steps) == 400
    for step in steps:
        assert [key for key in step if key.startswith("own")] == [f"own{step['worker']}"]
    assert sum(sum(line.get("Received", [])) for line in written) == 400


def test_metrics_are_written_by_channel_with_their_units(
    telemetry: Telemetry,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    telemetry.count("Received", 3, channel="web")
    telemetry.count("ModelSeconds", 1.5, channel="telegram")
    telemetry.flush()
    web, telegram = lines(capsys)
    directive = web["_aws"]["CloudWatchMetrics"][0]
    assert directive["Namespace"] == "Chatbot"
    assert sorted(directive["Dimensions"][0]) == ["channel", "service"]
    assert (web["channel"], web["Received"]) == ("web", [3.0])
    assert telegram["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [
        {"Name": "ModelSeconds", "Unit": "Seconds"}
    ]
    telemetry.flush()
    assert not lines(capsys), "flushed once"


def test_the_first_invocation_alone_is_a_cold_start(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        telemetry.begin(Context())
        telemetry.flush()
    [line] = lines(capsys)
    assert line["ColdStart"] == [1.0]


def test_a_crash_is_logged_without_its_text(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        raise ValueError("words of a person")
    except ValueError as error:
        telemetry.crash(error)
    out = capsys.readouterr().out
    assert "words" not in out
    assert json.loads(out)["error"] == "ValueError"
    assert "test_telemetry.py" in out


def test_libraries_do_not_log_addresses(telemetry: Telemetry) -> None:
    for name in ("urllib3.connectionpool", "openai", "httpx2", "botocore.endpoint"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    assert not logging.getLogger("urllib3.connectionpool").isEnabledFor(logging.WARNING)
