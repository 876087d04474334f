"""Generated pictures, and files that people send, on each channel through the whole stack."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest
import requests

from chatbot.core.translations import say
from local.stack import Stack
from local.standins.contract import Upload
from local.standins.faults import Fault
from local.standins.people import CHANNELS, Person
from tests.e2e.chat import Chat
from tests.leaks import LEAKS
from tests.pdfs import pdf

pytestmark = pytest.mark.long

Chats = Callable[[str], Chat]
PNG = b"\x89PNG\r\n\x1a\n"
POSTING = ["telegram", "messenger"]


@pytest.fixture
def words() -> str:
    """Return a prompt that no other test uses."""
    return f"a red fox {uuid.uuid4()}"


@pytest.fixture(autouse=True)
def well(stack: Stack) -> Iterator[None]:
    yield
    for standin in (stack.telegram, stack.graph, stack.openai):
        standin.faults.clear()


def drawn(stack: Stack, words: str) -> int:
    calls = stack.openai.wait(0, "images/generations")
    return sum(call.params["prompt"] == words for call in calls)


def pictures(chat: Chat) -> list[tuple[str, bytes]]:
    """Return the pictures that the person got: caption and content."""
    if chat.channel == "telegram":
        calls = chat.stack.telegram.wait(0, "sendPhoto")
        mine = [call.params for call in calls if call.params["chat_id"] == chat.person.telegram_id]
        return [(params.get("caption", ""), params["photo"].data) for params in mine]
    if chat.channel == "messenger":
        calls = chat.stack.graph.wait(0, "POST messages")
        found = []
        for call in calls:
            file = call.params.get("filedata")
            if call.params["recipient"]["id"] == chat.person.psid and isinstance(file, Upload):
                found.append(("", file.data))
        return found
    cookie = {"cookie": chat.person.signer.web_cookie(chat.person.session)}
    turns = get(chat.stack, "/web/messages", cookie).json()["turns"]
    made = [turn["made"] for turn in turns if turn["made"]]
    return [(each["title"], get(chat.stack, each["url"], cookie).content) for each in made]


def get(stack: Stack, path: str, headers: dict[str, str], **options: Any) -> requests.Response:
    return requests.get(stack.url + path, headers=headers, timeout=30, **options)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_picture_at_once(chat: Chats, channel: str, words: str) -> None:
    chatting = chat(channel)
    said = chatting.say(f"/image {words}")
    [(caption, content)] = pictures(chatting)
    assert content.startswith(PNG)
    assert words in (caption, *said)
    assert drawn(chatting.stack, words) == 1
    told = chatting.say(f"What did you draw? {words}")
    assert any("What did you draw?" in text for text in told)
    [prompt] = chatting.prompts(f"What did you draw? {words}")
    assert {"role": "assistant", "content": f"[picture: {words}]"} in prompt


@pytest.mark.parametrize("channel", CHANNELS)
def test_image_mode_draws_until_it_ends(chat: Chats, channel: str, words: str) -> None:
    chatting = chat(channel)
    assert say("image_mode", "en") in chatting.say("/image")
    said = [text for number in range(2) for text in chatting.say(f"{words} {number}")]
    assert len(pictures(chatting)) == 2
    assert sum(say("next_picture", "en") in text for text in said) == 2
    assert say("chat_mode", "en") in chatting.say("/chat")
    assert chatting.say("Hello")[0].startswith("You said: Hello")


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_filtered_picture(chat: Chats, channel: str) -> None:
    chatting = chat(channel)
    assert chatting.say("/image a crime [[filter]]") == [say("picture_filtered", "en")]
    assert pictures(chatting) == []


@pytest.mark.parametrize("channel", POSTING)
def test_a_failed_post_does_not_draw_twice(chat: Chats, channel: str, words: str) -> None:
    chatting = chat(channel)
    stack = chatting.stack
    standin = stack.telegram if channel == "telegram" else stack.graph
    upload = {"telegram": 'name="photo"', "messenger": 'name="filedata"'}[channel]
    standin.faults.add(Fault("status", contains=upload, status=503))
    assert chatting.post(chatting.person.write(channel, f"/image {words}", stack.url)).ok
    assert standin.faults.wait_fired()
    chatting.say("And then?")
    assert len(pictures(chatting)) == 1
    assert drawn(stack, words) == 1


def test_telegram_shows_that_a_picture_is_on_its_way(chat: Chats, words: str) -> None:
    chatting = chat("telegram")
    stack = chatting.stack
    stack.openai.faults.add(Fault("slow", match="images/generations", delay_s=0.5))
    chatting.say(f"/image {words}")
    actions = [
        call.params["action"]
        for call in stack.telegram.wait(0, "sendChatAction")
        if call.params["chat_id"] == chatting.person.telegram_id
    ]
    assert "upload_photo" in actions


def test_nobody_else_gets_a_picture_of_the_page(chat: Chats, stack: Stack, words: str) -> None:
    chatting = chat("web")
    chatting.say(f"/image {words}")
    own = {"cookie": chatting.person.signer.web_cookie(chatting.person.session)}
    [turn] = get(stack, "/web/messages", own).json()["turns"]
    url = turn["made"]["url"]
    answer = get(stack, url, own, allow_redirects=False)
    assert answer.status_code == HTTPStatus.FOUND
    assert "X-Amz-Expires=60" in answer.headers["location"]
    policy = get(stack, "/", own).headers["content-security-policy"]
    origin = answer.headers["location"].partition("/files")[0].rsplit("/", 3)[0]
    assert f"img-src 'self' {origin};" in policy
    other = Person(f"{chatting.person.name}-other", chatting.person.signer)
    theirs = {"cookie": other.signer.web_cookie(other.session)}
    assert get(stack, url, theirs).status_code == HTTPStatus.NOT_FOUND
    assert get(stack, url, {}).status_code == HTTPStatus.UNAUTHORIZED
    for path in ("/web/files/..%2Fa.png", "/web/files/" + "0" * 32 + ".png"):
        assert get(stack, path, own).status_code == HTTPStatus.NOT_FOUND


def sent(chat: Chat, kind: str, content: bytes, name: str, caption: str = "") -> list[str]:
    """Send a file. Returns the parts of the answer."""
    before = len(chat.received(0))
    source = chat.stack.upload(chat.channel, content, name)
    assert chat.post(chat.person.send(chat.channel, kind, source, caption, name)).ok
    return chat.received(before + 1)[before:]


@pytest.mark.parametrize("channel", POSTING)
def test_a_photo_is_shown_to_the_model(chat: Chats, channel: str, words: str) -> None:
    chatting = chat(channel)
    [answer] = sent(chatting, "photo", PNG + words.encode(), "secret-name.png", words)
    assert answer == f"You said: [picture] {words}"
    [shown] = [
        part["image_url"]["url"]
        for call in chatting.stack.openai.wait(0, "chat/completions")
        for part in call.params["messages"][-1]["content"]
        if words in str(call.params["messages"][-1]["content"])
        if isinstance(part, dict) and part["type"] == "image_url"
    ]
    assert shown.startswith("data:image/png;base64,iVBORw0KGgp")
    chatting.say(f"And now? {words}")
    [later] = chatting.prompts(f"And now? {words}")
    assert {"role": "user", "content": f"[picture] {words}"} in later
    assert [part["type"] for part in later[-1]["content"]] == ["text", "image_url"]  # shown again
    assert "secret-name" not in LEAKS.written
    assert "secret-name" in str(chatting.stack.recorder.after(0))


@pytest.mark.parametrize("channel", POSTING)
def test_a_voice_is_written_down(chat: Chats, channel: str) -> None:
    chatting = chat(channel)
    said = chatting.stack.openai.transcript
    assert sent(chatting, "voice", b"OggS\0", "voice.oga") == [f"You said: {said}"]


@pytest.mark.parametrize("channel", POSTING)
def test_a_document_is_read(chat: Chats, channel: str) -> None:
    chatting = chat(channel)
    [answer] = sent(chatting, "document", b"Milk, eggs", "list.txt")
    assert answer == "You said: [document: list.txt]\nMilk, eggs"


@pytest.mark.parametrize("channel", POSTING)
def test_a_pdf_is_read(chat: Chats, channel: str) -> None:
    chatting = chat(channel)
    [answer] = sent(chatting, "document", pdf("Milk", "Eggs"), "list.pdf")
    assert answer == "You said: [document: list.pdf]\nMilk\nEggs"


@pytest.mark.parametrize("channel", POSTING)
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"MZ\x90\0", "unsupported"),
        (b"%PDF-1.7\xff", "pdf_unreadable"),
        (b"PK\3\4", "archive"),
        (b" " * 10_000_001, "too_large"),
    ],
)
def test_what_cannot_be_read_gets_a_sentence(
    chat: Chats, channel: str, content: bytes, sentence: str
) -> None:
    assert sent(chat(channel), "document", content, "a.bin") == [say(sentence, "en", most=10)]


def test_what_is_neither_text_nor_file_gets_its_treatment(chat: Chats) -> None:
    chatting = chat("telegram")
    contents: list[tuple[dict[str, Any], str]] = [
        ({"sticker": {"emoji": "👍"}}, "👍"),
        ({"location": {"latitude": 51.5, "longitude": -0.14}}, "[location: 51.5, -0.14]"),
        ({"contact": {"first_name": "Bob", "phone_number": "1"}}, "[contact: Bob]"),
        ({"dice": {"emoji": "🎲", "value": 4}}, "[🎲 shows 4]"),
        ({"poll": {"question": "Tea?", "options": [{"text": "Yes"}]}}, "[poll: Tea? Yes]"),
        ({"video": {"file_id": "v"}, "caption": "Look"}, "[video] Look"),
    ]
    for number, (content, words) in enumerate(contents):
        assert chatting.post(chatting.person.telegram("", **content)).ok
        assert chatting.received(number + 1)[-1].partition("\n")[0] == f"You said: {words}"
    assert chatting.post(chatting.person.telegram("", video={"file_id": "v"})).ok
    assert chatting.received(len(contents) + 1)[-1] == say("unsupported", "en")
