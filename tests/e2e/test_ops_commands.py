"""`python -m ops register`, `conversation`, `stats` and `tail` on the local stack."""

from __future__ import annotations

import io
import json
import re
import uuid
from collections.abc import Callable
from contextlib import redirect_stderr

import pytest

from chatbot.core.key import folder_of
from local.stack import Stack
from local.standins.people import Person
from ops.__main__ import main
from tests.e2e.chat import Chat, until
from tests.streams import printing_to

pytestmark = pytest.mark.long

Chatting = Callable[[str], Chat]


def ops(stack: Stack, *words: str) -> tuple[int, str]:
    """Run a command. Returns exit code and output; unlike the functions' logs it may hold texts."""
    out = io.StringIO()
    with printing_to(out), redirect_stderr(out):
        code = main([*words, "--local", stack.url])
    return code, out.getvalue()


def test_register_and_undo(stack: Stack) -> None:
    code, out = ops(stack, "register")
    assert code == 0
    assert "registered @" in out
    assert stack.telegram.webhook["url"] == f"{stack.url}/telegram"
    assert stack.graph.subscriptions["page"]["callback_url"] == f"{stack.url}/messenger"
    code, out = ops(stack, "register", "--undo")
    assert (code, out.count("unregistered")) == (0, 2)
    assert stack.telegram.webhook == {"url": ""}
    assert stack.graph.subscriptions == {}


def test_a_conversation_is_shown_and_exported(stack: Stack, chat: Chatting, person: Person) -> None:
    name = person.conversation("telegram")
    for number in (1, 2):
        chat("telegram").say(f"This is number {number}")
    code, shown = ops(stack, "conversation", "show", name)
    assert code == 0
    assert re.findall(r"(person|answer): (.+)", shown) == [
        ("person", "This is number 1"),
        ("answer", "You said: This is number 1"),
        ("person", "This is number 2"),
        ("answer", r"You said: This is number 2\n\nEarlier you said: This is number 1"),
    ]
    code, exported = ops(stack, "conversation", "export", name)
    turns = [json.loads(line) for line in exported.splitlines()]
    assert [turn["text"] for turn in turns] == ["This is number 1", "This is number 2"]
    assert [turn["state"] for turn in turns] == ["delivered", "delivered"]


def test_a_long_conversation_is_exported_whole(stack: Stack) -> None:
    name = f"web:{uuid.uuid4().hex[:22]}"
    with stack.table.batch_writer() as batch:
        for number in range(120):
            item = {"state": "delivered", "origin": "model", "text": str(number)}
            batch.put_item({"pk": name, "sk": f"turn#{number:013d}#{number}:message", **item})
    _, exported = ops(stack, "conversation", "export", name)
    texts = [json.loads(line)["text"] for line in exported.splitlines()]
    assert texts == [str(number) for number in range(120)]


def test_nobody_is_nobody(stack: Stack) -> None:
    code, out = ops(stack, "conversation", "show", "telegram:0")
    assert (code, out) == (1, "no turns are stored for telegram:0\n")


def test_what_is_forgotten_is_gone_and_not_answered_again(
    stack: Stack, chat: Chatting, person: Person
) -> None:
    name, chatting = person.conversation("telegram"), chat("telegram")
    chatting.say("/start")
    chatting.say("/export")
    s3, made = stack.aws.client("s3"), {"Bucket": stack.bucket, "Prefix": folder_of(name)}
    assert s3.list_objects_v2(**made)["KeyCount"] == 1
    old = person.telegram("My name is Ada")
    assert chatting.post(old).ok
    assert len(chatting.received(2)) == 2
    assert ops(stack, "conversation", "forget", name)[0] == 0
    assert ops(stack, "conversation", "show", name)[0] == 1
    assert chatting.post(old).ok  # Telegram sends it again, or it returns from the dead letters
    assert "Ada" not in chatting.say("What is my name?")[0]
    assert len(chatting.received(3)) == 3  # the old message was not answered a second time
    state = stack.table.get_item(Key={"pk": name, "sk": "~state"})["Item"]
    assert "name" not in state
    assert s3.list_objects_v2(**made)["KeyCount"] == 0
    assert state["expires_at"]


def test_stats_count_by_channel(stack: Stack, chat: Chatting) -> None:
    def count() -> dict[str, dict[str, float]]:
        code, out = ops(stack, "stats", "--price-in", "1000000000", "--days", "1")
        assert code == 0
        assert "Count me" not in out
        head, *lines = (line.replace("tokens in", "in").split() for line in out.splitlines())
        names = [name for name in head if name != "s"]
        return {line[1]: dict(zip(names[2:], map(float, line[2:]), strict=True)) for line in lines}

    chat("telegram").say("Count me")
    chatting = chat("web")
    chatting.say("Count me too")
    before = count()
    for channel in ("telegram", "web"):
        row = before[channel]
        assert row["messages"] >= row["delivered"] >= 1
        assert row["USD"] == row["in"] * 1000 > 0  # a wide number still stands apart
    turn = chatting.turns()[-1]
    for rating, name in ((1, "up"), (-1, "down")):
        origin = chatting.stack.url
        thumb = chatting.person.react("web", turn["id"], rating, origin, turn["sent_at"])
        assert chatting.post(thumb).ok
        until(lambda: chatting.turns()[-1]["rating"], rating)
        after = count()["web"]
        added = {each: after[each] - before["web"][each] for each in ("up", "down")}
        assert added == {"up": 0, "down": 0, name: 1}


def test_tail_shows_one_conversation_without_its_words(
    stack: Stack, chat: Chatting, person: Person
) -> None:
    chat("telegram").say("Nobody may read this in a log")
    code, out = ops(stack, "tail", "--once", "--conversation", person.conversation("telegram"))
    assert code == 0
    assert "SendMessageBatch" in out
    assert "PutItem" in out
    assert "read this" not in out
    assert ops(stack, "tail", "--once", "--conversation", "telegram:999") == (0, "")


@pytest.mark.parametrize("command", ["register", "stats", "tail", "conversation show telegram:1"])
def test_no_stack_is_one_line(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([*command.split(), "--local", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
