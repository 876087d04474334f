"""Generate requests to the webhook from a seed, as platforms, browsers or attackers make them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chatbot.channels.web.session import set_cookie
from tests.fuzz import messenger, telegram, words

SECRETS = {
    "TELEGRAM_BOT_TOKEN": f"{telegram.BOT_ID}:fuzzed-telegram-token",
    "TELEGRAM_WEBHOOK_SECRET": "fuzzed-telegram-secret",
    "MESSENGER_APP_SECRET": "fuzzed-app-secret",
    "MESSENGER_VERIFY_TOKEN": "fuzzed-verify-token",
    "MESSENGER_PAGE_TOKEN": "fuzzed-page-token",
    "WEB_SESSION_KEY": "fuzzed-session-key",
}
PLAIN = {
    "WEB_ACCESS": "open",
    "TELEGRAM_BOT_USERNAME": words.BOT,
    "MESSENGER_PAGE_ID": messenger.PAGE,
    "MESSENGER_APP_ID": messenger.APP,
}
_ORIGIN = "https://chat.example"
_SESSIONS = ("A" * 22, "B" * 22)


@dataclass(frozen=True)
class Case:
    """A request: `event` is API Gateway's (payload format 2.0), `body` what the platform sent.

    `documented` is whether the body has the form that the platform documents, however unusual.
    """

    channel: str
    event: Mapping[str, Any]
    body: bytes
    authentic: bool
    documented: bool
    what: str


@dataclass(frozen=True)
class Sent:
    """A request as it is sent."""

    body: bytes
    headers: Mapping[str, str]
    cookies: tuple[str, ...] = ()
    authentic: bool = True


def case(seed: str, number: int, now: int) -> Case:
    """Make case `number` of a seed. It is always the same except for `now` (epoch milliseconds)."""
    rng = random.Random(f"{seed}:{number}")
    channel = ("telegram", "messenger", "telegram", "web")[number % 4]
    if channel == "messenger" and rng.random() < 0.05:
        return _handshake(rng)
    turn = number // 4 * 2 + number % 4 // 2
    data = _data(rng, channel, turn, now)
    documented, what = True, next((name for name in data if name != "update_id"), "")
    if rng.random() < 0.25:
        documented, what = False, "misshapen"
        for _ in range(rng.choice((1, 1, 2, 4))):
            data = words.misshape(rng, data)
    body = json.dumps(data, ensure_ascii=rng.random() < 0.8).encode("utf-8", "surrogatepass")
    if rng.random() < 0.1:
        documented, what = False, "mutilated"
        body = words.mutilate(rng, body)
    sent = SENDERS[channel](rng, body)
    path = "/web/messages" if channel == "web" else f"/{channel}"
    event = event_of(rng, path, sent)
    return Case(channel, event, sent.body, sent.authentic, documented, what)


def _handshake(rng: random.Random) -> Case:
    right = SECRETS["MESSENGER_VERIFY_TOKEN"]
    token = right if rng.random() < 0.5 else wrong(rng, right)
    mode = rng.choice(("subscribe", "subscribe", "unsubscribe", ""))
    query = {"hub.mode": mode, "hub.challenge": rng.choice(("1158201444", "<b>", "é", ""))}
    if token is not None:
        query["hub.verify_token"] = token
    event = event_of(rng, "/messenger", Sent(b"", {})) | {"queryStringParameters": query}
    event["requestContext"] = {"http": {"method": "GET", "path": "/messenger"}}
    authentic = token == right and mode == "subscribe"
    return Case("messenger", event, b"", authentic, True, "handshake")


def _data(rng: random.Random, channel: str, turn: int, now: int) -> Any:
    if channel == "telegram":
        return telegram.updates().update(rng, turn)
    return messenger.body(rng) if channel == "messenger" else _web_message(rng, now)


def _web_message(rng: random.Random, now: int) -> dict[str, Any]:
    return {
        "text": words.text(rng),
        "id": rng.choice(("m1", "x" * 64, "x" * 65, "", "ö", "a_b-9")),
        "sent_at": now + rng.choice((0, 0, 0, 59_000, 61_000, -86_000_000, -90_000_000)),
    }


def _from_telegram(rng: random.Random, body: bytes) -> Sent:
    secret = SECRETS["TELEGRAM_WEBHOOK_SECRET"]
    given = secret if rng.random() < 0.8 else wrong(rng, secret)
    header = rng.choice(("X-Telegram-Bot-Api-Secret-Token", "x-telegram-bot-api-secret-token"))
    headers = {} if given is None else {header: given}
    return Sent(body, headers, authentic=given == secret)


def _from_messenger(rng: random.Random, body: bytes) -> Sent:
    secret = SECRETS["MESSENGER_APP_SECRET"].encode()
    right = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    kind = rng.random()
    if kind < 0.1:  # changed after it was signed
        changed = words.mutilate(rng, body)
        return Sent(changed, {"X-Hub-Signature-256": right}, authentic=changed == body)
    if kind < 0.15:
        sha1 = "sha1=" + hmac.new(secret, body, hashlib.sha1).hexdigest()
        return Sent(body, {"X-Hub-Signature": sha1}, authentic=False)
    given = right if kind < 0.85 else wrong(rng, right)
    headers = {} if given is None else {"X-Hub-Signature-256": given}
    return Sent(body, headers, authentic=given == right)


def _from_page(rng: random.Random, body: bytes) -> Sent:
    session = rng.choice(_SESSIONS)
    right = set_cookie(session, SECRETS["WEB_SESSION_KEY"], secure=True).partition(";")[0]
    cookie = right if rng.random() < 0.85 else wrong(rng, right)
    origin = _ORIGIN if rng.random() < 0.9 else rng.choice(("", "null", "https://evil.example"))
    media_type = "application/json" if rng.random() < 0.95 else rng.choice(("text/plain", ""))
    headers = {
        "host": "chat.example",
        "x-forwarded-proto": "https",
        "origin": origin,
        "content-type": media_type,
    }
    others = rng.sample(("other=1", "=", "", "conversation2=x"), rng.choice((0, 0, 1, 2)))
    cookies = (*others, *([cookie] if cookie else []))
    return Sent(body, headers, cookies, cookie == right and origin == _ORIGIN)


SENDERS = {"telegram": _from_telegram, "messenger": _from_messenger, "web": _from_page}


def wrong(rng: random.Random, right: str) -> str | None:
    """Return something similar to `right` but wrong, or None to leave it out."""
    where = rng.randrange(len(right))
    other = "0" if right[where] != "0" else "1"
    return rng.choice(
        (
            None,
            "",
            right.upper(),
            right[:-1],
            right[:where],
            right + other,
            right[:where] + other + right[where + 1 :],
            "é" + right[1:],
            "\ud83d",
        )
    )


def event_of(rng: random.Random, path: str, sent: Sent) -> dict[str, Any]:
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": path,
        "headers": dict(sent.headers),
        "requestContext": {"http": {"method": "POST", "path": path}},
        "isBase64Encoded": False,
    }
    if sent.cookies:
        event["cookies"] = list(sent.cookies)
    try:
        text = sent.body.decode() if rng.random() < 0.5 else None
    except UnicodeDecodeError:
        text = None
    if text is None:
        event |= {"body": base64.b64encode(sent.body).decode(), "isBase64Encoded": True}
    elif text:
        event["body"] = text
    return event
