"""`python -m local send`: post a message as the platform would, and print the answers to it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import requests

from local import config
from local.cloud.template import ROOT
from local.http.pages import HOST
from local.standins.people import Person, Post, Signer
from ops.printing import complain, say

_PATIENCE = 60.0  # seconds until giving up
_POLL = 5.0  # seconds that one request for records waits
# Operations of the recorded servers that post an answer to a person.
_TELEGRAM_POSTS = {"sendMessage", "sendPhoto", "sendDocument"}
_MESSENGER_POST = "POST messages"


class NoAnswer(Exception):
    """There is no answer. The text says why, in one line."""


def send(channel: str, text: str, user: str, port: int) -> int:
    """Post a text as `user` to the stack on `port`; print each answer. Returns the exit code."""
    person = Person(user, Signer(config.load(ROOT)))
    url = f"http://{HOST}:{port}"
    try:
        for answer in answers(channel, person, person.write(channel, text, url), url):
            say(answer)
    except NoAnswer as reason:
        complain(reason)
        return 1
    except requests.RequestException:
        complain(f"no local stack answers at {url}: start it with `make run`")
        return 1
    return 0


def answers(
    channel: str, person: Person, post: Post, url: str, patience: float = _PATIENCE
) -> Iterator[str]:
    """Send `post`, then yield the text of each answer until the worker is done with the message.

    A picture or another file is a line of its own, which says where it can be seen.
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
            yield from _posted(record, channel, person, url)
            if _finished(record, post):
                if channel == "web":
                    yield from _web_answer(url, post)
                return
    raise NoAnswer(f"no answer within {patience:g} seconds: see the output of `make run`")


def _records(url: str, after: int, wait: float) -> Mapping[str, Any]:
    query = {"after": after, "wait": wait}
    page: dict[str, Any] = requests.get(
        f"{url}/_local/records", params=query, timeout=wait + 10
    ).json()
    return page


def _posted(record: Mapping[str, Any], channel: str, person: Person, url: str) -> Iterator[str]:
    """Yield what was posted to the person in this request: its text, and where its file is."""
    if record["status"] != 200:
        return
    if channel == "telegram" and record["operation"] in _TELEGRAM_POSTS:
        yield from _telegram_post(json.loads(record["response"])["result"], person, url)
    elif channel == "messenger" and record["operation"] == _MESSENGER_POST:
        yield from _messenger_post(record, person, url)


def _telegram_post(message: Mapping[str, Any], person: Person, url: str) -> Iterator[str]:
    """`message` is a Message of the Bot API: a text, or a photo or document with a caption."""
    if message["chat"]["id"] != person.telegram_id:
        return
    yield from filter(None, (message.get("text"), message.get("caption")))
    for kind, file in (
        ("picture", message.get("photo", [{}])[-1]),
        ("file", message.get("document")),
    ):
        if file:
            yield f"[{kind}: {url}/playground/sent/{file['file_id']}]"


def _messenger_post(record: Mapping[str, Any], person: Person, url: str) -> Iterator[str]:
    if json.loads(record["response"]).get("recipient_id") != person.psid:
        return
    try:
        text = json.loads(record["request"])["message"].get("text")
    except ValueError:  # a file, as multipart
        text = f"[file: shown at {url}/playground]"
    if text:
        yield str(text)


def _finished(record: Mapping[str, Any], post: Post) -> bool:
    """Whether the record is an invocation of the worker that handled the message successfully."""
    if record["server"] != "lambda" or record["status"] != 200:
        return False
    entries = json.loads(record["request"]).get("Records", ())
    ours = {entry["messageId"] for entry in entries if post.marker in entry["body"]}
    failures = (json.loads(record["response"]) or {}).get("batchItemFailures") or ()
    return bool(ours) and not any(failure["itemIdentifier"] in ours for failure in failures)


def _web_answer(url: str, post: Post) -> Iterator[str]:
    reply = requests.get(f"{url}/web/messages", headers=dict(post.headers), timeout=30)
    for turn in reply.json()["turns"]:
        if turn["id"] == post.marker:
            yield str(turn["answer"])
            if turn["made"]:
                yield f"[file: {turn['made']['title']}, shown at {url}/playground]"
            return
    raise NoAnswer("the message was accepted, but the page shows no answer to it")
