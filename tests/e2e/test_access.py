"""Who may write to the bot and how often, through the whole stack on every channel."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from http import HTTPStatus

import pytest
import requests

from local.stack import Stack
from local.standins.people import CHANNELS
from tests.e2e.chat import Chat

pytestmark = pytest.mark.long

Chats = Callable[[str], Chat]
Change = Callable[..., None]


@pytest.mark.parametrize("channel", CHANNELS)
def test_who_did_not_press_start_is_asked_to_once(
    chat: Chats, change: Change, channel: str
) -> None:
    change(ACCESS="start")
    chatting, marker = chat(channel), str(uuid.uuid4())
    assert "Press /start" in chatting.say(f"Hello {marker}")[0]
    assert not any(chatting.say(f"Hello? {marker}"))
    assert "Write to me" in chatting.say("/start")[-1]
    assert chatting.prompts(marker) == []
    assert chatting.say(f"Now then {marker}")[-1].startswith("You said: Now then")


@pytest.mark.parametrize("channel", CHANNELS)
def test_who_is_not_on_the_list_learns_the_id(chat: Chats, change: Change, channel: str) -> None:
    change(ACCESS="allowlist", ALLOWLIST="telegram:1")
    chatting, marker = chat(channel), str(uuid.uuid4())
    who = chatting.person.conversation(channel)
    said = chatting.say(f"Hello {marker}")[0].replace("\\_", "_")  # the page's are Markdown
    assert who in said
    assert chatting.prompts(marker) == []
    change(ACCESS="allowlist", ALLOWLIST=f"telegram:1,{who}")
    assert chatting.say(f"Hello {marker}")[-1].startswith("You said")


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_days_answers_have_an_end(chat: Chats, change: Change, channel: str) -> None:
    change(DAILY_MESSAGES="2")
    chatting, marker = chat(channel), str(uuid.uuid4())
    said = [chatting.say(f"Number {number} {marker}")[-1] for number in range(3)]
    assert "2 answers of today" in said[2]
    assert " min, when a new day begins" in said[2]
    assert len(chatting.prompts(marker)) == 2


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_days_pictures_have_an_end(chat: Chats, change: Change, channel: str) -> None:
    change(DAILY_IMAGES="1")
    chatting = chat(channel)
    chatting.say("/image a red fox")
    assert "pictures of today" in chatting.say("/image a red fox")[-1]


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_bots_answers_of_a_day_have_an_end(
    stack: Stack, chat: Chats, change: Change, channel: str
) -> None:
    stack.table.delete_item(Key={"pk": "~total", "sk": "~day"})
    change(DAILY_TOTAL="1")
    chatting = chat(channel)
    assert chatting.say("One")[-1].startswith("You said")
    assert "all my answers of today" in chatting.say("Two")[-1]


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_is_too_long_is_not_sent_to_the_model(
    chat: Chats, change: Change, channel: str
) -> None:
    change(MAX_INPUT="100")
    chatting, marker = chat(channel), str(uuid.uuid4())
    assert "up to 100 characters" in chatting.say(f"{marker} {'x' * 100}")[0]
    assert chatting.prompts(marker) == []


def test_the_page_opens_to_who_knows_the_code(stack: Stack, chat: Chats, change: Change) -> None:
    change(WEB_ACCESS="code")
    person, url = chat("web").person, stack.url
    session = requests.Session()
    name, _, value = person.signer.web_cookie(person.session).partition("=")
    session.cookies.set(name, value)

    def post(path: str, **body: str) -> requests.Response:
        return session.post(f"{url}{path}", json=body, headers={"Origin": url}, timeout=30)

    def locked() -> bool:
        page = session.get(f"{url}/web/messages", timeout=30).json()
        return bool(page["locked"])

    for path in ("/web/messages", "/web/stop", "/web/rating"):
        refused = post(path, id="1")
        assert (refused.status_code, refused.json()) == (HTTPStatus.FORBIDDEN, {"error": "access"})
    assert locked()
    wrong = post("/web/access", code="Sesame")
    assert (wrong.status_code, wrong.json()) == (HTTPStatus.FORBIDDEN, {"error": "code"})
    assert locked()
    assert post("/web/access", code="open sesame").status_code == HTTPStatus.NO_CONTENT
    assert not locked()
    assert post("/web/stop", id="1").status_code == HTTPStatus.ACCEPTED
    change(WEB_ACCESS="code", WEB_ACCESS_CODE="another")
    assert locked()
    assert post("/web/stop", id="1").status_code == HTTPStatus.FORBIDDEN
    change(WEB_ACCESS="off")
    assert session.get(url, timeout=30).status_code == HTTPStatus.NOT_FOUND
    assert post("/web/stop", id="1").status_code == HTTPStatus.FORBIDDEN
