"""Telegram's stand-in over HTTP: what it accepts, refuses and stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.http.server import serve
from local.standins.contract import Contract, Upload
from local.standins.telegram import TelegramStandIn

TOKEN = "4242:development-token"
PERSON, GROUP = 7, -1001


@pytest.fixture
def telegram() -> TelegramStandIn:
    return TelegramStandIn(TOKEN)


@pytest.fixture
def url(telegram: TelegramStandIn) -> Iterator[str]:
    running = serve(telegram)
    yield f"{running.url}/bot{TOKEN}"
    running.close()


def call(url: str, method: str, /, **params: Any) -> tuple[int, dict[str, Any]]:
    response = requests.post(f"{url}/{method}", json=params, timeout=5)
    return response.status_code, response.json()


def written(message_id: int, chat_id: int = PERSON) -> dict[str, Any]:
    kind = "private" if chat_id > 0 else "supergroup"
    chat = {"id": chat_id, "type": kind, "first_name": "Ada"}
    sender = {"id": 7, "is_bot": False, "first_name": "Ada"}
    message = {"message_id": message_id, "date": 1, "chat": chat, "from": sender, "text": "Hi"}
    return {"update_id": message_id, "message": message}


def test_a_message_is_sent_kept_and_returned_in_telegrams_shape(
    telegram: TelegramStandIn, url: str
) -> None:
    entities = [{"type": "bold", "offset": 0, "length": 2}]
    status, first = call(url, "sendMessage", chat_id=PERSON, text="😀 one", entities=entities)
    _, second = call(url, "sendMessage", chat_id=PERSON, text="two")
    _, other = call(url, "sendMessage", chat_id=GROUP, text="three", message_thread_id=5)
    assert status == 200
    assert first["ok"] is True
    assert [first["result"][name] for name in ("message_id", "text")] == [1, "😀 one"]
    assert first["result"]["from"]["id"] == 4242
    assert second["result"]["message_id"] == 2
    assert other["result"]["message_id"] == 1
    assert [a["result"]["chat"]["type"] for a in (first, other)] == ["private", "supergroup"]
    assert other["result"]["message_thread_id"] == 5
    for answer in (first, second, other):
        telegram.contract.fit("Message", answer["result"])
    assert [c.number for c in telegram.accepted] == [1, 2, 3]
    assert [c.params["text"] for c in telegram.accepted] == ["😀 one", "two", "three"]
    assert telegram.accepted[0].result == first["result"]


def test_forms_and_json_texts_in_them_mean_the_same_as_json(
    telegram: TelegramStandIn, url: str
) -> None:
    entities = [{"type": "code", "offset": 0, "length": 1}]
    form = {
        "chat_id": "7",
        "text": "42",
        "entities": json.dumps(entities),
        "disable_notification": "true",
    }
    parts = {"nothing": (None, "")}
    urlencoded = requests.post(f"{url}/sendMessage", data=form, timeout=5)
    multipart = requests.post(
        f"{url}/sendMessage", files={name: (None, value) for name, value in form.items()}, timeout=5
    )
    unknown = requests.post(f"{url}/sendMessage", data=form, files=parts, timeout=5)
    assert (urlencoded.status_code, multipart.status_code) == (200, 200)
    assert telegram.accepted[0].params == telegram.accepted[1].params
    assert telegram.accepted[0].params["entities"] == entities
    assert telegram.accepted[0].params["disable_notification"] is True
    assert telegram.accepted[0].params["text"] == "42"
    assert unknown.status_code == 400


LONG = "x" * 4096
EMOJI = "😀" * 2048
HTTPS = "https://example.com/telegram"


def entities(*spans: tuple[int, int, str]) -> dict[str, Any]:
    """A text of three units with entities: offset, length, type."""
    made = [
        {"offset": offset, "length": length, "type": kind, "url": "https://example.com"}
        for offset, length, kind in spans
    ]
    return {"chat_id": 7, "text": "abc", "entities": made}


def button(text: str, data: str) -> dict[str, Any]:
    rows = [[{"text": text, "callback_data": data}]]
    return {"chat_id": 7, "text": "yes?", "reply_markup": {"inline_keyboard": rows}}


def ephemeral(chat_id: int, **more: Any) -> dict[str, Any]:
    to = {"receiver_user_id": 7, "callback_query_id": "1"}
    return {"chat_id": chat_id, "text": "hush", "ephemeral_message_parameters": to, **more}


BUTTON = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("sendMessage", {"chat_id": 7, "text": LONG}),
        ("sendMessage", {"chat_id": 7, "text": EMOJI}),
        ("sendMessage", {"chat_id": "7", "text": "numbers of chats may be text"}),
        ("sendMessage", {"chat_id": 7, "text": "a reply", "reply_parameters": {"message_id": 9}}),
        ("sendMessage", {"chat_id": 7, "text": "yes?", "reply_markup": BUTTON}),
        ("sendMessage", {"chat_id": 7, "text": "?", "reply_markup": {"force_reply": True}}),
        ("sendMessage", entities((0, 3, "bold"), (0, 3, "italic"), (1, 1, "text_mention"))),
        ("sendMessage", entities((0, 1, "bold"), (1, 1, "bold"), (2, 1, "code"))),
        ("sendMessage", entities((0, 3, "blockquote"), (0, 2, "code"), (2, 1, "url"))),
        ("sendMessage", entities((0, 3, "text_link"), (1, 1, "spoiler"))),
        ("sendMessage", button("Ja", "ä" * 32)),
        ("setWebhook", {"url": HTTPS, "allowed_updates": ["message", "subscription"]}),
        ("sendMessage", ephemeral(GROUP)),
        ("sendMessageDraft", {"chat_id": 7, "draft_id": 3, "text": ""}),
        ("sendMessageDraft", {"chat_id": 7, "draft_id": 3, "can_stop": True, "keep_on_stop": True}),
        ("sendChatAction", {"chat_id": 7, "action": "typing"}),
        ("answerCallbackQuery", {"callback_query_id": "1"}),
        ("setMyCommands", {"commands": [{"command": "help", "description": "Help"}]}),
        ("setMessageReaction", {"chat_id": 7, "message_id": 1, "reaction": []}),
        (
            "setMessageReaction",
            {"chat_id": 7, "message_id": 1, "reaction": [{"type": "emoji", "emoji": "👍"}]},
        ),
        ("setWebhook", {"url": HTTPS, "secret_token": "a-b_C", "max_connections": 100}),
        ("setWebhook", {"url": ""}),
        ("deleteWebhook", {}),
    ],
)
def test_takes(url: str, method: str, params: dict[str, Any]) -> None:
    status, answer = call(url, method, **params)
    assert (status, answer["ok"]) == (200, True), answer


def entity(offset: int, length: int, kind: str = "bold", **more: Any) -> dict[str, Any]:
    return {
        "chat_id": 7,
        "text": "a😀b",
        "entities": [{"type": kind, "offset": offset, "length": length, **more}],
    }


@pytest.mark.parametrize(
    ("method", "params", "why"),
    [
        ("sendMessage", {"text": "x"}, "chat_id"),
        ("sendMessage", {"chat_id": 7}, "text"),
        ("sendMessage", {"chat_id": 7, "text": "x", "colour": "red"}, "colour"),
        ("sendMessage", {"chat_id": 7, "text": 5}, "text"),
        ("sendMessage", {"chat_id": 7.5, "text": "x"}, "chat_id"),
        ("sendMessage", {"chat_id": True, "text": "x"}, "chat_id"),
        ("sendMessage", {"chat_id": 7, "text": "x", "disable_notification": "true"}, "disable_"),
        ("sendMessage", {"chat_id": 7, "text": "x", "entities": "[]"}, "entities"),
        ("sendMessage", {"chat_id": 7, "text": "x", "entities": [{"type": "bold"}]}, "offset"),
        ("sendMessage", {"chat_id": "@nobody", "text": "x"}, "chat not found"),
        ("sendMessage", {"chat_id": 7, "text": ""}, "text is empty"),
        ("sendMessage", {"chat_id": 7, "text": " \n"}, "text is empty"),
        ("sendMessage", {"chat_id": 7, "text": LONG + "x"}, "too long"),
        ("sendMessage", {"chat_id": 7, "text": EMOJI + "x"}, "too long"),
        ("sendMessage", {"chat_id": 7, "text": "\ud83d"}, "text"),
        ("sendMessage", {"chat_id": 7, "text": "*x*", "parse_mode": "MarkdownV2"}, "parse_mode"),
        ("sendMessage", entity(0, 5), "ENTITY_BOUNDS_INVALID"),
        ("sendMessage", entity(-1, 2), "ENTITY_BOUNDS_INVALID"),
        ("sendMessage", entity(1, 0), "ENTITY_BOUNDS_INVALID"),
        ("sendMessage", entity(2, 1), "begins in a middle"),
        ("sendMessage", entity(0, 2), "ends in a middle"),
        ("sendMessage", entity(0, 1, "loud"), "type"),
        ("sendMessage", entity(0, 1, "text_link"), "url"),
        ("sendMessage", entity(0, 1, "bold", weight=700), "weight"),
        (
            "sendMessage",
            {"chat_id": 7, "text": "x", "reply_markup": {"inline_keyboard": [[{"text": 1}]]}},
            "reply_markup",
        ),
        ("sendMessage", entities((0, 2, "bold"), (1, 2, "italic")), "overlap"),
        ("sendMessage", entities((0, 3, "bold"), (1, 1, "code")), "code can't be in bold"),
        ("sendMessage", entities((0, 3, "pre"), (0, 3, "bold")), "can't be in"),
        ("sendMessage", entities((0, 3, "blockquote"), (1, 1, "blockquote")), "can't be in"),
        ("sendMessage", entities((0, 3, "url"), (1, 1, "text_mention")), "can't be in"),
        ("sendMessageDraft", entities((0, 2, "bold"), (1, 2, "bold")) | {"draft_id": 1}, "overlap"),
        ("sendMessage", ephemeral(PERSON), "groups only"),
        ("sendMessage", ephemeral(GROUP, reply_parameters={}), "not specified"),
        (
            "sendMessage",
            ephemeral(GROUP, reply_parameters={"ephemeral_message_id": 9}),
            "to be replied not found",
        ),
        (
            "sendMessage",
            {"chat_id": GROUP, "text": "x", "reply_parameters": {"ephemeral_message_id": 9}},
            "must be ephemeral",
        ),
        ("sendMessage", button("", "x"), "text must be non-empty"),
        ("sendMessage", button(" ", "x"), "text must be non-empty"),
        ("sendMessage", button("Yes", "x" * 65), "BUTTON_DATA_INVALID"),
        ("sendMessage", button("Yes", "ä" * 33), "BUTTON_DATA_INVALID"),
        ("sendMessage", button("Yes", ""), "BUTTON_DATA_INVALID"),
        ("setWebhook", {"url": HTTPS, "allowed_updates": ["mesage"]}, "mesage"),
        ("getUpdates", {"allowed_updates": ["update_id"]}, "update_id"),
        ("sendMessageDraft", {"chat_id": -1001, "draft_id": 1, "text": "x"}, "PEER_INVALID"),
        ("sendMessageDraft", {"chat_id": 7, "draft_id": 0, "text": "x"}, "non-zero"),
        ("sendMessageDraft", {"chat_id": 7, "draft_id": 1, "text": LONG + "x"}, "too long"),
        ("sendMessageDraft", {"chat_id": "7", "draft_id": 1, "text": "x"}, "chat_id"),
        ("sendChatAction", {"chat_id": 7, "action": "sleeping"}, "action"),
        ("editMessageText", {"text": "x"}, "identifier"),
        ("editMessageText", {"chat_id": 7, "message_id": 99, "text": "x"}, "to edit not found"),
        ("answerCallbackQuery", {"callback_query_id": "1", "text": "x" * 201}, "text"),
        ("setMyCommands", {"commands": [{"command": "Help", "description": "x"}]}, "command"),
        ("setMyCommands", {"commands": [{"command": "help", "description": ""}]}, "description"),
        ("setMyCommands", {"commands": [{"command": "a", "description": "b"}] * 101}, "100"),
        ("setWebhook", {"url": "http://example.com"}, "url"),
        ("setWebhook", {"url": HTTPS, "secret_token": "a b"}, "secret_token"),
        ("setWebhook", {"url": HTTPS, "max_connections": 101}, "max_connections"),
        ("getFile", {"file_id": "unknown"}, "file_id"),
        ("sendPhoto", {"chat_id": 7, "photo": "no such file"}, "wrong file identifier"),
    ],
)
def test_refuses(
    telegram: TelegramStandIn, url: str, method: str, params: dict[str, Any], why: str
) -> None:
    status, answer = call(url, method, **params)
    assert (status, answer["ok"], answer["error_code"]) == (400, False, 400)
    assert answer["description"].startswith("Bad Request: ")
    assert why in answer["description"]
    assert telegram.accepted == []


@pytest.mark.parametrize(
    ("path", "status", "description"),
    [
        (f"bot{TOKEN}/sendTelepathy", 404, "Not Found"),
        ("bot4242:wrong/getMe", 401, "Unauthorized"),
        ("file/bot4242:wrong/photos/1.jpg", 401, "Unauthorized"),
        ("elsewhere", 404, "Not Found"),
    ],
)
def test_refuses_paths(url: str, path: str, status: int, description: str) -> None:
    response = requests.get(f"{url.rpartition('/')[0]}/{path}", timeout=5)
    assert response.status_code == status
    assert response.json() == {"ok": False, "error_code": status, "description": description}


@pytest.mark.parametrize("body", ["{", "[]", "5", '"text"'])
def test_refuses_bodies_that_are_no_json_object(url: str, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = requests.post(f"{url}/sendMessage", data=body, headers=headers, timeout=5)
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("state", "status", "description"),
    [
        ("blocked", 403, "Forbidden: bot was blocked by the user"),
        ("deactivated", 403, "Forbidden: user is deactivated"),
        ("migrated", 400, "Bad Request: group chat was upgraded to a supergroup chat"),
    ],
)
def test_closed_chats(
    telegram: TelegramStandIn, url: str, state: Any, status: int, description: str
) -> None:
    telegram.mark(GROUP, state, migrate_to=-1002)
    for method, params in (
        ("sendMessage", {"text": "x"}),
        ("sendChatAction", {"action": "typing"}),
    ):
        code, answer = call(url, method, chat_id=GROUP, **params)
        assert (code, answer["description"]) == (status, description)
        parameters = {"migrate_to_chat_id": -1002} if state == "migrated" else None
        assert answer.get("parameters") == parameters
    telegram.mark(GROUP, None)
    assert call(url, "sendMessage", chat_id=GROUP, text="x")[0] == 200


def test_replies_are_checked_once_the_chat_is_known(telegram: TelegramStandIn, url: str) -> None:
    telegram.learn(written(9))
    assert telegram.next_message_id(PERSON) == 10

    def reply(to: int, **more: bool) -> tuple[int, dict[str, Any]]:
        parameters = {"message_id": to, **more}
        return call(url, "sendMessage", chat_id=PERSON, text="x", reply_parameters=parameters)

    _, answer = reply(9)
    assert answer["result"]["message_id"] == 11
    assert answer["result"]["reply_to_message"]["text"] == "Hi"
    status, answer = reply(8)
    assert (status, answer["description"]) == (
        400,
        "Bad Request: message to be replied not found",
    )
    status, answer = reply(8, allow_sending_without_reply=True)
    assert status == 200
    assert "reply_to_message" not in answer["result"]
    status, answer = call(url, "setMessageReaction", chat_id=PERSON, message_id=8, reaction=[])
    assert (status, answer["description"]) == (400, "Bad Request: message to react not found")


def test_ephemeral_messages_have_ids_of_their_own(telegram: TelegramStandIn, url: str) -> None:
    asked = {
        **written(0, GROUP)["message"],
        "ephemeral_message_id": 9,
        "receiver_user": telegram.me,
    }
    telegram.learn({"update_id": 1, "message": asked})
    reply = {"ephemeral_message_id": 9}
    sent = [call(url, "sendMessage", **ephemeral(GROUP, reply_parameters=reply)) for _ in range(2)]
    for number, (_, answer) in enumerate(sent, 10):
        telegram.contract.fit("Message", answer["result"])
        assert answer["result"]["message_id"] == 0
        assert answer["result"]["ephemeral_message_id"] == number
        assert answer["result"]["receiver_user"]["id"] == PERSON
    edited = call(url, "editMessageText", chat_id=GROUP, message_id=0, text="x")
    assert edited[0] == 400
    assert call(url, "sendMessage", chat_id=GROUP, text="x")[1]["result"]["message_id"] == 1


def test_a_strict_stand_in_knows_only_what_it_learned() -> None:
    telegram = TelegramStandIn(TOKEN)
    telegram.strict = True
    running = serve(telegram)
    url = f"{running.url}/bot{TOKEN}"
    assert call(url, "sendMessage", chat_id=7, text="x")[1]["description"].endswith(
        "chat not found"
    )
    assert call(url, "answerCallbackQuery", callback_query_id="c1")[0] == 400
    message = written(1)["message"]
    callback = {"id": "c1", "from": message["from"], "chat_instance": "1", "message": message}
    telegram.learn({"update_id": 2, "callback_query": callback})
    assert call(url, "sendMessage", chat_id=7, text="x")[0] == 200
    assert call(url, "answerCallbackQuery", callback_query_id="c1")[0] == 200
    running.close()


def test_editing(telegram: TelegramStandIn, url: str) -> None:
    telegram.learn(written(1))
    call(url, "sendMessage", chat_id=PERSON, text="one", reply_markup=BUTTON)
    here = {"chat_id": PERSON, "message_id": 2}
    status, answer = call(url, "editMessageText", **here, text="one", reply_markup=BUTTON)
    assert status == 400
    assert answer["description"].startswith("Bad Request: message is not modified")
    status, answer = call(url, "editMessageText", **here, text="two", reply_markup=BUTTON)
    assert (status, answer["result"]["text"]) == (200, "two")
    telegram.contract.fit("Message", answer["result"])
    _, answer = call(url, "editMessageReplyMarkup", **here)
    assert answer["result"]["text"] == "two"
    assert "reply_markup" not in answer["result"]
    status, answer = call(url, "editMessageReplyMarkup", **here)
    assert "not modified" in answer["description"]
    others = {"chat_id": PERSON, "message_id": 1, "text": "x"}
    assert "can't be edited" in call(url, "editMessageText", **others)[1]["description"]


@pytest.mark.parametrize("kind", ["photo", "document"])
def test_files_go_up_and_come_down(telegram: TelegramStandIn, url: str, kind: str) -> None:
    form = {"chat_id": "7", "caption": "a fox"}
    files = {kind: ("fox.png", b"picture", "image/png")}
    sent = requests.post(f"{url}/send{kind.title()}", data=form, files=files, timeout=5).json()
    telegram.contract.fit("Message", sent["result"])
    assert sent["result"]["caption"] == "a fox"
    assert telegram.accepted[0].params[kind] == Upload("fox.png", "image/png", b"picture")
    shown = sent["result"][kind][-1] if kind == "photo" else sent["result"][kind]
    _, file = call(url, "getFile", file_id=shown["file_id"])
    telegram.contract.fit("File", file["result"])
    path = file["result"]["file_path"]
    assert (
        requests.get(url.replace("/bot", "/file/bot") + f"/{path}", timeout=5).content == b"picture"
    )
    missing = requests.get(url.replace("/bot", "/file/bot") + "/photos/none", timeout=5)
    assert missing.status_code == 404
    again = {"chat_id": 7, kind: shown["file_id"]}
    assert call(url, f"send{kind.title()}", **again)[0] == 200


@pytest.mark.parametrize(
    ("form", "content", "why"),
    [
        ({"caption": "x" * 1025}, b"picture", "caption is too long"),
        ({}, b"", "non-empty"),
        ({}, b"x" * 101, "too big"),
        ({"caption_entities": '[{"type":"bold","offset":0,"length":1}]'}, b"x", "ENTITY_BOUNDS"),
    ],
)
def test_refuses_photos(
    telegram: TelegramStandIn, url: str, form: dict[str, str], content: bytes, why: str
) -> None:
    assert telegram.file_limits["photo"] == 10_000_000
    telegram.file_limits["photo"] = 100
    response = requests.post(
        f"{url}/sendPhoto", data={"chat_id": "7", **form}, files={"photo": content}, timeout=5
    )
    assert response.status_code == 400
    assert why in response.json()["description"]


def test_large_files_cannot_be_fetched(telegram: TelegramStandIn, url: str) -> None:
    voice = telegram.add_file(b"voice", "voice/file_1.oga")
    assert telegram.file_limits["getFile"] == 20_000_000
    telegram.file_limits["getFile"] = 5
    large = telegram.add_file(b"louder", "voice/file_2.oga")
    assert call(url, "getFile", file_id=voice)[1]["result"]["file_path"] == "voice/file_1.oga"
    assert call(url, "getFile", file_id=large)[1]["description"] == "Bad Request: file is too big"


def test_updates_are_fetched_confirmed_and_refused_beside_a_webhook(
    telegram: TelegramStandIn, url: str
) -> None:
    telegram.learn(written(1), queue=True)
    telegram.learn(written(2), queue=True)
    assert len(call(url, "getUpdates")[1]["result"]) == 2
    assert call(url, "getUpdates", offset=2, timeout=5)[1]["result"] == [written(2)]
    assert call(url, "getUpdates", offset=3)[1]["result"] == []
    call(url, "setWebhook", url=HTTPS, allowed_updates=["message"])
    assert call(url, "getUpdates")[0] == 409
    call(url, "setWebhook", url=HTTPS)
    info = call(url, "getWebhookInfo")[1]["result"]
    telegram.contract.fit("WebhookInfo", info)
    assert (info["url"], info["allowed_updates"]) == (HTTPS, ["message"])
    call(url, "deleteWebhook")
    assert call(url, "getWebhookInfo")[1]["result"]["url"] == ""
    assert call(url, "getUpdates")[0] == 200


def test_commands_are_kept_by_scope_and_language(url: str) -> None:
    commands = [{"command": "help", "description": "Hilfe"}]
    call(url, "setMyCommands", commands=commands, language_code="de")
    assert call(url, "getMyCommands", language_code="de")[1]["result"] == commands
    assert call(url, "getMyCommands")[1]["result"] == []


def test_the_contract_holds_what_is_served_and_all_kinds_of_updates() -> None:
    contract = Contract("bot-api")
    telegram = TelegramStandIn(TOKEN)
    assert set(contract.methods) == set(telegram._methods) == set(contract.returns)
    stopped = {"chat": {"id": 7, "type": "private"}, "draft_id": 3}
    contract.fit("Update", {"update_id": 1, "stopped_message_generation": stopped})
    contract.fit("Update", written(1))
    contract.fit("User", telegram.me)
    subscribed = {"user": telegram.me, "invoice_payload": "x", "state": "active"}
    contract.fit("Update", {"update_id": 1, "subscription": subscribed})
    community = {"community": {"id": 1, "name": "Engines"}}
    contract.fit("Message", {**written(1)["message"], "community_chat_joined": community})


def test_entities_beyond_the_hundredth_are_ignored(telegram: TelegramStandIn, url: str) -> None:
    letters = [{"offset": at, "length": 1, "type": "bold"} for at in range(102)]
    status, answer = call(url, "sendMessage", chat_id=7, text="x" * 102, entities=letters)
    assert status == 200
    assert answer["result"]["entities"] == letters[:100]
    call(url, "sendMessageDraft", chat_id=7, draft_id=1, text="x" * 102, entities=letters)
    draft = telegram.draft(7)
    assert draft
    assert draft["entities"] == letters[:100]
