"""`python -m local send`: post a message as the platform would, and print the answers to it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import requests

from local import config
from local.cloud.template import ROOT
from local.http.server import HOST
from local.standins.people import Person, Post, Signer

_PATIENCE = 60.0  # seconds until giving up
_POLL = 5.0  # seconds that one request for records waits
# By channel: the recorded server and operation of a posted answer, and the field of its recipient.
_POSTS = {
    "telegram": ("telegram", "sendMessage", "chat_id"),
    "messenger": ("graph", "POST messages", "recipient"),
}


class NoAnswer(Exception):
    """There is no answer. The text says why, in one line."""


def send(channel: str, text: str, user: str, port: int) -> int:
    """Post a text as `user` to the stack on `port`; print each answer. Returns the exit code."""
    person = Person(user, Signer(config.load(ROOT)))
    url = f"http://{HOST}:{port}"
    try:
        for answer in answers(channel, person, person.write(channel, text, url), url):
            print(answer, flush=True)
    except NoAnswer as reason:
        print(reason, file=sys.stderr)
        return 1
    except requests.RequestException:
        print(f"no local stack answers at {url}: start it with `make run`", file=sys.stderr)
        return 1
    return 0


def answers(
    channel: str, person: Person, post: Post, url: str, patience: float = _PATIENCE
) -> Iterator[str]:
    """Send `post`, then yield the text of each answer until the worker is done with the message.

    `url` is the stack's, `patience` in seconds. Raises NoAnswer when the message is refused or the
    time is over, requests.RequestException when the stack does not answer.
    """
    last = _records(url, -1, 0)["last"]
    reply = requests.post(url + post.path, post.body, headers=dict(post.headers), timeout=30)
    if not reply.ok:
        raise NoAnswer(f"POST {post.path} was answered with {reply.status_code}")
    end = time.monotonic() + patience
    while time.monotonic() < end:
        page = _records(url, last, min(_POLL, end - time.monotonic()))
        last = page["last"]
        for record in page["records"]:
            if text_posted := _posted(record, channel, person):
                yield text_posted
            if _finished(record, post):
                if channel == "web":
                    yield _web_answer(url, post)
                return
    raise NoAnswer(f"no answer within {patience:g} seconds: see the output of `make run`")


def _records(url: str, after: int, wait: float) -> Mapping[str, Any]:
    query = {"after": after, "wait": wait}
    page: dict[str, Any] = requests.get(
        f"{url}/_local/records", params=query, timeout=wait + 10
    ).json()
    return page


def _posted(record: Mapping[str, Any], channel: str, person: Person) -> str:
    """The text that was posted to the person in this request, or ""."""
    server, operation, recipient = _POSTS.get(channel, ("", "", ""))
    if (record["server"], record["operation"], record["status"]) != (server, operation, 200):
        return ""
    try:
        call = json.loads(record["request"])
    except ValueError:
        return ""  # a file, as multipart
    to, message = call.get(recipient), call.get("message", call)
    own = str(person.telegram_id) if channel == "telegram" else person.psid
    if str(to["id"] if isinstance(to, dict) else to) != own:
        return ""
    text: str = message.get("text", "")
    return text


def _finished(record: Mapping[str, Any], post: Post) -> bool:
    """Whether the record is an invocation of the worker that handled the message successfully."""
    if record["server"] != "lambda" or record["status"] != 200:
        return False
    entries = json.loads(record["request"]).get("Records", ())
    ours = {entry["messageId"] for entry in entries if post.marker in entry["body"]}
    failures = (json.loads(record["response"]) or {}).get("batchItemFailures") or ()
    return bool(ours) and not any(failure["itemIdentifier"] in ours for failure in failures)


def _web_answer(url: str, post: Post) -> str:
    reply = requests.get(f"{url}/web/messages", headers=dict(post.headers), timeout=30)
    for turn in reply.json()["turns"]:
        if turn["id"] == post.marker:
            return str(turn["answer"])
    raise NoAnswer("the message was accepted, but the page shows no answer to it")
