import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chatbot.adapters.sqs import MAX_BYTES, TRIES, Sender, WorkerQueue, group_of
from chatbot.core.errors import QueueUnavailable
from chatbot.core.message import Envelope
from chatbot.core.work import Record
from tests.component.conftest import Aws, Queues
from tests.fakes.journal import FakeJournal

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def sqs(aws: Aws) -> "SQSClient":
    return aws.sqs


@pytest.fixture
def urls(queues: Queues) -> tuple[str, str]:
    return queues.messages, queues.dead_letters


def receive(sqs: "SQSClient", url: str) -> list[Record]:
    """Receive everything in rounds, and delete it: messages in flight block their group."""
    records = []
    while batch := take(sqs, url):
        records += batch
        for record in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=record.receipt)
    return records


def take(sqs: "SQSClient", url: str) -> list[Record]:
    answer = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], VisibilityTimeout=30
    )
    return [
        Record(
            message["MessageId"],
            message["ReceiptHandle"],
            message["Attributes"]["MessageGroupId"],
            int(message["Attributes"]["ApproximateReceiveCount"]),
            0,
            message["Body"],
            int(message["Attributes"]["ApproximateFirstReceiveTimestamp"]),
        )
        for message in answer.get("Messages", [])
    ]


def envelope(conversation: str, event: str, text: str = "hi") -> Envelope:
    return Envelope("telegram", conversation, event, 1, {"text": text})


class RefusingSqs:
    """Accepts what is sent, except for entries whose event is to be refused a number of times."""

    def __init__(self, refusals: dict[str, int]) -> None:
        self.refusals = refusals
        self.calls: list[list[str]] = []
        self.accepted: list[str] = []
        self.error: Exception | None = None
        self.garbled = 0  # so many answers come without a word

    def send_message_batch(self, **request: Any) -> Any:
        entries = request["Entries"]
        events = [json.loads(entry["MessageBody"])["event_id"] for entry in entries]
        self.calls.append(events)
        if self.error:
            raise self.error
        if self.garbled:
            self.garbled -= 1
            return {}
        failed, taken = [], []
        for entry, event in zip(entries, events, strict=True):
            if self.refusals.get(event, 0) > 0:
                self.refusals[event] -= 1
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
            else:
                self.accepted.append(event)
                taken.append({"Id": entry["Id"]})
        return {"Successful": taken, "Failed": failed}

    def sender(self, journal: FakeJournal | None = None) -> Sender:
        sqs = cast("SQSClient", self)
        return Sender(sqs, "url", journal or FakeJournal(), lambda seconds: None)


def test_envelopes_arrive_whole_in_their_group(sqs: "SQSClient", urls: tuple[str, str]) -> None:
    url = urls[0]
    journal = FakeJournal()
    sent = [
        envelope("telegram:1", "1", "Grüße 😀 \x00\uffff\n"),
        envelope("odd é \n id", "2"),
        envelope("x" * 200, "3"),
    ]
    Sender(sqs, url, journal).send(sent)
    records = receive(sqs, url)
    assert {Envelope.from_json(record.body).event_id for record in records} == {"1", "2", "3"}
    groups = {Envelope.from_json(record.body).event_id: record.group for record in records}
    assert groups["1"] == "telegram:1"
    assert len(groups["2"]) == len(groups["3"]) == 64
    [first] = [record for record in records if record.group == "telegram:1"]
    assert Envelope.from_json(first.body) == sent[0]
    assert "\uffff" not in first.body, "SQS refuses what XML 1.0 does not have"
    assert "Grüße" not in repr(journal.infos)
    assert [name for name, _ in journal.infos] == ["queued"] * 3


def test_groups_are_what_sqs_takes() -> None:
    assert group_of("web:Ab-_1!~") == "web:Ab-_1!~"
    for odd in ("", "a b", "é", "a\n", "a" * 129, "\ud800"):
        assert len(group_of(odd)) == 64


def test_the_same_event_twice_is_one_message(sqs: "SQSClient", urls: tuple[str, str]) -> None:
    url = urls[0]
    sender = Sender(sqs, url, FakeJournal())
    sender.send([envelope("c", "1"), envelope("c", "1")])
    sender.send([envelope("c", "1"), envelope("d", "1")])
    assert len(take(sqs, url)) == 2


def test_a_thousand_events_keep_their_order() -> None:
    fake = RefusingSqs({f"{number:04d}": 1 for number in range(0, 1000, 7)})
    fake.sender().send([envelope(f"c{n % 100}", f"{n:04d}") for n in range(1000)])
    assert len(fake.accepted) == 1000
    for conversation in range(100):
        events = [event for event in fake.accepted if int(event) % 100 == conversation]
        assert events == sorted(events)


def test_the_kth_event_of_a_conversation_goes_in_the_kth_wave() -> None:
    fake = RefusingSqs({})
    fake.sender().send([envelope("a", "a1"), envelope("a", "a2"), envelope("b", "b1")])
    assert fake.calls == [["a1", "b1"], ["a2"]]


def test_batches_stay_within_ten_entries_and_the_size() -> None:
    fake = RefusingSqs({})
    fake.sender().send([envelope(f"c{number}", str(number)) for number in range(23)])
    assert [len(call) for call in fake.calls] == [10, 10, 3]
    fake = RefusingSqs({})
    half = "é" * (MAX_BYTES // 4)
    fake.sender().send([envelope(f"c{number}", str(number), half) for number in range(3)])
    assert [len(call) for call in fake.calls] == [1, 1, 1]


def test_a_refused_entry_is_sent_again_alone() -> None:
    fake = RefusingSqs({"a1": TRIES - 1})
    fake.sender().send([envelope("a", "a1"), envelope("b", "b1"), envelope("a", "a2")])
    assert fake.calls == [["a1", "b1"], ["a1"], ["a1"], ["a2"]]


def test_after_an_entry_refused_for_good_no_later_one_of_its_conversation_goes() -> None:
    fake = RefusingSqs({"a2": 99})
    sent = [envelope("a", f"a{number}") for number in (1, 2, 3)]
    sent += [envelope("b", f"b{number}") for number in (1, 2, 3)]
    with pytest.raises(QueueUnavailable):
        fake.sender().send(sent)
    assert fake.accepted == ["a1", "b1", "b2", "b3"]


def test_a_batch_refused_whole_is_sent_again_and_then_given_up() -> None:
    fake = RefusingSqs({})
    fake.error = ClientError({"Error": {"Code": "RequestThrottled"}}, "SendMessageBatch")
    with pytest.raises(QueueUnavailable):
        fake.sender().send([envelope("a", "a1"), envelope("a", "a2")])
    assert fake.calls == [["a1"]] * TRIES


def test_an_answer_that_names_nothing_accepted_nothing() -> None:
    """The SDK makes an empty response of a body that it cannot parse."""
    fake = RefusingSqs({})
    fake.garbled = 1
    fake.sender().send([envelope("a", "a1"), envelope("a", "a2")])
    assert fake.calls == [["a1"], ["a1"], ["a2"]]
    assert fake.accepted == ["a1", "a2"]


def test_a_dead_letter_without_an_id_was_not_taken() -> None:
    class GarblingSqs:
        def send_message(self, **request: Any) -> Any:
            return {}

    queue = WorkerQueue(cast("SQSClient", GarblingSqs()), "url", "dead")
    with pytest.raises(QueueUnavailable):
        queue.dead_letter(Record("1", "receipt", "a", 1, 0, "{}", 0))


def test_a_queue_out_of_reach_ends_it_at_once() -> None:
    fake = RefusingSqs({})
    fake.error = EndpointConnectionError(endpoint_url="http://x")
    with pytest.raises(QueueUnavailable):
        fake.sender().send([envelope(f"c{number}", str(number)) for number in range(50)])
    assert len(fake.calls) == 1


def test_an_envelope_too_large_is_counted_and_the_others_go() -> None:
    fake, journal = RefusingSqs({}), FakeJournal()
    huge = envelope("a", "a1", "x" * MAX_BYTES)
    fake.sender(journal).send([huge, envelope("a", "a2"), envelope("b", "b1")])
    assert sorted(fake.accepted) == ["a2", "b1"]
    assert journal.metrics["Ignored", "telegram"] == 1
    assert journal.warnings[0][0] == "too_large"


def test_the_worker_deletes_what_is_done(sqs: "SQSClient", urls: tuple[str, str]) -> None:
    Sender(sqs, urls[0], FakeJournal()).send([envelope(f"c{n}", str(n)) for n in range(12)])
    queue = WorkerQueue(sqs, *urls)
    records = take(sqs, urls[0]) + take(sqs, urls[0])
    assert len(records) == 12
    assert queue.delete(records) == set()
    assert queue.hide([], 1) == set()
    attributes = sqs.get_queue_attributes(QueueUrl=urls[0], AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_hidden_for_no_time_it_comes_again(sqs: "SQSClient", urls: tuple[str, str]) -> None:
    Sender(sqs, urls[0], FakeJournal()).send([envelope("c", "1")])
    queue = WorkerQueue(sqs, *urls)
    [record] = take(sqs, urls[0])
    assert not take(sqs, urls[0])
    assert queue.hide([record], 0) == set()
    [again] = take(sqs, urls[0])
    assert again.receive_count == 2


def test_a_dead_letter_keeps_body_and_group_and_is_one(
    sqs: "SQSClient", urls: tuple[str, str]
) -> None:
    Sender(sqs, urls[0], FakeJournal()).send([envelope("c", "1")])
    queue = WorkerQueue(sqs, *urls)
    [record] = take(sqs, urls[0])
    queue.dead_letter(record)
    queue.dead_letter(record)
    [letter] = take(sqs, urls[1])
    assert (letter.body, letter.group) == (record.body, record.group)


def test_a_queue_that_is_gone(sqs: "SQSClient", urls: tuple[str, str]) -> None:
    Sender(sqs, urls[0], FakeJournal()).send([envelope("c", "1")])
    records = take(sqs, urls[0])
    queue = WorkerQueue(sqs, urls[0] + "x", urls[1] + "x")
    with pytest.raises(QueueUnavailable):
        queue.hide(records, 1)
    with pytest.raises(QueueUnavailable):
        queue.delete(records)
    with pytest.raises(QueueUnavailable):
        queue.dead_letter(records[0])


class AnsweringSqs:
    """Answers visibility and deletion batches with given results, call by call.

    A result is error codes by receipt handle, or None for a body that the SDK cannot parse.
    """

    def __init__(self, *failures: dict[str, str] | None) -> None:
        self.failures = list(failures)
        self.calls: list[list[dict[str, Any]]] = []

    def change_message_visibility_batch(self, **request: Any) -> Any:
        self.calls.append(request["Entries"])
        failed = self.failures.pop(0) if self.failures else {}
        if failed is None:
            return {}
        answer: dict[str, list[dict[str, str]]] = {"Successful": [], "Failed": []}
        for entry in request["Entries"]:
            code = failed.get(entry["ReceiptHandle"])
            told = {"Id": entry["Id"], **({"Code": code} if code else {})}
            answer["Failed" if code else "Successful"].append(told)
        return answer

    delete_message_batch = change_message_visibility_batch

    def queue(self) -> WorkerQueue:
        return WorkerQueue(cast("SQSClient", self), "url", "dead")


RECORDS = [Record(f"m{n}", f"r{n}", "g", 1, 0, "", 0) for n in range(12)]


@pytest.mark.parametrize(
    "code",
    [
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
        "AWS.SimpleQueueService.MessageNotInflight",
    ],
)
def test_refused_receipts_are_named(code: str) -> None:
    sqs = AnsweringSqs({"r1": code}, {"r11": code})
    assert sqs.queue().hide(RECORDS, 5) == {"m1", "m11"}
    assert [len(call) for call in sqs.calls] == [10, 2]
    assert AnsweringSqs({"r3": code}).queue().delete(RECORDS) == {"m3"}


def test_another_error_is_tried_once_more() -> None:
    sqs = AnsweringSqs({"r1": "InternalError", "r2": "ReceiptHandleIsInvalid"})
    assert sqs.queue().delete(RECORDS[:5]) == {"m2"}
    assert [[entry["ReceiptHandle"] for entry in call] for call in sqs.calls][1:] == [["r1"]]
    with pytest.raises(QueueUnavailable):
        AnsweringSqs({"r1": "InternalError"}, {"r1": "InternalError"}).queue().hide(RECORDS, 1)


def test_an_unreadable_answer_has_settled_nothing() -> None:
    sqs = AnsweringSqs(None)
    assert sqs.queue().hide(RECORDS[:3], 1) == set()
    assert [len(call) for call in sqs.calls] == [3, 3]
    with pytest.raises(QueueUnavailable):
        AnsweringSqs(None, None).queue().delete(RECORDS[:3])


@pytest.mark.parametrize(
    ("seconds", "timeout"), [(0, 0), (-1, 0), (0.1, 1), (2, 2), (2.01, 3), (1e9, 43_200)]
)
def test_seconds_are_rounded_up(seconds: float, timeout: int) -> None:
    sqs = AnsweringSqs()
    sqs.queue().hide(RECORDS[:1], seconds)
    assert sqs.calls[0][0]["VisibilityTimeout"] == timeout
