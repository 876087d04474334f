"""Every command and button, on every channel, through the whole stack."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests

from chatbot.adapters.dynamodb.turns import Table
from chatbot.core.key import TurnKey, folder_of
from chatbot.core.message import Author
from chatbot.core.translations import sentences
from chatbot.core.turn import Links, Origin, Reply, State, Turn
from local.stack import Stack
from local.standins.people import CHANNELS, Person
from tests.e2e.chat import Chat, until

Chats = Callable[[str], Chat]
DAY = 86_400_000
# What a command does is the same everywhere; how it looks on a channel seldom changes.
everywhere = pytest.mark.parametrize(
    "channel", [CHANNELS[0], *(pytest.param(name, marks=pytest.mark.long) for name in CHANNELS[1:])]
)


def now() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def chatting(chat: Chats, channel: str) -> Chat:
    return chat(channel)


def table_of(stack: Stack) -> Table:
    return Table(stack.aws.client("dynamodb"), stack.table.name, now, 90)


def said_days_ago(chat: Chat, days: int, text: str, **changes: Any) -> None:
    key = TurnKey.of(chat.person.conversation(chat.channel), now() - days * DAY, f"{text}:message")
    turn = Turn(
        key=key,
        channel=chat.channel,
        author=Author("7"),
        text=text,
        reply=Reply(f"You said: {text}"),
        state=State.DELIVERED,
        origin=Origin.MODEL,
    )
    table_of(chat.stack).put(replace(turn, **changes))


def stored(chat: Chat) -> list[dict[str, Any]]:
    """Return all stored items of the person."""
    own = (chat.person.session, str(chat.person.telegram_id), chat.person.psid)
    items: list[dict[str, Any]] = chat.stack.table.scan()["Items"]
    return [item for item in items if any(one in json.dumps(item, default=str) for one in own)]


def kept_files(chat: Chat) -> dict[str, bytes]:
    s3, bucket = chat.stack.aws.client("s3"), chat.stack.bucket
    folder = folder_of(chat.person.conversation(chat.channel))
    found = s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", ())
    return {
        each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found
    }


def received_file(chat: Chat) -> bytes:
    """Return the file that the person gets: a document, or on the web page a link."""
    if chat.channel == "web":
        made = chat.turns()[-1]["made"]
        assert made["title"] == "conversation.json"
        cookie = chat.person.signer.web_cookie(chat.person.session)
        url = chat.stack.url + made["url"]
        return requests.get(url, headers={"cookie": cookie}, timeout=30).content
    if chat.channel == "telegram":
        calls = chat.stack.telegram.wait(0, "sendDocument")
        own = [call.params for call in calls if call.params["chat_id"] == chat.person.telegram_id]
        upload = own[-1]["document"]
    else:
        calls = chat.stack.graph.wait(0, "POST messages")
        own = [call.params for call in calls if call.params["recipient"]["id"] == chat.person.psid]
        (upload,) = [params["filedata"] for params in own if "filedata" in params]
    assert upload.filename == "conversation.json"
    content: bytes = upload.data
    return content


def english(name: str) -> str:
    return sentences("en")[name]


@everywhere
def test_start_and_help_tell_the_commands(chatting: Chat) -> None:
    for command in ("/start", "/help", "/dance"):
        (answer,) = chatting.say(command)
        assert "/persona – Choose who I am" in answer
    assert not chatting.prompts("/dance")


@everywhere
def test_a_fresh_start_by_button(chatting: Chat) -> None:
    chatting.say("My name is Ada")
    assert chatting.say("/new") == [english("new")]
    fresh, earlier = chatting.buttons().items()
    assert (fresh[0], earlier[0]) == (english("button_fresh"), english("button_earlier"))
    assert chatting.press(fresh[1]) == [english("fresh_start")]
    assert chatting.say("What is my name?") == ["You said: What is my name?"]
    assert chatting.press(earlier[1]) == [english("resumed")]
    assert chatting.say("What is my name?") == ["Your name is Ada."]


@everywhere
def test_the_earlier_conversation_comes_back_after_days(chatting: Chat) -> None:
    said_days_ago(chatting, 6, "My name is Ada")
    said_days_ago(chatting, 5, "/reset", links=Links(fresh_start=True), origin=Origin.COMMAND)
    assert chatting.say("What is my name?") == ["You said: What is my name?"]
    chatting.say("/new")
    assert chatting.press(chatting.buttons()[english("button_earlier")]) == [english("resumed")]
    assert chatting.say("What is my name?") == ["Your name is Ada."]


@everywhere
def test_history_shows_what_was_said(chatting: Chat) -> None:
    assert chatting.say("/history") == [english("nothing_earlier")]
    chatting.say("I like *foxes*")
    (answer,) = chatting.say("/history")
    assert "You: I like" in answer
    assert answer.index("You:") < answer.index("I: You said: I like")


@everywhere
def test_a_persona_is_picked_by_button(chatting: Chat) -> None:
    chatting.say("/persona")
    assert list(chatting.buttons()) == ["myself", "Pirate", "Poet"]
    assert chatting.press(chatting.buttons()["Pirate"]) == ["From now on I am: Pirate."]
    question = f"Who are you? {chatting.person.name}"
    chatting.say(question)
    ((system, _),) = chatting.prompts(question)
    assert system["content"].startswith("You are a pirate.")
    assert chatting.press("/persona default") == ["From now on I am: myself."]


@everywhere
def test_an_export_holds_everything(chatting: Chat) -> None:
    chatting.say("My name is Ada")
    said_days_ago(chatting, 80, "long ago")
    chatting.say("/export")
    (content,) = kept_files(chatting).values()
    assert received_file(chatting) == content
    turns = json.loads(content)["turns"]
    assert [turn["text"] for turn in turns] == ["long ago", "My name is Ada"]
    assert turns[1]["reply"]["text"] == "You said: My name is Ada"


@everywhere
def test_forgetting_leaves_nothing(chatting: Chat) -> None:
    chatting.say("/start")
    chatting.say("My name is Ada")
    said_days_ago(chatting, 80, "long ago")
    chatting.say("/export")
    chatting.say("/forget")
    assert chatting.press(chatting.buttons()[english("button_keep")]) == [english("kept")]
    assert len(stored(chatting)) >= 6
    (answer,) = chatting.press("/forget yes")
    assert "35 more days" in answer
    assert not kept_files(chatting)
    turn, person = stored(chatting)
    assert {*person} == {"pk", "sk", "forgotten_before", "expires_at"}
    words = {name: turn[name] for name in turn.keys() & {"text", "author", "name", "language"}}
    assert not words
    assert chatting.say("What is my name?") == ["You said: What is my name?"]


@everywhere
def test_retry_answers_the_last_message_again(chatting: Chat) -> None:
    chatting.say("My name is Ada")
    chatting.say("What is my name?")
    assert chatting.say("/retry") == ["Your name is Ada."]
    texts = [item["text"] for item in stored(chatting) if item.get("replaces")]
    assert texts == ["What is my name?"]


@everywhere
def test_modes_are_switched(chatting: Chat) -> None:
    assert chatting.say("/image") == [english("image_mode")]
    assert chatting.say("/chat") == [english("chat_mode")]
    assert chatting.say("Hello") == ["You said: Hello"]


@everywhere
def test_a_thumb_is_kept_with_its_answer(chatting: Chat) -> None:
    chatting.say("My name is Ada")
    (turn,) = stored(chatting)
    answer, sent_at = turn["sk"].partition("#")[2].partition("#")[2].partition(":")[0], 0
    if chatting.channel == "web":
        sent_at = int(turn["sk"].split("#")[1])
    else:
        (answer,) = turn["posted"]
    for rating in (1, -1, 0):
        post = chatting.person.react(chatting.channel, answer, rating, chatting.stack.url, sent_at)
        assert chatting.post(post).ok
        until(lambda: stored(chatting)[0].get("rating", 0), rating)


def test_a_heart_is_no_thumb(chat: Chats) -> None:
    chatting = chat("telegram")
    before = chatting.stack.recorder.last
    post = chatting.person.react("telegram", "1", 1, "")
    heart = json.loads(post.body)
    heart["message_reaction"]["new_reaction"] = [{"type": "emoji", "emoji": "❤"}]
    assert chatting.post(replace(post, body=json.dumps(heart).encode())).ok
    queued = [r for r in chatting.stack.recorder.after(before) if "SendMessage" in r.operation]
    assert not [record for record in queued if post.marker in record.request]


@pytest.mark.parametrize("channel", ["telegram", "web"])
def test_people_are_answered_in_their_language(chatting: Chat) -> None:
    person, url = chatting.person, chatting.stack.url
    if chatting.channel == "web":
        post = person.web("/chat", url, language="de-DE")
    else:
        sender = {"id": person.telegram_id, "is_bot": False, "first_name": "Ada"}
        post = person.telegram("/chat", **{"from": {**sender, "language_code": "de"}})
    assert chatting.answers_to(post) == [sentences("de")["chat_mode"]]


@pytest.fixture
def group(person: Person) -> dict[str, Any]:
    return {"id": -person.telegram_id, "type": "supergroup", "title": "A group"}


@pytest.mark.parametrize("command", ["/reset", "/new", "/persona", "/export", "/forget"])
def test_in_a_group_only_administrators_rule(
    chat: Chats, group: dict[str, Any], command: str
) -> None:
    chatting = chat("telegram")
    person, telegram = chatting.person, chatting.stack.telegram
    assert chatting.post(person.telegram(command, chat=group)).ok
    assert chatting.received(1, group["id"]) == [english("administrators_only")]
    telegram.administrators.add((group["id"], person.telegram_id))
    assert chatting.post(person.telegram(command, chat=group)).ok
    until(lambda: len(table_turns(chatting, group)), 2)
    origins = [turn.reply.text for turn in table_turns(chatting, group)]
    assert origins[1] != english("administrators_only")


def test_an_anonymous_administrator_is_one(chat: Chats, group: dict[str, Any]) -> None:
    chatting = chat("telegram")
    anonymous = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
    post = chatting.person.telegram("/reset", chat=group, sender_chat=group, **{"from": anonymous})
    assert chatting.post(post).ok
    assert chatting.received(1, group["id"]) == [english("fresh_start")]


def table_turns(chat: Chat, group: dict[str, Any]) -> list[Turn]:
    turns = table_of(chat.stack).turns_after(f"telegram:{group['id']}", "", 10).turns
    return [turn for turn in turns if turn.state is State.DELIVERED]
