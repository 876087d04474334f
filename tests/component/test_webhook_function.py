"""The whole webhook function: signed HTTP events in, envelopes in the queue out."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from samtranslator.yaml_helper import yaml_parse

from chatbot.adapters.dynamodb.turns import Table
from chatbot.bootstrap.aws import brief, client_config
from chatbot.bootstrap.channels import CHANNELS
from chatbot.bootstrap.webhook import build
from chatbot.channels.web.session import new_session, set_cookie
from chatbot.core.key import TurnKey
from chatbot.core.message import Envelope
from tests.component.conftest import Aws, Queues

SECRETS = {
    "TELEGRAM_BOT_TOKEN": "42:telegram-bot-token",
    "TELEGRAM_WEBHOOK_SECRET": "telegram-webhook-secret",
    "MESSENGER_APP_SECRET": "messenger-app-secret",
    "MESSENGER_VERIFY_TOKEN": "messenger-verify-token",
    "WEB_SESSION_KEY": "web-session-key",
}
PLAIN = {"MESSENGER_PAGE_ID": "page", "MESSENGER_APP_ID": "app", "WEB_ACCESS": "open"}
SENT = int(time.time())
"""When the platforms' messages were sent; much older ones are ignored."""
Call = Callable[[dict[str, Any]], dict[str, Any]]


class Context:
    aws_request_id = "request"


def webhook(environ: dict[str, str]) -> Call:
    handler = build(environ)
    return lambda event: handler(event, Context())


@pytest.fixture
def environ(queues: Queues, table: str) -> dict[str, str]:
    return {"QUEUE_URL": queues.messages, "TABLE_NAME": table, **SECRETS, **PLAIN}


@pytest.fixture
def call(environ: dict[str, str]) -> Call:
    return webhook(environ)


def event(
    route: str, body: bytes = b"", headers: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    method, path = route.split(" ")
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "headers": headers or {},
        "requestContext": {"http": {"method": method, "path": path}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
        **more,
    }


def telegram(body: object, secret: str = SECRETS["TELEGRAM_WEBHOOK_SECRET"]) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return event("POST /telegram", raw, {"X-Telegram-Bot-Api-Secret-Token": secret})


def signed(body: object) -> tuple[bytes, dict[str, str]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    digest = hmac.new(SECRETS["MESSENGER_APP_SECRET"].encode(), raw, hashlib.sha256).hexdigest()
    return raw, {"X-Hub-Signature-256": f"sha256={digest}"}


def messenger(body: object) -> dict[str, Any]:
    return event("POST /messenger", *signed(body))


def web(text: str, **headers: str) -> dict[str, Any]:
    cookie = set_cookie(new_session(), SECRETS["WEB_SESSION_KEY"], secure=True).partition(";")[0]
    body = {"text": text, "id": "m1", "sent_at": int(time.time() * 1000)}
    named = {
        "content-type": "application/json",
        "host": "chat.example",
        "origin": "https://chat.example",
        "x-forwarded-proto": "https",
        **headers,
    }
    return event("POST /web/messages", json.dumps(body).encode(), named, cookies=[cookie])


def update(number: int = 1, text: str = "Grüße 😀") -> dict[str, Any]:
    person = {"id": 7, "is_bot": False, "first_name": "Ada"}
    chat = {"id": 7, "type": "private", "first_name": "Ada"}
    message = {"message_id": 1, "date": SENT, "chat": chat, "from": person, "text": text}
    return {"update_id": number, "message": message}


def page_event(person: str, mid: str, text: str = "hello") -> dict[str, Any]:
    return {
        "sender": {"id": person},
        "recipient": {"id": "page"},
        "timestamp": SENT * 1000,
        "message": {"mid": mid, "text": text},
    }


def page(*events: dict[str, Any]) -> dict[str, Any]:
    return {"object": "page", "entry": [{"id": "page", "time": 1, "messaging": list(events)}]}


def queued(aws: Aws, queues: Queues) -> list[Envelope]:
    """Receive the queue's messages, at least the first of each conversation."""
    answer = aws.sqs.receive_message(QueueUrl=queues.messages, MaxNumberOfMessages=10)
    return [Envelope.from_json(message["Body"]) for message in answer.get("Messages", [])]


def waiting(aws: Aws, queues: Queues) -> int:
    name = "ApproximateNumberOfMessages"
    answer = aws.sqs.get_queue_attributes(QueueUrl=queues.messages, AttributeNames=[name])  # type: ignore[list-item]
    return int(answer["Attributes"][name])  # type: ignore[index]


def test_an_update_of_telegram_is_queued_untouched(call: Call, aws: Aws, queues: Queues) -> None:
    assert call(telegram(update()))["statusCode"] == 200
    [envelope] = queued(aws, queues)
    assert envelope.key.sort == f"turn#{SENT}000#000000000001:message"
    assert envelope.conversation == "telegram:7"
    assert envelope.payload == update()


def test_a_wish_to_stop_is_written_down_and_not_queued(
    environ: dict[str, str], aws: Aws, queues: Queues, table: str
) -> None:
    call = webhook(environ)
    history = Table(aws.dynamodb, table, lambda: 0, 90)
    at = SENT * 1000
    for request, conversation in (
        (telegram(update(text="/stop")), "telegram:7"),
        (messenger(page(page_event("p", "m1", "/stop"))), "messenger:p"),
    ):
        assert call(request)["statusCode"] == 200
        assert history.stop_requested(TurnKey.of(conversation, at, "1"), "7")
        assert not history.stop_requested(TurnKey.of(conversation, at + 1, "1"), "7")
    session = new_session()
    cookie = set_cookie(session, SECRETS["WEB_SESSION_KEY"], secure=True).partition(";")[0]
    stop = web("") | {
        "rawPath": "/web/stop",
        "cookies": [cookie],
        "requestContext": {"http": {"method": "POST", "path": "/web/stop"}},
        "body": base64.b64encode(b'{"id": "m1"}').decode(),
    }
    assert call(stop)["statusCode"] == 202
    assert history.stop_requested(TurnKey.of(f"web:{session}", at, "m1:message"), "7")
    assert waiting(aws, queues) == 0


def knock(call: Call, code: str, address: str = "192.0.2.1") -> dict[str, Any]:
    """Give an access code."""
    http = {"method": "POST", "path": "/web/access", "sourceIp": address}
    body = base64.b64encode(json.dumps({"code": code}).encode()).decode()
    changed = {"rawPath": "/web/access", "requestContext": {"http": http}, "body": body}
    return call(web("") | changed)


CODE = {"WEB_ACCESS": "code", "WEB_ACCESS_CODE": "open sesame"}


def test_without_the_pause_every_code_is_looked_at(
    environ: dict[str, str], aws: Aws, table: str
) -> None:
    """Behind a proxy, a stranger could keep everybody from giving the code."""
    call = webhook({**environ, **CODE, "WEB_CODE_PAUSE": "off"})
    assert [knock(call, f"guess {n}")["statusCode"] for n in range(9)] == [403] * 9
    assert knock(call, "open sesame")["statusCode"] == 204
    assert aws.dynamodb.scan(TableName=table)["Items"] == []


def test_guessed_codes_make_their_address_wait(environ: dict[str, str]) -> None:
    """In any process, with any cookie; the right one, too."""
    processes = [webhook({**environ, **CODE}) for _ in range(2)]
    assert [knock(processes[n % 2], f"guess {n}")["statusCode"] for n in range(4)] == [
        403,
        403,
        403,
        429,
    ]
    waits = knock(processes[0], "open sesame")
    assert (waits["statusCode"], "cookies" in waits) == (429, False)
    assert waits["headers"]["retry-after"] in ("1", "2")
    opened = knock(processes[0], "open sesame", "192.0.2.2")
    assert (opened["statusCode"], len(opened["cookies"])) == (204, 1)


def test_a_stop_that_cannot_be_written_asks_to_come_again(environ: dict[str, str]) -> None:
    response = webhook({**environ, "TABLE_NAME": "gone"})(telegram(update(text="/stop")))
    assert response["statusCode"] == 503


def test_the_same_bytes_whether_encoded_or_not(call: Call, aws: Aws, queues: Queues) -> None:
    raw, headers = signed(page(page_event("p", "mid", "Grüße 😀")))
    plain = event("POST /messenger", raw, headers)
    plain |= {"body": raw.decode(), "isBase64Encoded": False}
    assert call(plain)["statusCode"] == 200
    unescaped = json.dumps(page(page_event("q", "mid", "Grüße 😀")), ensure_ascii=False).encode()
    assert call(messenger(unescaped))["statusCode"] == 200
    texts = [envelope.payload["message"]["text"] for envelope in queued(aws, queues)]
    assert texts == ["Grüße 😀"] * 2


def test_a_message_of_the_page_is_queued(call: Call, aws: Aws, queues: Queues) -> None:
    response = call(web("hello"))
    assert response["statusCode"] == 202
    assert json.loads(response["body"]) == {"id": "m1"}
    [envelope] = queued(aws, queues)
    assert envelope.payload["text"] == "hello"


@pytest.mark.parametrize("token", ["messenger-verify-token", "wrong", "é"])
def test_the_handshake(call: Call, token: str) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"}
    response = call(event("GET /messenger", queryStringParameters=query))
    if token == SECRETS["MESSENGER_VERIFY_TOKEN"]:
        assert (response["statusCode"], response["body"]) == (200, "1158201444")
        assert response["headers"]["content-type"].startswith("text/plain")
    else:
        assert response["statusCode"] == 403


def sha1_only() -> dict[str, Any]:
    raw, _ = signed(page(page_event("p", "mid")))
    digest = hmac.new(SECRETS["MESSENGER_APP_SECRET"].encode(), raw, hashlib.sha1).hexdigest()
    return event("POST /messenger", raw, {"X-Hub-Signature": f"sha1={digest}"})


def one_byte_changed() -> dict[str, Any]:
    raw, headers = signed(page(page_event("p", "mid", "hello")))
    return event("POST /messenger", raw.replace(b"hello", b"hellp"), headers)


FORGED = {
    "telegram wrong": telegram(update(), "wrong"),
    "telegram missing": event("POST /telegram", json.dumps(update()).encode()),
    "telegram not ascii": telegram(update(), "é"),
    "telegram empty": telegram(update(), ""),
    "messenger missing": event("POST /messenger", signed(page())[0]),
    "messenger wrong": event("POST /messenger", b"{}", {"X-Hub-Signature-256": "sha256=00"}),
    "messenger not ascii": event("POST /messenger", b"{}", {"X-Hub-Signature-256": "sha256=é"}),
    "messenger sha-1 only": sha1_only(),
    "messenger one byte changed": one_byte_changed(),
    "web foreign origin": web("hello", origin="https://evil.example"),
    "web no cookie": {**web("hello"), "cookies": []},
    "web odd cookie": {**web("hello"), "cookies": ["conversation=é.é", "", "="]},
}


@pytest.mark.parametrize("case", FORGED)
def test_what_is_not_authentic_is_refused_and_counted(
    call: Call, aws: Aws, queues: Queues, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(FORGED[case])["statusCode"] in (401, 403)
    assert waiting(aws, queues) == 0
    written = capsys.readouterr().out
    assert '"Refused":[1.0]' in written
    assert "hello" not in written
    assert "Grüße" not in written


UNREADABLE: dict[str, object] = {
    "nothing": b"",
    "invalid": b"{",
    "not utf-8": b'{"a": "\xff"}',
    "deep": b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "array": [],
    "number": 7,
    "null": None,
    "empty": {},
    "nan": b'{"update_id": NaN}',
    "huge number": b'{"object": "page", "update_id": ' + b"9" * 5000 + b"}",
    "fields of other types": {"update_id": "x", "message": 7, "object": "page", "entry": {"a": 1}},
    "entries of other types": {"object": "page", "entry": [None, 7, [], {"messaging": 7}]},
    "events of other types": {"update_id": 1, **page({"sender": 7}, {"message": []})},
    "unknown kinds": {"update_id": 1, "novelty": {}, **page({"novelty": {}})},
    "odd message": {"update_id": 1, "message": {"chat": {"id": "x"}, "date": []}},
    "infinity": b'{"object": "page", "entry": [], "update_id": 1, "message": {"date": 1e999}}',
    "beyond 64 digits": {**update(), **page({**page_event("p", "m"), "timestamp": 10**64})},
    "stop beyond the calendar": {
        **update(text="/stop"),
        "message": {**update(text="/stop")["message"], "date": 10**18},
    },
    "stop of a draft beyond 64 digits": {
        "update_id": 1,
        "stopped_message_generation": {"chat": {"id": 10**64}, "draft_id": 7},
    },
    "time out of range": {**update(), "message": {**update()["message"], "date": 10**30}},
}


@pytest.mark.parametrize("make", [telegram, messenger], ids=["telegram", "messenger"])
@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_authentic_but_unreadable_is_acknowledged(
    call: Call,
    aws: Aws,
    queues: Queues,
    case: str,
    make: Callable[[object], dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(make(UNREADABLE[case]))["statusCode"] == 200
    assert waiting(aws, queues) == 0
    assert '"Ignored":[' in capsys.readouterr().out


def test_the_page_is_told_what_was_wrong(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    response = call(web(" "))
    told = json.loads(response["body"])
    assert (response["statusCode"], told["error"]) == (400, "text must not be empty")
    assert abs(told["now"] - time.time() * 1000) < 10_000
    written = capsys.readouterr().out
    assert '"Ignored":[1.0]' in written
    assert '"channel":"web"' in written


@pytest.mark.parametrize("number", ["1e999", "9" * 4_000, "-1E400", "1" + "0" * 64])
def test_the_page_is_told_of_numbers_that_are_none(call: Call, number: str) -> None:
    body = f'{{"text": "Hello", "id": "m1", "sent_at": {number}}}'
    response = call(web("Hello") | {"body": base64.b64encode(body.encode()).decode()})
    assert (response["statusCode"], json.loads(response["body"])["error"]) == (400, "json")


def test_a_thousand_events_in_a_body(call: Call, aws: Aws, queues: Queues) -> None:
    said = [page_event(f"p{number % 25}", f"m{number}") for number in range(100)]
    seen = {"sender": {"id": "p1"}, "timestamp": SENT * 1000, "read": {"watermark": 1}}
    assert call(messenger(page(*said, *[seen] * 900)))["statusCode"] == 200
    assert waiting(aws, queues) == 100


def test_one_event_too_large_does_not_cost_the_others(call: Call, aws: Aws, queues: Queues) -> None:
    body = page(page_event("p", "m1", "x" * 1_100_000), page_event("q", "m2"))
    assert call(messenger(body))["statusCode"] == 200
    assert [envelope.conversation for envelope in queued(aws, queues)] == ["messenger:q"]


def test_the_same_event_twice_is_queued_once(call: Call, aws: Aws, queues: Queues) -> None:
    for _ in range(2):
        assert call(telegram(update()))["statusCode"] == 200
    assert waiting(aws, queues) == 1


def test_a_conversation_with_odd_characters(call: Call, aws: Aws, queues: Queues) -> None:
    assert call(messenger(page(page_event("ö \n" * 50, "m1"))))["statusCode"] == 200
    [envelope] = queued(aws, queues)
    assert envelope.conversation == "messenger:" + "ö \n" * 50


def test_a_queue_that_is_gone_asks_to_come_again(environ: dict[str, str]) -> None:
    response = webhook({**environ, "QUEUE_URL": environ["QUEUE_URL"] + "x"})(telegram(update()))
    assert response["statusCode"] == 503
    assert response["headers"]["retry-after"] == "2"


def test_channels_without_their_secrets_are_off(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    off = dict.fromkeys(SECRETS, "")
    call = webhook({**environ, **off})
    for _ in range(2):
        for request in (telegram(update(), ""), messenger(page()), web("x")):
            assert call(request)["statusCode"] == 404
    assert capsys.readouterr().out.count("channel_off") == 3


@pytest.mark.parametrize("route", ["GET /telegram", "POST /", "DELETE /messenger"])
def test_other_routes(call: Call, route: str) -> None:
    assert call(event(route))["statusCode"] == 404


def test_secrets_of_the_parameter_store(environ: dict[str, str], aws: Aws, queues: Queues) -> None:
    bare = {"QUEUE_URL": environ["QUEUE_URL"], "PARAMETER_PATH": "/chatbot"}
    ssm = boto3.client("ssm")
    for name, value in SECRETS.items():
        ssm.put_parameter(Name=f"/chatbot/{name}", Value=value, Type="SecureString")
    ssm.put_parameter(Name="/chatbot/SETTINGS", Value=json.dumps(PLAIN), Type="String")
    call = webhook(bare)
    assert call(telegram(update()))["statusCode"] == 200
    assert call(messenger(page(page_event("p", "m1"))))["statusCode"] == 200
    assert waiting(aws, queues) == 2


def test_a_parameter_store_that_cannot_be_read_asks_to_come_again(
    environ: dict[str, str], aws: Aws
) -> None:
    bare = {"QUEUE_URL": environ["QUEUE_URL"], "PARAMETER_PATH": "/chatbot"}
    boto3.client("ssm").put_parameter(Name="/chatbot/SETTINGS", Value="{", Type="String")
    assert webhook(bare)(telegram(update()))["statusCode"] == 503


def test_an_unforeseen_error_is_a_500_and_no_words_are_logged(
    call: Call, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise KeyError("Grüße 😀")

    monkeypatch.setattr("chatbot.bootstrap.webhook.handle", broken)
    assert call(telegram(update()))["statusCode"] == 500
    written = capsys.readouterr().out
    assert "KeyError" in written
    assert "Gr" not in written


def test_the_init_phase_loads_what_receives_and_nothing_heavy() -> None:
    """Modules that only the worker needs must not slow down the webhook's start."""
    program = (
        "import sys; from chatbot.bootstrap.webhook import build;"
        "build({'QUEUE_URL': 'https://sqs.example/queue'}); print(*sys.modules)"
    )
    environ = {**os.environ, "AWS_DEFAULT_REGION": "eu-central-1"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env=environ
    )
    modules = set(done.stdout.decode().split())
    assert {channel.inbound.partition(":")[0] for channel in CHANNELS} <= modules
    for channel in CHANNELS:
        assert not {channel.outbound.partition(":")[0]} & modules
    heavy = {
        "chatbot.channels.base",
        "chatbot.channels.registering",
        "chatbot.net.post",
        "openai",
        "requests",
        "httpx2",
        "pydantic",
        "aws_xray_sdk",
        "chatbot.adapters.dynamodb.turns",
    }
    assert not modules & heavy


def places(aws: Aws, queues: Queues) -> list[str]:
    """Take all messages out of the queue; return their places, "" for those without."""
    found: list[str] = []
    while True:
        answer = aws.sqs.receive_message(
            QueueUrl=queues.messages, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        if not answer.get("Messages"):
            return found
        for message in answer["Messages"]:
            attributes = message.get("MessageAttributes") or {}
            found.append(attributes["place"]["StringValue"] if attributes else "")
            aws.sqs.delete_message(QueueUrl=queues.messages, ReceiptHandle=message["ReceiptHandle"])


def test_of_a_flood_only_so_many_messages_wait(
    environ: dict[str, str], aws: Aws, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    call = webhook({**environ, "MAX_WAITING": "5"})
    for number in range(40):
        assert call(telegram(update(number)))["statusCode"] == 200
    # Ten before the process counts, five that may wait, and the sentence.
    assert waiting(aws, queues) == 16
    assert places(aws, queues) == [""] * 10 + ["1", "2", "3", "4", "5", "6"]
    written = capsys.readouterr().out
    assert written.count('"message":"dropped"') == 25
    assert '"Dropped":[1.0]' in written
    assert "Gr" not in written


def test_places_are_given_back_while_the_queue_is_away(
    environ: dict[str, str], aws: Aws, table: str
) -> None:
    away = {"QUEUE_URL": environ["QUEUE_URL"] + "x", "MAX_WAITING": "5"}
    call = webhook({**environ, **away})
    answers = [call(telegram(update(number)))["statusCode"] for number in range(12)]
    assert answers == [503] * 12
    [item] = aws.dynamodb.scan(TableName=table)["Items"]
    assert item["taken"]["N"] == "0"


def test_the_page_keeps_what_may_not_wait(
    environ: dict[str, str], aws: Aws, queues: Queues
) -> None:
    call = webhook({**environ, "MAX_WAITING": "5"})
    first = web("hello")
    answers = []
    for number in range(20):
        body = {"text": "hello", "id": f"m{number}", "sent_at": int(time.time() * 1000)}
        raw = base64.b64encode(json.dumps(body).encode()).decode()
        answers.append(call({**first, "body": raw}))
    assert [each["statusCode"] for each in answers] == [202] * 15 + [429] * 5
    assert json.loads(answers[-1]["body"]) == {"error": "waiting"}
    assert answers[-1]["headers"]["retry-after"] == "5"
    assert waiting(aws, queues) == 15


def test_a_table_that_is_gone_costs_no_message(environ: dict[str, str], aws: Aws) -> None:
    call = webhook({**environ, "MAX_WAITING": "5", "TABLE_NAME": "gone"})
    for number in range(40):
        assert call(telegram(update(number)))["statusCode"] == 200


def test_a_queue_that_hangs_leaves_the_door_time_to_answer() -> None:
    config: Any = brief(client_config())
    tries = (config.connect_timeout + config.read_timeout) * config.retries["total_max_attempts"]
    template = yaml_parse(Path("template.yaml").read_text())
    assert tries + 1 + 2 <= template["Parameters"]["WebhookTimeout"]["Default"]  # pause, places
