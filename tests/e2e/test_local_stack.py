"""The local stack as programs see it: whom it answers, its routes, and what it shows of itself."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from pathlib import Path

import boto3
import pytest
import requests

from local.config import REGION, SECRETS
from local.stack import Stack
from local.standins.people import Person
from tests.e2e.chat import send

ROOT = Path(__file__).parents[2]


def test_sam_local_s_variables_are_those_of_a_running_stack(stack: Stack) -> None:
    given = json.loads((ROOT / "events/local-env.json").read_text())
    assert given.keys() == stack.functions.keys() - {"SetupFunction"}
    for name, variables in given.items():
        assert variables.pop("AWS_ENDPOINT_URL") == "http://host.docker.internal:8000/_local/aws"
        deployed = stack.aws.environments[name]
        assert "AWS_ENDPOINT_URL" in deployed, "sam local sets only what the template declares"
        fixed = ("AWS_", "POWERTOOLS_", "MALLOC_")  # or set by Lambda: the same everywhere
        ours = {key for key in deployed if not key.startswith(fixed)}
        assert variables == {key: deployed[key] for key in ours - {"PARAMETER_PATH", "LOG_LEVEL"}}


def test_other_hosts_names_are_refused(stack: Stack) -> None:
    for host in ("evil.example", "evil.example:80", "127.0.0.1:1"):
        answer = requests.get(stack.url, headers={"host": host}, timeout=30)
        assert answer.status_code == HTTPStatus.FORBIDDEN


def test_no_page_in_a_browser_posts_to_what_is_for_programs(stack: Stack) -> None:
    url = f"{stack.url}/_local/aws/moto-api/reset"
    answer = requests.post(url, headers={"origin": "https://evil.example"}, timeout=30)
    assert answer.status_code == HTTPStatus.FORBIDDEN


def test_every_listener_is_on_loopback(stack: Stack) -> None:
    environment = stack.functions["WorkerFunction"].environment
    named = ("AWS_ENDPOINT_URL", "TELEGRAM_API_URL", "GRAPH_API_URL", "OPENAI_BASE_URL")
    urls = [stack.url, stack.aws.url, *(environment[name] for name in named)]
    for url in urls:
        assert url.startswith("http://127.0.0.1:")
        answer = requests.get(url, headers={"host": "evil.example"}, timeout=30)
        assert answer.status_code == HTTPStatus.FORBIDDEN, url


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("GET", "/telegram"), ("PUT", "/web/messages")]
)
def test_an_unknown_route_is_not_found(stack: Stack, method: str, path: str) -> None:
    answer = requests.request(method, stack.url + path, timeout=30)
    assert (answer.status_code, answer.json()) == (HTTPStatus.NOT_FOUND, {"message": "Not Found"})


def test_assets_of_the_page_are_served(stack: Stack) -> None:
    page = requests.get(stack.url, timeout=30).text
    assets = re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)
    assert assets
    for path in assets:
        assert requests.get(stack.url + path, timeout=30).ok, path


def test_the_worker_starts_at_once(
    stack: Stack, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorder wakes the poller, which need not wait for its next receive."""
    conversation = person.conversation("telegram")
    with monkeypatch.context() as asleep:
        asleep.setattr("local.cloud.event_source._IDLE_SECONDS", 60)
        for text in ("Hello", "Quick, please"):  # the first ends the wait that was under way
            before = stack.recorder.last
            assert send(stack, person.telegram(text)).ok
            assert stack.recorder.wait(
                lambda each: each.operation == "WorkerFunction" and conversation in each.request,
                before,
            )
    assert send(stack, person.telegram("Thanks")).ok  # and this the long one


def test_secrets_are_not_in_the_records(stack: Stack) -> None:
    before = stack.recorder.last
    aws = boto3.Session("local", "local", region_name=REGION)
    reader = aws.client("ssm", endpoint_url=f"{stack.url}/_local/aws")
    path = stack.aws.environments["WorkerFunction"]["PARAMETER_PATH"]
    names = [f"{path}/{name}" for name in sorted(SECRETS & stack.settings.keys())]
    read = reader.get_parameters(Names=names, WithDecryption=True)["Parameters"]
    assert stack.settings["TELEGRAM_BOT_TOKEN"] in {parameter["Value"] for parameter in read}
    kept = requests.get(f"{stack.url}/_local/records?after={before}", timeout=30).json()["records"]
    assert "GetParameters" in {record["operation"] for record in kept}
    for name in ("TELEGRAM_BOT_TOKEN", "OPENAI_API_KEY", "WEB_SESSION_KEY"):
        assert stack.settings[name] not in json.dumps(kept)
