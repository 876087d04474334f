"""The playground's server: which posts it accepts, what it signs, which faults its switches set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
import requests
from werkzeug.wrappers import Request, Response

from chatbot.channels.messenger.inbound import MessengerInbound
from chatbot.channels.telegram.inbound import TelegramInbound
from chatbot.channels.web.session import session_of
from chatbot.core.ports import now_ms
from chatbot.core.settings import load
from chatbot.edge.http import Inbound
from chatbot.edge.http import Request as BotRequest
from local import config
from local.http.server import Running, serve
from local.playground.server import SWITCHES, Playground
from local.stack import Stack
from local.standins.faults import Fault
from local.standins.graph import GraphStandIn
from local.standins.openai import OpenAIStandIn
from local.standins.telegram import TelegramStandIn

SETTINGS = config.DEVELOPMENT
ADA = 261250381  # whom the name stands for on Telegram


class FakeStack:
    """A stack of real stand-ins. `came` holds the posts to the webhooks; a worker can be busy."""

    def __init__(self) -> None:
        self.settings = SETTINGS
        self.telegram = TelegramStandIn(SETTINGS["TELEGRAM_BOT_TOKEN"])
        self.graph = GraphStandIn("1", "secret", "2", "token")
        self.openai = OpenAIStandIn(SETTINGS["OPENAI_API_KEY"])
        self.came: list[BotRequest] = []
        self.busy = 0
        self.killed = 0
        self.processes = True
        self.url = ""

    def isolate(self, function: str) -> None:
        if not self.processes:
            raise RuntimeError("the rie runtime needs Linux and aws-sam-cli")

    def kill(self, function: str) -> int:
        self.killed += self.busy
        return self.busy

    def upload(self, channel: str, content: bytes, name: str) -> str:
        if channel == "telegram":
            return self.telegram.add_file(content, name)
        return f"{self.url}{self.graph.add_file(content, name)}"

    def front(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        query, cookies = request.args.to_dict(), request.cookies.to_dict()
        body = request.get_data()
        came = BotRequest(request.method, request.path, headers, query, cookies, body)
        self.came.append(came)
        return Response('{"here": true}', 202, mimetype="application/json")


@pytest.fixture
def stack() -> Iterator[FakeStack]:
    fake = FakeStack()
    running = serve(Request.application(fake.front))
    fake.url = running.url
    yield fake
    running.close()


@pytest.fixture
def page(stack: FakeStack) -> Iterator[Running]:
    running = serve(Playground(cast(Stack, stack)))
    yield running
    running.close()


def post(page: Running, path: str, body: Any, origin: str | None = "own") -> requests.Response:
    headers = {} if origin is None else {"origin": page.url if origin == "own" else origin}
    return requests.post(page.url + path, json=body, headers=headers, timeout=10)


def update(text: str = "Hello") -> dict[str, Any]:
    chat = {"id": ADA, "type": "private", "first_name": "Ada"}
    sender = {"id": ADA, "is_bot": False, "first_name": "Ada"}
    message = {"message_id": 5, "date": 1, "chat": chat, "from": sender, "text": text}
    return {"update_id": 7, "message": message}


def message(text: str = "Hello") -> dict[str, Any]:
    return {"timestamp": 1_795_000_000_000, "message": {"mid": "m_1", "text": text}}


def state(page: Running) -> dict[str, Any]:
    body: dict[str, Any] = requests.get(f"{page.url}/state", timeout=5).json()
    return body


@pytest.mark.parametrize("origin", [None, "null", "http://localhost", "http://evil.example"])
@pytest.mark.parametrize("path", ["/write/telegram", "/switch", "/web/ada/messages"])
def test_posts_of_other_pages_are_refused(
    page: Running, stack: FakeStack, path: str, origin: str | None
) -> None:
    body = {"person": "ada", "event": update(), "name": "webhooks", "choice": "twice"}
    assert post(page, path, body, origin).status_code == 403
    assert stack.came == []
    assert state(page)["switches"]["webhooks"] == "once"


@pytest.mark.parametrize(
    ("channel", "event", "inbound"),
    [("telegram", update(), TelegramInbound), ("messenger", message(), MessengerInbound)],
)
def test_what_a_person_writes_is_signed_as_the_platform_would(
    page: Running, stack: FakeStack, channel: str, event: Any, inbound: Any
) -> None:
    answer = post(page, f"/write/{channel}", {"person": "ada", "event": event})
    assert answer.json() == {"status": 202}
    (came,) = stack.came
    webhook: Inbound = inbound(load(SETTINGS))
    (envelope,) = webhook.receive(came).envelopes
    assert envelope.conversation.startswith(f"{channel}:")
    (written,) = state(page)["written"]
    assert (written["channel"], written["person"]) == (channel, "ada")
    assert written["event"]["message"]["text"] == "Hello"


def test_the_stand_ins_know_what_was_written(page: Running, stack: FakeStack) -> None:
    stack.telegram.strict = stack.graph.strict = True
    post(page, "/write/telegram", {"person": "ada", "event": update()})
    post(page, "/write/messenger", {"person": "ada", "event": message()})
    pressed = {"timestamp": 1_795_000_000_001, "postback": {"mid": "m_2", "title": "Help"}}
    rated = {"timestamp": 1_795_000_000_002, "reaction": {"mid": "m_1", "action": "react"}}
    for event in (pressed, rated):
        post(page, "/write/messenger", {"person": "ada", "event": event})
    psid = state(page)["people"]["ada"]["messenger"]
    written = [(each["id"], each["message"]) for each in stack.graph._written[psid]]
    assert written == [("m_1", "Hello"), ("m_2", "Help")]
    assert stack.telegram._chats[ADA].announced


@pytest.mark.parametrize("kind", ["photo", "voice"])
@pytest.mark.parametrize("channel", ["telegram", "messenger"])
def test_samples_are_uploaded_and_sent(
    page: Running, stack: FakeStack, channel: str, kind: str
) -> None:
    assert post(page, f"/write/{channel}", {"person": "ada", "media": kind}).ok
    (written,) = state(page)["written"]
    said = json.dumps(written["event"])
    assert {"photo": ("photo", "image"), "voice": ("voice", "audio")}[kind][
        channel == "messenger"
    ] in said
    files = [
        *stack.graph.files.values(),
        *(content for _, content in stack.telegram.files.values()),
    ]
    assert len(files) == 1
    if channel == "telegram":
        (file_id,) = stack.telegram.files
        assert requests.get(f"{page.url}/sent/{file_id}", timeout=5).content == files[0]


def test_web_requests_are_made_as_the_person(page: Running, stack: FakeStack) -> None:
    answer = post(page, "/web/bob/messages", {"text": "Hello"})
    assert (answer.status_code, answer.json()) == (202, {"here": True})
    requests.get(f"{page.url}/web/bob/messages?after=5", timeout=5)
    posted, read = stack.came
    session = state(page)["people"]["bob"]["web"]
    for came in (posted, read):
        assert came.path == "/web/messages"
        assert session_of(came.cookies, load(SETTINGS), now_ms(), secure=False) == session
    assert posted.headers["origin"] == stack.url
    assert json.loads(posted.body) == {"text": "Hello"}
    assert read.query == {"after": "5"}
    assert requests.get(f"{page.url}/web/nobody/messages", timeout=5).status_code == 404


def test_every_webhook_can_come_twice(page: Running, stack: FakeStack) -> None:
    post(page, "/switch", {"name": "webhooks", "choice": "twice"})
    for path, body in (
        ("/write/telegram", {"person": "ada", "event": update()}),
        ("/write/messenger", {"person": "ada", "event": message()}),
        ("/web/ada/messages", {"text": "Hello"}),
    ):
        stack.came.clear()
        post(page, path, body)
        first, second = stack.came
        assert first.body == second.body
    assert len(state(page)["written"]) == 2


def _planted(stack: FakeStack, server: str) -> list[Fault]:
    return [rule.fault for rule in getattr(stack, server).faults._rules]


@pytest.mark.parametrize(
    ("name", "choice"),
    [(name, choice) for name, choices in SWITCHES.items() for choice in choices],
)
def test_a_switch_plants_its_faults_and_only_them(
    page: Running, stack: FakeStack, name: str, choice: str
) -> None:
    answer = post(page, "/switch", {"name": name, "choice": choice})
    assert answer.json()["switches"][name] == choice
    for server in ("telegram", "graph", "openai"):
        planted = [(each.kind, each.match, each.status) for each in _planted(stack, server)]
        wanted = SWITCHES[name][choice].get(server)
        assert planted == ([(wanted.kind, wanted.match, wanted.status)] if wanted else [])
    assert (stack.openai.token_s > 0) == (choice == "slow")
    post(page, "/switch", {"name": name, "choice": next(iter(SWITCHES[name]))})
    assert not any(_planted(stack, server) for server in ("telegram", "graph", "openai"))
    assert stack.openai.token_s == 0


def test_switches_do_not_undo_one_another(page: Running, stack: FakeStack) -> None:
    for name, choice in (("worker", "killed"), ("model", "slow"), ("platforms", "busy")):
        post(page, "/switch", {"name": name, "choice": choice})
    assert [fault.times for fault in _planted(stack, "openai")] == [1, 0]
    assert len(_planted(stack, "telegram")) == 1


def test_what_happens_once_sets_its_switch_back(page: Running, stack: FakeStack) -> None:
    post(page, "/switch", {"name": "platforms", "choice": "hang_up"})
    post(page, "/switch", {"name": "model", "choice": "slow"})
    fault = stack.telegram.faults.take("sendMessage")
    assert fault
    assert fault.then
    fault.then({})
    assert state(page)["switches"] == {
        "model": "slow",
        "platforms": "fine",
        "webhooks": "once",
        "worker": "alive",
    }
    assert _planted(stack, "graph") == []


def test_a_busy_worker_is_killed_at_once(page: Running, stack: FakeStack) -> None:
    stack.busy = 2
    answer = post(page, "/switch", {"name": "worker", "choice": "killed"}).json()
    assert answer["killed"] == stack.killed == 2
    assert answer["switches"]["worker"] == "alive"
    assert _planted(stack, "openai") == []


def test_else_the_next_dies_while_it_waits_for_the_model(page: Running, stack: FakeStack) -> None:
    assert post(page, "/switch", {"name": "worker", "choice": "killed"}).json()["killed"] == 0
    fault = stack.openai.faults.take("chat/completions")
    assert fault
    assert fault.then
    stack.busy = 1
    fault.then({})
    assert stack.killed == 1
    assert state(page)["switches"]["worker"] == "alive"


def test_where_no_process_can_be_killed_it_says_so(page: Running, stack: FakeStack) -> None:
    stack.processes = False
    answer = post(page, "/switch", {"name": "worker", "choice": "killed"})
    assert answer.status_code == 400
    assert "needs Linux" in answer.text
    assert state(page)["switches"]["worker"] == "alive"


@pytest.mark.parametrize(
    "body",
    [{"name": "model", "choice": "blue"}, {"name": "x", "choice": "fine"}, {}, {"name": []}, [1]],
)
def test_there_are_no_other_switches(page: Running, body: Any) -> None:
    assert post(page, "/switch", body).status_code == 400


def test_calls_are_told_once_and_files_as_their_size(page: Running, stack: FakeStack) -> None:
    running = serve(stack.telegram)
    try:
        url = f"{running.url}/bot{SETTINGS['TELEGRAM_BOT_TOKEN']}"
        requests.post(f"{url}/sendMessage", json={"chat_id": 1, "text": "Hi"}, timeout=5)
        photo = {"photo": ("a.png", b"12345")}
        requests.post(f"{url}/sendPhoto", {"chat_id": 1}, files=photo, timeout=5)
    finally:
        running.close()
    first, second = state(page)["calls"]["telegram"]
    assert (first["method"], first["params"]["text"], first["number"]) == ("sendMessage", "Hi", 1)
    assert second["params"]["photo"]["data"] == 5
    news = requests.get(f"{page.url}/state?telegram=1", timeout=5).json()
    assert [call["method"] for call in news["calls"]["telegram"]] == ["sendPhoto"]


@pytest.mark.parametrize("path", ["/", "/app.js", "/state", "/sent/nothing", "/nowhere"])
def test_everything_comes_with_a_strict_policy(page: Running, path: str) -> None:
    answer = requests.get(page.url + path, timeout=5)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../stack.py",
        "/..%2fstack.py",
        "/%2e%2e/playground/app.js",
        "/server.py",
        "/__pycache__/server.cpython-313.pyc",
    ],
)
def test_nothing_but_its_own_files_is_served(page: Running, path: str) -> None:
    with requests.Session() as session:
        request = requests.Request("GET", page.url).prepare()
        request.url = page.url + path
        assert session.send(request, timeout=5).status_code == 404
