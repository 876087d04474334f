"""The poller against moto's FIFO queue: what Lambda's event source mapping would do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from local.cloud.event_source import Poller
from local.cloud.runtime import Result
from local.http.recorder import Recorder
from tests.component.conftest import Aws, Queues

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

ARN = "arn:aws:sqs:eu-central-1:123456789012:chatbot-messages.fifo"
SECONDS = 10


class OneAtATime:
    """A client that makes one call at a time, as moto requires."""

    def __init__(self, sqs: SQSClient) -> None:
        self._sqs = sqs
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._sqs, name)

        def locked(**arguments: Any) -> Any:
            with self._lock:
                return call(**arguments)

        return locked


class Worker:
    """A worker that records its batches, and fails or waits where a test says so."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.events: list[Mapping[str, Any]] = []
        self.failing: set[str] = set()
        self.error = ""
        self.gate = threading.Event()
        self.gate.set()
        self.changed = threading.Condition()

    def __call__(self, event: Mapping[str, Any]) -> Result:
        bodies = [record["body"] for record in event["Records"]]
        with self.changed:
            self.batches.append(bodies)
            self.events.append(event)
            self.changed.notify_all()
        assert self.gate.wait(SECONDS)
        if self.error:
            return Result(error=self.error)
        failed = [r["messageId"] for r in event["Records"] if r["body"] in self.failing]
        return Result({"batchItemFailures": [{"itemIdentifier": each} for each in failed]})

    def wait(self, batches: int) -> list[list[str]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.batches) >= batches, SECONDS)
            return self.batches


class Bench:
    def __init__(self, aws: Aws, queues: Queues) -> None:
        self.sqs = cast("SQSClient", OneAtATime(aws.sqs))
        self.url = queues.messages
        self.worker = Worker()
        self.recorder = Recorder()

    def send(self, group: str, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(
                QueueUrl=self.url,
                MessageBody=body,
                MessageGroupId=group,
                MessageDeduplicationId=body,
            )
        self.stir("SendMessage", {})

    def stir(self, operation: str, request: Mapping[str, Any]) -> None:
        """Send the record of a function's call to the poller."""
        self.recorder.add("aws", operation, time.time(), 200, json.dumps(request).encode(), b"")

    @contextmanager
    def polling(self, workers: int = 1, partial: bool = True) -> Iterator[None]:
        poller = Poller(self.sqs, self.url, ARN, self.worker, workers, 10, partial)
        self.recorder.listen(poller.watch)
        poller.start()
        try:
            yield
        finally:
            self.worker.gate.set()
            poller.stop()

    def left(self) -> int:
        """Return the number of messages in the queue, visible or not."""
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        counts = {str(name): value for name, value in attributes["Attributes"].items()}
        return sum(int(counts[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible"))

    def wait_left(self, count: int) -> bool:
        end = time.monotonic() + SECONDS
        while self.left() != count:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True


@pytest.fixture
def bench(aws: Aws, queues: Queues) -> Bench:
    return Bench(aws, queues)


def test_a_record_is_shaped_as_lambda_shapes_it(bench: Bench) -> None:
    bench.send("telegram:42", "hello")
    with bench.polling():
        bench.worker.wait(1)
        (record,) = bench.worker.events[0]["Records"]
        assert bench.wait_left(0)
    assert set(record) == {
        "messageId",
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "md5OfBody",
        "eventSource",
        "eventSourceARN",
        "awsRegion",
    }
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == ARN
    attributes = record["attributes"]
    assert attributes["MessageGroupId"] == "telegram:42"
    assert attributes["MessageDeduplicationId"] == "hello"
    assert attributes["ApproximateReceiveCount"] == "1"
    assert int(attributes["SentTimestamp"]) == pytest.approx(time.time() * 1000, abs=60_000)
    assert attributes["SequenceNumber"]


def test_a_group_comes_in_order_and_in_batches_of_ten(bench: Bench) -> None:
    bodies = [f"{number:02}" for number in range(12)]
    bench.send("a", *bodies)
    with bench.polling(workers=2):
        batches = bench.worker.wait(2)
        assert bench.wait_left(0)
    assert batches == [bodies[:10], bodies[10:]]


def test_a_group_in_flight_waits_while_others_go_on(bench: Bench) -> None:
    bench.worker.gate.clear()
    with bench.polling(workers=3):
        bench.send("a", "a1")
        bench.worker.wait(1)
        bench.send("a", "a2")
        bench.send("b", "b1")
        assert bench.worker.wait(2) == [["a1"], ["b1"]]
        bench.worker.gate.set()
        assert bench.worker.wait(3)[2] == ["a2"]


def test_no_more_invocations_at_once_than_workers(bench: Bench) -> None:
    bench.worker.gate.clear()
    with bench.polling(workers=2):
        for group in ("a", "b", "c"):
            bench.send(group, group)
            bench.worker.wait(min(len(bench.worker.batches) + 1, 2))
        assert len(bench.worker.wait(2)) == 2
        bench.worker.gate.set()
        assert bench.worker.wait(3)[2] == ["c"]


def test_what_is_reported_failed_stays_and_the_rest_goes(bench: Bench) -> None:
    bench.send("a", "good", "bad")
    bench.worker.failing = {"bad"}
    with bench.polling():
        bench.worker.wait(1)
        assert bench.wait_left(1)


@pytest.mark.parametrize("partial", [True, False])
def test_an_error_leaves_everything(bench: Bench, partial: bool) -> None:
    bench.send("a", "one", "two")
    bench.worker.error = "Runtime.ExitError"
    with bench.polling(partial=partial):
        bench.worker.wait(1)
    assert bench.left() == 2


def test_without_partial_responses_a_report_means_nothing(bench: Bench) -> None:
    bench.send("a", "bad")
    bench.worker.failing = {"bad"}
    with bench.polling(partial=False):
        assert bench.wait_left(0)


def test_a_report_about_a_stranger_leaves_everything(bench: Bench) -> None:
    bench.send("a", "one")

    def stranger(_: Mapping[str, Any]) -> Result:
        bench.worker({"Records": []})
        return Result({"batchItemFailures": [{"itemIdentifier": "nobody"}]})

    poller = Poller(bench.sqs, bench.url, ARN, stranger, 1)
    poller.start()
    bench.worker.wait(1)
    poller.stop()
    assert bench.left() == 1


def test_what_ends_well_while_it_stops_is_deleted(bench: Bench) -> None:
    bench.worker.gate.clear()
    bench.send("a", "one")
    poller = Poller(bench.sqs, bench.url, ARN, bench.worker, 1)
    poller.start()
    bench.worker.wait(1)
    opening = threading.Timer(0.2, bench.worker.gate.set)
    opening.start()
    poller.stop(SECONDS)
    opening.join()
    assert bench.left() == 0


@pytest.fixture
def sound_asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the poller not receive by itself again before the test ends."""
    monkeypatch.setattr("local.cloud.event_source._IDLE_SECONDS", 6 * SECONDS)


@pytest.mark.usefixtures("sound_asleep")
def test_a_message_wakes_it(bench: Bench) -> None:
    with bench.polling():
        for number in range(1, 4):
            bench.send("a", f"message {number}")
            assert len(bench.worker.wait(number)) == number
            assert bench.wait_left(0)


@pytest.mark.usefixtures("sound_asleep")
def test_a_hidden_message_comes_when_it_shows_again(bench: Bench) -> None:
    bench.send("a", "hello")
    hidden = bench.sqs.receive_message(QueueUrl=bench.url)["Messages"][0]
    request = {"QueueUrl": bench.url, "ReceiptHandle": hidden["ReceiptHandle"]}
    with bench.polling():
        bench.sqs.change_message_visibility(**request, VisibilityTimeout=1)
        began = time.monotonic()
        bench.stir("ChangeMessageVisibility", {**request, "VisibilityTimeout": 1})
        bench.worker.wait(1)
        assert time.monotonic() - began > 0.8
