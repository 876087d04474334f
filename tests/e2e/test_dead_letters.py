"""What cannot be answered becomes a dead letter, its conversation goes on, a redrive answers it.

With functions in processes, as a second stack with functions in this process cannot run.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator

import pytest

from chatbot.adapters.sqs import group_of
from local.stack import Options, Stack
from local.standins.faults import Fault, Faults
from local.standins.people import Person, Post, Signer
from ops.__main__ import main
from tests.e2e.chat import Chat, until
from tests.leaks import LEAKS

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="needs real Lambda processes"),
]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    settings = {
        "RETRY_DELAY": "200ms",
        "SETTLE": "1s",
        "GIVE_UP_AFTER": "5s",
    }
    with Stack(Options(runtime="rie", workers=2, settings=settings)) as running:
        LEAKS.watch(running)
        yield running


@pytest.fixture
def faults(stack: Stack) -> Iterator[dict[str, Faults]]:
    """Return the fault rules of a channel's platform."""
    yield {"telegram": stack.telegram.faults, "messenger": stack.graph.faults}
    for faults in (stack.telegram.faults, stack.graph.faults):
        faults.clear()


def waiting(stack: Stack, url: str) -> int:
    """Return the number of messages in the queue, in flight or not."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    answer = stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(count) for name, count in answer.items() if name in names)


def dies(chat: Chat, faults: Faults) -> tuple[str, Post]:
    """Send a message whose answer is refused until it is a dead letter. Returns its text."""
    operation = {"telegram": "sendMessage", "messenger": "POST messages"}[chat.channel]
    faults.add(Fault("status", match=operation, times=0, status=401, code="190/0"))
    text = f"Say it again {uuid.uuid4()}"
    post = chat.person.write(chat.channel, text, chat.stack.url)
    assert chat.post(post).ok
    letters = chat.stack.dead_letter_queue_url
    until(lambda: waiting(chat.stack, letters), 1)
    faults.clear()
    assert chat.received(0) == []
    return text, post


def redrive(stack: Stack, person: Person, channel: str) -> None:
    conversation = person.conversation(channel)
    assert main(["redrive", "--conversation", conversation, "--local", stack.url]) == 0
    settled(stack)


def settled(stack: Stack) -> None:
    until(lambda: waiting(stack, stack.queue_url), 0)
    until(lambda: waiting(stack, stack.dead_letter_queue_url), 0)


@pytest.fixture
def chat(stack: Stack) -> Callable[[str], Chat]:
    person = Person(f"ada-{uuid.uuid4()}", Signer(stack.settings))
    return lambda channel: Chat(stack, person, channel)


def test_a_poison_record_does_not_stop_its_conversation(
    stack: Stack, chat: Callable[[str], Chat]
) -> None:
    chatting = chat("telegram")
    conversation = chatting.person.conversation("telegram")
    stack.sqs.send_message(
        QueueUrl=stack.queue_url,
        MessageBody="not an envelope at all",
        MessageGroupId=group_of(conversation),
        MessageDeduplicationId=uuid.uuid4().hex,
    )
    until(lambda: waiting(stack, stack.dead_letter_queue_url), 1)
    assert chatting.say("And what comes next?") == ["You said: And what comes next?"]
    assert main(["redrive", "--dry-run", "--local", stack.url]) == 0
    (letter,) = stack.sqs.receive_message(
        QueueUrl=stack.dead_letter_queue_url, MessageSystemAttributeNames=["All"]
    )["Messages"]
    assert letter["Body"] == "not an envelope at all"
    assert letter["Attributes"]["MessageGroupId"] == conversation
    stack.sqs.delete_message(
        QueueUrl=stack.dead_letter_queue_url, ReceiptHandle=letter["ReceiptHandle"]
    )


@pytest.mark.parametrize("channel", ["telegram", "messenger"])
def test_a_dead_letter_comes_back_and_is_answered_once(
    stack: Stack, chat: Callable[[str], Chat], faults: dict[str, Faults], channel: str
) -> None:
    chatting = chat(channel)
    text, _ = dies(chatting, faults[channel])
    redrive(stack, chatting.person, channel)
    (answer,) = chatting.received(1)
    assert answer.startswith(f"You said: {text}")
    assert len(chatting.prompts(text)) == 1


@pytest.mark.parametrize("again", ["before the redrive", "after the redrive"])
def test_the_same_event_sent_again_is_not_answered_twice(
    stack: Stack, chat: Callable[[str], Chat], faults: dict[str, Faults], again: str
) -> None:
    chatting = chat("telegram")
    text, post = dies(chatting, faults["telegram"])
    if again == "before the redrive":
        assert chatting.post(post).ok
        assert len(chatting.received(1)) == 1
    redrive(stack, chatting.person, "telegram")
    if again == "after the redrive":
        assert chatting.post(post).ok
        settled(stack)
    # What comes after it shows that all before is done.
    chatting.say("Is that all?")
    first, second = chatting.received(2)
    assert first.startswith(f"You said: {text}")
    assert second.startswith("You said: Is that all?")


def test_too_late_for_the_window_ends_as_undeliverable(
    stack: Stack, chat: Callable[[str], Chat], faults: dict[str, Faults]
) -> None:
    chatting = chat("messenger")
    dies(chatting, faults["messenger"])
    closed = Fault("status", match="POST messages", times=0, status=400, code="10/2018278")
    faults["messenger"].add(closed)
    redrive(stack, chatting.person, "messenger")
    faults["messenger"].clear()
    assert chatting.received(0) == []
    turns = stack.table.query(
        KeyConditionExpression="pk = :pk AND begins_with(sk, :turn)",
        ExpressionAttributeValues={
            ":pk": chatting.person.conversation("messenger"),
            ":turn": "turn#",
        },
    )["Items"]
    assert [turn["state"] for turn in turns] == ["undeliverable"]
    assert [fired.fault for fired in faults["messenger"].fired].count(closed) == 1
