"""The setup function: CloudFormation's request in, calls to the platforms and a response out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.wrappers import Request, Response

from chatbot.bootstrap.setup import build
from chatbot.channels.messenger.registration import FIELDS
from chatbot.channels.telegram.registration import UPDATES
from chatbot.core.command_menu import COMMANDS, MENU_COMMANDS
from chatbot.core.translations import LANGUAGES
from chatbot.edge.http import Handler
from local.cloud.template import ROOT
from local.config import DEVELOPMENT
from local.http.server import serve
from local.standins.faults import Fault
from local.standins.graph import GraphStandIn
from local.standins.telegram import TelegramStandIn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SECRETS = [value for name, value in DEVELOPMENT.items() if re.search("TOKEN|SECRET|KEY", name)]
BOTH = {
    "Telegram": "registered @local_bot",
    "Messenger": "registered page 200000000000002",
}


class Context:
    aws_request_id = "request"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


@dataclass
class Site:
    """The stack's page and CloudFormation's response URL; each answers 503 `down` times first."""

    refusals_left: int = 0
    answer_down: int = 0
    answers: list[dict[str, Any]] = field(default_factory=list)
    types: list[str | None] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start)

    def _respond(self, request: Request) -> Response:
        if request.path == "/answer":
            if self.answer_down:
                self.answer_down -= 1
                return Response("slow down", 503)
            self.types.append(request.headers.get("Content-Type"))
            self.answers.append(json.loads(request.get_data()))
            return Response()
        if self.refusals_left:
            self.refusals_left -= 1
            return Response("not yet", 503)
        assert request.path.endswith("/messenger")
        assert request.args["hub.verify_token"] == DEVELOPMENT["MESSENGER_VERIFY_TOKEN"]
        return Response(request.args["hub.challenge"])


@dataclass
class World:
    site: Site
    url: str
    telegram: TelegramStandIn
    graph: GraphStandIn
    environ: dict[str, str]

    def ask(self, kind: str, strict: str = "false", url: str = "", **more: Any) -> dict[str, Any]:
        """Invoke the function. Returns what it sent to CloudFormation's response URL."""
        event = {
            "RequestType": kind,
            "ResponseURL": f"{self.url}/answer",
            "StackId": "stack",
            "RequestId": "1",
            "LogicalResourceId": "Registration",
            "ResourceProperties": {"Url": url or self.url, "Strict": strict},
            **more,
        }
        handler: Handler = build(self.environ)
        return handler(event, Context())

    @property
    def callback(self) -> str | None:
        page: dict[str, str] = self.graph.subscriptions.get("page", {})
        return page.get("callback_url")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr("chatbot.channels.registering._PAUSE", 0.01)
    monkeypatch.setattr("chatbot.bootstrap.setup._PAUSE", 0.01)
    values = DEVELOPMENT
    telegram = TelegramStandIn(
        values["TELEGRAM_BOT_TOKEN"], username=values["TELEGRAM_BOT_USERNAME"]
    )
    graph = GraphStandIn(
        app_id=values["MESSENGER_APP_ID"],
        app_secret=values["MESSENGER_APP_SECRET"],
        page_id=values["MESSENGER_PAGE_ID"],
        page_token=values["MESSENGER_PAGE_TOKEN"],
    )
    graph.require_proof = True
    site = Site()
    with ExitStack() as opening:
        running = [serve(app) for app in (site, telegram, graph)]
        for server in running:
            opening.callback(server.close)
        urls = [server.url for server in running]
        addresses = {"TELEGRAM_API_URL": urls[1], "GRAPH_API_URL": urls[2] + "/v26.0"}
        yield World(site, urls[0], telegram, graph, {**values, **addresses})


@pytest.fixture(autouse=True)
def _no_secret_shows(world: World, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    shown = capsys.readouterr().out + json.dumps(world.site.answers)
    assert [secret for secret in SECRETS if secret in shown] == []


def test_a_new_stack_is_registered(world: World) -> None:
    answer = world.ask("Create")
    assert world.site.answers == [answer]
    assert world.site.types == [None]  # the address is signed for a request without one
    assert answer == {
        "Status": "SUCCESS",
        "Reason": "done",
        "PhysicalResourceId": "registration",
        "StackId": "stack",
        "RequestId": "1",
        "LogicalResourceId": "Registration",
        "Data": BOTH,
    }
    assert world.telegram.webhook == {
        "url": f"{world.url}/telegram",
        "secret_token": DEVELOPMENT["TELEGRAM_WEBHOOK_SECRET"],
        "allowed_updates": UPDATES,
        "max_connections": 40,
    }
    calls = world.telegram.wait(1, "setMyCommands")
    assert [call.params["language_code"] for call in calls] == ["", *LANGUAGES]
    for call in calls:
        assert [each["command"] for each in call.params["commands"]] == list(COMMANDS)
    helps = [call.params["commands"][1]["description"] for call in calls]
    assert helps[:3] == ["What I can do", "What I can do", "Was ich kann"]
    assert world.callback == f"{world.url}/messenger"
    assert world.graph.subscribed_fields == FIELDS
    menus = world.graph.profile["persistent_menu"]
    locales = [menu["locale"] for menu in menus]
    assert locales[:3] == ["default", "en_US", "de_DE"]
    assert len(locales) == 1 + len(LANGUAGES)
    for menu in menus:
        names = [item["payload"].removeprefix("/") for item in menu["call_to_actions"]]
        assert names == list(MENU_COMMANDS)
    greetings = [(each["locale"], each["text"]) for each in world.graph.profile["greeting"]]
    assert [locale for locale, _ in greetings] == locales
    assert greetings[2] == ("de_DE", "Schreib mir, und ich antworte.")
    assert world.graph.profile["get_started"] == {"payload": "GET_STARTED"}


def test_the_sample_is_such_a_request(world: World) -> None:
    sample = json.loads((ROOT / "events/setup/create.json").read_text())
    told = {**sample["ResourceProperties"], "Url": world.url}
    asked = world.ask(
        **{
            "kind": sample.pop("RequestType"),
            **sample,
            "ResourceProperties": told,
            "ResponseURL": f"{world.url}/answer",
        }
    )
    assert asked["Data"] == BOTH


def test_an_update_registers_again_and_moves_nothing(world: World) -> None:
    first = world.ask("Create")
    again = world.ask("Update", PhysicalResourceId=first["PhysicalResourceId"])
    assert again == first
    moved = world.ask("Update", url=world.url + "/new", PhysicalResourceId="kept")
    assert moved["PhysicalResourceId"] == "kept"
    assert world.telegram.webhook["url"] == f"{world.url}/new/telegram"


def test_a_deleted_stack_is_unregistered(world: World) -> None:
    world.ask("Create")
    answer = world.ask("Delete")
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"] == dict.fromkeys(BOTH, "unregistered")
    assert world.telegram.webhook == {"url": ""}
    assert (world.callback, world.graph.subscribed_fields, world.graph.profile) == (None, [], {})


def test_what_points_elsewhere_by_now_stays(world: World) -> None:
    world.ask("Create")
    answer = world.ask("Delete", url="https://older.example.com")
    assert answer["Data"] == dict.fromkeys(BOTH, "off: nothing points here")
    assert world.telegram.webhook["url"] == f"{world.url}/telegram"
    assert world.callback == f"{world.url}/messenger"
    assert world.graph.profile


def test_a_channel_without_its_token_is_off(world: World) -> None:
    del world.environ["TELEGRAM_BOT_TOKEN"], world.environ["MESSENGER_PAGE_TOKEN"]
    answer = world.ask("Create", strict="true")
    assert (answer["Status"], answer["Data"]) == ("SUCCESS", dict.fromkeys(BOTH, "off: no token"))
    assert world.ask("Delete")["Data"] == dict.fromkeys(BOTH, "off: nothing points here")


def test_a_channel_that_is_half_set_says_what_it_needs(world: World) -> None:
    del world.environ["TELEGRAM_WEBHOOK_SECRET"], world.environ["MESSENGER_APP_ID"]
    assert world.ask("Create")["Data"] == {
        "Telegram": "failed: TELEGRAM_WEBHOOK_SECRET not set",
        "Messenger": "failed: MESSENGER_APP_ID not set",
    }
    assert not world.telegram.accepted
    assert not world.graph.accepted


@pytest.mark.parametrize("strict", ["true", "false"])
@pytest.mark.parametrize(
    ("platform", "operation"),
    [
        ("Telegram", "setWebhook"),
        ("Telegram", "setMyCommands"),
        ("Telegram", "getMe"),
        ("Messenger", "POST subscriptions"),
        ("Messenger", "POST subscribed_apps"),
        ("Messenger", "POST messenger_profile"),
    ],
)
def test_a_platform_that_fails_fails_a_strict_stack_only(
    world: World, platform: str, operation: str, strict: str
) -> None:
    standin = world.telegram if platform == "Telegram" else world.graph
    standin.faults.add(Fault("status", match=operation, times=0, status=400))
    answer = world.ask("Create", strict=strict)
    assert answer["Status"] == ("FAILED" if strict == "true" else "SUCCESS")
    assert answer["Data"].pop(platform).startswith("failed: 400 ")
    assert f"{platform} failed: 400" in answer["Reason"]
    (other,) = answer["Data"].items()
    assert other in BOTH.items()  # one platform does not cost the other
    assert world.site.answers[0]["Status"] == answer["Status"]


@pytest.mark.parametrize("platform", BOTH)
@pytest.mark.parametrize(
    "fault", [Fault("status", status=503), Fault("status", status=429), Fault("cut")]
)
def test_a_platform_that_fails_once_is_asked_again(
    world: World, platform: str, fault: Fault
) -> None:
    standin = world.telegram if platform == "Telegram" else world.graph
    standin.faults.add(fault)
    assert world.ask("Create")["Data"] == BOTH


def test_a_platform_that_quotes_the_token_is_not_quoted(world: World) -> None:
    token = DEVELOPMENT["TELEGRAM_BOT_TOKEN"]
    quoting = Fault("status", match="getMe", times=0, status=400, code=f"Malformed token {token}!")
    world.telegram.faults.add(quoting)
    assert world.ask("Create")["Data"]["Telegram"] == "failed: 400 Malformed token …!"


def test_a_deletion_never_fails(world: World) -> None:
    world.ask("Create")
    world.telegram.faults.add(Fault("status", times=0, status=401))
    world.graph.faults.add(Fault("status", times=0, status=500))
    answer = world.ask("Delete", strict="true")
    assert answer["Status"] == "SUCCESS"
    assert all(text.startswith("failed: ") for text in answer["Data"].values())


def test_meta_is_asked_once_our_own_webhook_answers(world: World) -> None:
    world.site.refusals_left = 3
    assert world.ask("Create")["Data"] == BOTH
    assert world.site.refusals_left == 0


def test_a_webhook_that_never_answers_is_not_registered_at_meta(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda _: 31_000)
    world.site.refusals_left = 10**6
    answer = world.ask("Create")
    assert answer["Data"]["Messenger"] == "failed: our own address does not answer yet"
    assert answer["Data"]["Telegram"] == BOTH["Telegram"]
    assert world.callback is None


def test_cloudformation_is_told_although_its_address_was_down_once(world: World) -> None:
    world.site.answer_down = 1
    answer = world.ask("Create")
    assert world.site.answers == [answer]


def test_an_address_that_stays_down_is_logged(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.site.answer_down = 10
    assert world.ask("Create")["Data"] == BOTH
    assert world.site.answer_down == 8
    assert "cloudformation_response_given_up" in capsys.readouterr().out


BREAKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "no url": lambda event: event.update(ResourceProperties={}),
    "no properties": lambda event: event.pop("ResourceProperties"),
    "no kind": lambda event: event.pop("RequestType"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_was_not_foreseen_is_answered_too(world: World, name: str) -> None:
    event: dict[str, Any] = {
        "RequestType": "Create",
        "ResponseURL": f"{world.url}/answer",
        "ResourceProperties": {"Url": world.url},
    }
    BREAKS[name](event)
    answer = build(world.environ)(event, Context())
    assert world.site.answers == [answer]
    assert answer["Data"] == dict.fromkeys(BOTH, "failed: KeyError")
