"""The Graph API's stand-in over HTTP: what it accepts, refuses and returns."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.http.server import serve
from local.standins.contract import Upload
from local.standins.graph import GraphStandIn

APP, SECRET, PAGE, TOKEN = "1001", "app-secret", "2002", "page-token"
PERSON = "3003"
APP_TOKEN = f"{APP}|{SECRET}"
HOUR_MS = 3_600_000


@pytest.fixture
def graph() -> GraphStandIn:
    return GraphStandIn(APP, SECRET, PAGE, TOKEN)


@pytest.fixture
def url(graph: GraphStandIn) -> Iterator[str]:
    running = serve(graph)
    yield f"{running.url}/v26.0"
    running.close()


def call(verb: str, url: str, token: str = TOKEN, **kwargs: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    response = requests.request(verb, url, headers=headers, timeout=5, **kwargs)
    return response.status_code, response.json()


def send(url: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    """Send a valid message with changes; None removes a key."""
    body: dict[str, Any] = {
        "recipient": {"id": PERSON},
        "messaging_type": "RESPONSE",
        "message": {"text": "Hello"},
        **changes,
    }
    given = {name: value for name, value in body.items() if value is not None}
    return call("POST", f"{url}/{PAGE}/messages", json=given)


def codes(answer: dict[str, Any]) -> tuple[int, int | None]:
    error = answer["error"]
    assert {"message", "type", "code", "fbtrace_id"} <= error.keys()
    return error["code"], error.get("error_subcode")


def now_ms() -> int:
    return int(time.time() * 1000)


def test_a_message_is_sent_and_kept(graph: GraphStandIn, url: str) -> None:
    status, first = send(url, message={"text": "one", "metadata": "m"})
    _, second = send(url, message={"text": 'two "sender_action": &sender_action=typing_on'})
    assert status == 200
    assert first["recipient_id"] == PERSON
    assert first["message_id"] != second["message_id"]
    assert [call.method for call in graph.accepted] == ["POST messages"] * 2
    assert graph.accepted[0].params["message"] == {"text": "one", "metadata": "m"}
    assert graph.accepted[0].result == first


@pytest.mark.parametrize("action", ["typing_on", "typing_off", "mark_seen"])
def test_sender_actions_are_calls_of_their_own(graph: GraphStandIn, url: str, action: str) -> None:
    status, answer = send(url, sender_action=action, message=None, messaging_type=None)
    assert (status, answer) == (200, {"recipient_id": PERSON})
    form = {"recipient": json.dumps({"id": PERSON}), "sender_action": action}
    assert call("POST", f"{url}/{PAGE}/messages", data=form)[0] == 200
    assert [call.method for call in graph.accepted] == ["POST sender_action"] * 2


REPLY = {"content_type": "text", "title": "Yes", "payload": "YES"}


@pytest.mark.parametrize(
    "message",
    [
        {"text": "x" * 2000, "metadata": "x" * 1000},
        {"text": "Well?", "quick_replies": [REPLY] * 13},
        {"attachment": {"type": "image", "payload": {"url": "https://example.com/fox.png"}}},
    ],
)
def test_takes(url: str, message: dict[str, Any]) -> None:
    assert send(url, message=message)[0] == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": None},
        {"recipient": {"id": 3003}},
        {"recipient": {"id": PERSON, "name": "Ada"}},
        {"message": None},
        {"message": {"text": ""}},
        {"message": {"text": "x" * 2001}},
        {"message": {"text": "x", "metadata": "x" * 1001}},
        {"message": {"text": "x", "quick_replies": [REPLY] * 14}},
        {"message": {"text": "x", "quick_replies": [{**REPLY, "title": "x" * 21}]}},
        {"message": {"text": "x", "quick_replies": [{**REPLY, "payload": "x" * 1001}]}},
        {"message": {"text": "x", "colour": "red"}},
        {"message": {"metadata": "x"}},
        {"message": {"attachment": {"type": "image", "payload": {}}}},
        {"message": {"attachment": {"type": "image", "payload": {"url": "file:///etc"}}}},
        {"message": {"attachment": {"type": "song", "payload": {"url": "https://x.org"}}}},
        {"messaging_type": None},
        {"messaging_type": "MESSAGE_TAG"},
        {"tag": "HUMAN_AGENT"},
        {"sender_action": "typing_on"},
        {"sender_action": "dancing", "message": None, "messaging_type": None},
    ],
)
def test_refuses(graph: GraphStandIn, url: str, changes: dict[str, Any]) -> None:
    status, answer = send(url, **changes)
    assert (status, codes(answer)) == (400, (100, None))
    assert graph.accepted == []


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        ("blocked", 400, (551, 1545041)),
        ("unknown", 400, (100, 2018001)),
        ("outside_window", 403, (10, 2018278)),
    ],
)
def test_people_who_cannot_be_written_to(
    graph: GraphStandIn, url: str, state: Any, status: int, expected: tuple[int, int]
) -> None:
    graph.mark(PERSON, state)
    got, answer = send(url)
    assert (got, codes(answer)) == (status, expected)
    _, answer = send(url, sender_action="typing_on", message=None, messaging_type=None)
    assert codes(answer) == expected
    graph.mark(PERSON, None)
    assert send(url)[0] == 200


def test_the_window_closes_24_hours_after_the_last_message(graph: GraphStandIn, url: str) -> None:
    graph.person_wrote(PERSON, "m_1", "Hi", now_ms() - 25 * HOUR_MS)
    assert codes(send(url)[1]) == (10, 2018278)
    graph.person_wrote(PERSON, "m_2", "Hi", now_ms() - 23 * HOUR_MS)
    assert send(url)[0] == 200


def test_a_strict_stand_in_knows_only_who_wrote(graph: GraphStandIn, url: str) -> None:
    graph.strict = True
    assert codes(send(url)[1]) == (100, 2018001)
    graph.person_wrote(PERSON, "m_1", "Hi", now_ms())
    assert send(url)[0] == 200


def proof(token: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), token.encode(), "sha256").hexdigest()


@pytest.mark.parametrize(
    ("required", "given", "expected"),
    [
        (False, None, 200),
        (False, proof(TOKEN), 200),
        (True, proof(TOKEN), 200),
        (False, proof(TOKEN, "other secret"), 400),
        (True, None, 400),
    ],
)
def test_appsecret_proof(
    graph: GraphStandIn, url: str, required: bool, given: str | None, expected: int
) -> None:
    graph.require_proof = required
    assert send(url, appsecret_proof=given)[0] == expected
    assert all("appsecret_proof" not in call.params for call in graph.accepted)


def test_tokens(graph: GraphStandIn, url: str) -> None:
    me = f"{url}/me"
    assert codes(call("GET", me, token="wrong")[1]) == (190, None)
    assert codes(requests.get(me, timeout=5).json()) == (190, None)
    in_address = requests.get(me, params={"access_token": TOKEN}, timeout=5)
    assert codes(in_address.json()) == (190, None)
    form = {
        "recipient": json.dumps({"id": PERSON}),
        "messaging_type": "RESPONSE",
        "message": '{"text": "x"}',
        "access_token": TOKEN,
    }
    assert requests.post(f"{url}/{PAGE}/messages", data=form, timeout=5).status_code == 200
    assert "access_token" not in graph.accepted[0].params
    assert graph.accepted[0].params["message"] == {"text": "x"}


@pytest.mark.parametrize(
    ("name", "content_type", "size", "expected"),
    [
        ("image", "image/png", 100, 200),
        ("file", "application/json", 10, 200),
        ("image", "text/plain", 10, 400),
        ("image", "image/png", 0, 400),
        ("image", "image/png", 101, 400),
    ],
)
def test_attachments_by_multipart(
    graph: GraphStandIn, url: str, name: str, content_type: str, size: int, expected: int
) -> None:
    assert graph.file_limit == 25_000_000
    graph.file_limit = 100
    form = {
        "recipient": json.dumps({"id": PERSON}),
        "messaging_type": "RESPONSE",
        "message": json.dumps({"attachment": {"type": name, "payload": {"is_reusable": True}}}),
    }
    files = {"filedata": ("fox", b"x" * size, content_type)}
    status, _ = call("POST", f"{url}/{PAGE}/messages", data=form, files=files)
    assert status == expected
    if status == 200:
        assert graph.accepted[0].params["filedata"] == Upload("fox", content_type, b"x" * size)


READ = {
    "platform": "messenger",
    "user_id": PERSON,
    "fields": "messages.limit(20){id,created_time,from,to,message}",
}


def read_back(url: str, **changes: str) -> list[dict[str, Any]]:
    status, answer = call("GET", f"{url}/{PAGE}/conversations", params={**READ, **changes})
    assert status == 200, answer
    return [message for one in answer["data"] for message in one["messages"]["data"]]


def test_conversations_are_read_back_newest_first(graph: GraphStandIn, url: str) -> None:
    assert read_back(url) == []
    graph.person_wrote(PERSON, "m_1", "Hi", 1_700_000_000_000)
    graph.person_wrote(PERSON, "m_2", "there", now_ms() - 1000)
    graph.person_wrote("4004", "m_3", "somebody else", now_ms())
    _, sent = send(url)
    newest, second, oldest = read_back(url)
    assert oldest == {
        "id": "m_1",
        "created_time": "2023-11-14T22:13:20+0000",
        "from": {"id": PERSON, "name": "Sender"},
        "to": {"data": [{"id": PAGE, "name": "Receiver"}]},
        "message": "Hi",
    }
    assert second["message"] == "there"
    assert (newest["id"], newest["message"]) == (sent["message_id"], "Hello")
    assert newest["from"]["id"] == PAGE
    assert [m["id"] for m in read_back(url, fields="messages.limit(2){id}")] == [
        sent["message_id"],
        "m_2",
    ]


@pytest.mark.parametrize("wrong", [{"platform": "pigeon"}, {"fields": "everything"}])
def test_conversations_refuses(url: str, wrong: dict[str, str]) -> None:
    status, answer = call("GET", f"{url}/{PAGE}/conversations", params={**READ, **wrong})
    assert (status, codes(answer)) == (400, (100, None))


def test_profile(url: str) -> None:
    profile = f"{url}/{PAGE}/messenger_profile"
    item = {"type": "postback", "title": "Help", "payload": "/help"}
    menu = [{"locale": "default", "call_to_actions": [item]}]
    start = {"payload": "/start"}
    assert codes(call("POST", profile, json={"persistent_menu": menu})[1]) == (100, 2018145)
    assert call("POST", profile, json={"persistent_menu": menu, "get_started": start})[0] == 200
    greeting = [{"locale": "de_DE", "text": "Hallo"}]
    assert codes(call("POST", profile, json={"greeting": greeting})[1]) == (100, None)
    assert codes(call("POST", profile, json={"get_started": "go"})[1]) == (100, None)
    fields = {"fields": "get_started,persistent_menu"}
    _, shown = call("GET", profile, params=fields)
    assert shown == {"data": [{"get_started": start, "persistent_menu": menu}]}
    call("DELETE", profile, json={"fields": ["get_started", "persistent_menu"]})
    assert call("GET", profile, params=fields)[1] == {"data": []}


def test_subscriptions_need_the_apps_token(url: str) -> None:
    subscriptions = f"{url}/{APP}/subscriptions"
    body = {
        "object": "page",
        "callback_url": "https://example.com/messenger",
        "verify_token": "v",
        "fields": "messages,messaging_postbacks",
    }
    assert codes(call("POST", subscriptions, json=body)[1]) == (190, None)
    assert call("POST", subscriptions, APP_TOKEN, data=body) == (200, {"success": True})
    insecure = {**body, "callback_url": "http://example.com"}
    assert codes(call("POST", subscriptions, APP_TOKEN, json=insecure)[1]) == (100, None)
    (shown,) = call("GET", subscriptions, APP_TOKEN)[1]["data"]
    assert shown["callback_url"] == body["callback_url"]
    assert [field["name"] for field in shown["fields"]] == ["messages", "messaging_postbacks"]
    call("DELETE", subscriptions, APP_TOKEN, data={"object": "page"})
    assert call("GET", subscriptions, APP_TOKEN)[1] == {"data": []}


def test_the_page_subscribes_the_app(url: str) -> None:
    apps = f"{url}/{PAGE}/subscribed_apps"
    assert call("GET", apps)[1] == {"data": []}
    call("POST", apps, data={"subscribed_fields": "messages,message_echoes"})
    (app,) = call("GET", apps)[1]["data"]
    assert (app["id"], app["subscribed_fields"]) == (APP, ["messages", "message_echoes"])
    call("DELETE", apps)
    assert call("GET", apps)[1] == {"data": []}


def test_debug_token_and_me(url: str) -> None:
    def debug(token: str) -> dict[str, Any]:
        answer = call("GET", f"{url}/debug_token", APP_TOKEN, params={"input_token": token})[1]
        data: dict[str, Any] = answer["data"]
        return data

    assert debug(TOKEN)["is_valid"] is True
    assert debug(TOKEN)["profile_id"] == PAGE
    assert debug("other")["is_valid"] is False
    assert call("GET", f"{url}/me")[1]["id"] == PAGE


@pytest.mark.parametrize(
    "path", ["v1.0/2002/messages", "2002/messages", "v26.0/9/messages", "v26.0/2002/feed"]
)
def test_refuses_paths(url: str, path: str) -> None:
    status, answer = call("POST", url.replace("v26.0", path), json={})
    assert (status, codes(answer)) == (400, (2500, None))
