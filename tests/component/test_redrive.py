"""`python -m ops redrive` with moto's queues."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from chatbot.adapters.sqs import group_of
from chatbot.core.message import Envelope
from ops.__main__ import main
from ops.redrive import Redrive
from tests.component.conftest import Aws, Queues
from tests.fakes.clock import NOON

WORDS = "What was said to the bot"


@pytest.fixture(autouse=True)
def _nobody_writes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Receive without waiting: moto would wait too, but always looks at the whole queue."""
    monkeypatch.setattr("ops.redrive.PATIENCE", 0)


def body(conversation: str, number: int) -> str:
    event_id = f"{number:012d}:message"
    return Envelope("telegram", conversation, event_id, NOON, {"text": WORDS}).to_json()


def bury(aws: Aws, queues: Queues, conversation: str, *numbers: int) -> list[str]:
    """Send dead letters. Returns their bodies."""
    bodies = [body(conversation, number) for number in numbers]
    for each in bodies:
        send(aws, queues.dead_letters, each, group_of(conversation))
    return bodies


def send(aws: Aws, url: str, text: str, group: str) -> None:
    aws.sqs.send_message(
        QueueUrl=url,
        MessageBody=text,
        MessageGroupId=group,
        MessageDeduplicationId=uuid.uuid4().hex,
    )


def drain(aws: Aws, url: str) -> dict[str, list[str]]:
    """Receive and delete a queue's messages. Returns their bodies in order, by group."""
    found = defaultdict(list)
    while messages := aws.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    ).get("Messages"):
        for message in messages:
            found[message["Attributes"]["MessageGroupId"]].append(message["Body"])
            aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return dict(found)


def redrive(aws: Aws, queues: Queues, **more: Any) -> Redrive:
    return Redrive(aws.sqs, queues.messages, queues.dead_letters, patience=0, **more)


def send_all(run: Redrive, group: str = "") -> int:
    try:
        count = 0
        for letter in run.letters(group):
            run.send_back(letter)
            count += 1
        return count
    finally:
        run.release()


class Dies:
    """An SQS client whose connection fails for one operation from call number `calls` on."""

    def __init__(self, aws: Aws, operation: str, calls: int = 0) -> None:
        self._sqs, self._operation, self._left = aws.sqs, operation, calls

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            self._left -= 1
            if self._left < 0:
                raise EndpointConnectionError(endpoint_url="https://sqs")
        return getattr(self._sqs, name)


def test_all_come_back_in_the_order_of_their_conversations(aws: Aws, queues: Queues) -> None:
    expected = {"telegram:1": [""], "telegram:2": [""]}
    for number in range(25):
        for conversation in expected:
            expected[conversation] += bury(aws, queues, conversation, number)
    assert send_all(redrive(aws, queues)) == 50
    came = drain(aws, queues.messages)
    assert {name: ["", *bodies] for name, bodies in came.items()} == expected
    assert drain(aws, queues.dead_letters) == {}


def test_one_conversation_and_no_other(aws: Aws, queues: Queues) -> None:
    others = bury(aws, queues, "telegram:1", *range(12))
    own = bury(aws, queues, "messenger:ö", 1, 2)
    assert send_all(redrive(aws, queues), group_of("messenger:ö")) == 2
    assert drain(aws, queues.messages) == {group_of("messenger:ö"): own}
    assert drain(aws, queues.dead_letters) == {"telegram:1": others}


def test_what_died_since_it_began_is_left(aws: Aws, queues: Queues) -> None:
    letters = bury(aws, queues, "telegram:1", 1)
    assert send_all(redrive(aws, queues, began=time.time() - 60)) == 0
    assert drain(aws, queues.dead_letters) == {"telegram:1": letters}


def test_dying_between_sending_and_deleting_loses_nothing(aws: Aws, queues: Queues) -> None:
    letters = bury(aws, queues, "telegram:1", 1, 2)
    dying = Redrive(
        cast("Any", Dies(aws, "delete_message", 1)), queues.messages, queues.dead_letters, 0
    )
    with pytest.raises(EndpointConnectionError):
        send_all(dying)
    assert send_all(redrive(aws, queues)) == 1
    # The second came twice: under the same deduplication id one of them would be lost by now.
    assert drain(aws, queues.messages) == {"telegram:1": [*letters, letters[1]]}
    assert drain(aws, queues.dead_letters) == {}


def test_what_cannot_be_sent_stays_in_its_order(aws: Aws, queues: Queues) -> None:
    letters = bury(aws, queues, "telegram:1", 1, 2, 3)
    dying = Redrive(
        cast("Any", Dies(aws, "send_message", 1)), queues.messages, queues.dead_letters, 0
    )
    with pytest.raises(EndpointConnectionError):
        send_all(dying)
    assert drain(aws, queues.messages) == {"telegram:1": letters[:1]}
    assert drain(aws, queues.dead_letters) == {"telegram:1": letters[1:]}


def test_a_look_changes_nothing_and_tells_no_words(
    aws: Aws, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = bury(aws, queues, "telegram:1", 1, 2)
    send(aws, queues.dead_letters, f"not an envelope: {WORDS}", "telegram:3")
    assert main(["redrive", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.count("000000000001:message") == 1
    assert "telegram:3" in out
    assert "unreadable" in out
    assert "received 1 times" in out
    assert "3 found; about 3 in the dead-letter queue" in out
    assert WORDS not in out
    assert drain(aws, queues.messages) == {}
    assert drain(aws, queues.dead_letters)["telegram:1"] == letters


def test_the_command_on_a_deployed_stack(
    aws: Aws, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    bury(aws, queues, "telegram:1", 1)
    send(aws, queues.dead_letters, "not an envelope", "telegram:3")
    assert main(["redrive", "--stack", "chatbot", "--conversation", "telegram:3"]) == 0
    assert "1 sent back; about 1 in the dead-letter queue" in capsys.readouterr().out
    assert main(["redrive", "--all"]) == 0
    assert set(drain(aws, queues.messages)) == {"telegram:1", "telegram:3"}


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ([], 2, "choose --dry-run, --all or --conversation C"),
        (["--all", "--stack", "other"], 1, "stack other:"),
        (["--all", "--local", "http://127.0.0.1:9"], 1, "no local stack answers at"),
    ],
)
def test_it_says_what_is_wrong(
    aws: Aws, capsys: pytest.CaptureFixture[str], words: list[str], code: int, reason: str
) -> None:
    assert main(["redrive", *words]) == code
    error = capsys.readouterr().err
    assert reason in error
    assert len(error.splitlines()) == 1


def test_a_queue_that_does_not_answer(
    aws: Aws, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.sqs.delete_queue(QueueUrl=queues.dead_letters)
    assert main(["redrive", "--all"]) == 1
    assert "stopped after 0:" in capsys.readouterr().err
