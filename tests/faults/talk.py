"""A conversation as seen from outside: by its person, and in the table."""

from __future__ import annotations

import re
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import requests
from boto3.dynamodb.conditions import Key

from local.stack import Stack
from local.standins.base import Call
from local.standins.contract import Upload
from local.standins.people import Person, Post, Signer

LONG = {"telegram": 700, "messenger": 300}
"""Number of words of an answer that takes two posts."""
MAX_INPUT = 80
"""Characters: five short messages fit into one prompt and are merged, two padded ones do not."""

_IMAGE = "/image "
_PICTURE = "[picture]"
_PNG = b"\x89PNG"

_AGAIN = 0.3  # seconds until a platform repeats a webhook call
_TRIES = 60
_LOOK = 0.15

Label = tuple[int, int]
"""The number of a message, and of a part of its answer, both from 1."""


@dataclass
class Talk:
    stack: Stack
    channel: str
    tag: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    long: int = 2  # the message that gets an answer of two parts
    merges: bool = False  # the third message comes with the second
    apart: bool = False  # but is not answered with it
    draws: bool = False  # the long answer is a picture instead
    sent: list[Post] = field(default_factory=list)
    deliveries: int = 0  # webhook calls, including repeated ones
    asked: Counter[int] = field(default_factory=Counter)  # model calls by message
    _posts: list[str] = field(default_factory=list)
    _seen_posts: int = 0
    _seen_prompts: int = 0

    def __post_init__(self) -> None:
        self.person = Person(f"ada-{self.tag}", Signer(self.stack.settings))
        self.conversation = self.person.conversation(self.channel)
        self.recipient = self.conversation.partition(":")[2]

    def text(self, number: int) -> str:
        words = f"{self.tag}-{number}"
        if self.draws and number == self.long:
            return f"{_IMAGE}{words} a red fox"
        if number == self.long and self.channel in LONG:
            words += f" [[length:{LONG[self.channel]}]]"
        return words if self.merges else f"{words} ".ljust(MAX_INPUT // 2 + 1, ".")

    def say(self) -> int:
        """Send the next message, and repeat it until it is accepted, as platforms do."""
        number = len(self.sent) + 1
        post = self.person.write(self.channel, self.text(number), self.stack.url)
        self.sent.append(post)
        for _ in range(_TRIES):
            self.deliveries += 1
            if self._deliver(post):
                return number
            time.sleep(_AGAIN)
        raise TimeoutError("the webhook never took it")

    def _deliver(self, post: Post) -> bool:
        answer = requests.post(
            self.stack.url + post.path, post.body, headers=dict(post.headers), timeout=60
        )
        return answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR

    def expected(self, number: int) -> list[Label]:
        if self.merges and not self.apart and number == self.long + 1:
            return []
        # A picture takes two posts only on Messenger, where its caption is a post of its own.
        of_two = {"messenger"} if self.draws else {*LONG}
        parts = 2 if number == self.long and self.channel in of_two else 1
        return [(number, part) for part in range(1, parts + 1)]

    def received(self) -> list[Label]:
        """Return the parts of answers that the person got, in order."""
        if self.channel == "web":
            return [self._label_read(turn) for turn in self._turns_read() if turn["answer"]]
        return [self._label(text) for text in self.texts()]

    def texts(self) -> list[str]:
        """Return the texts of the posts that the platform accepted, in order."""
        standin = self.stack.telegram if self.channel == "telegram" else self.stack.graph
        calls = standin.accepted[self._seen_posts :]
        self._seen_posts += len(calls)
        self._posts += [text for call in calls if (text := self._text_posted(call)) is not None]
        return self._posts

    def model_calls(self) -> Counter[int]:
        """Return how often the model was asked, by message."""
        calls = self.stack.openai.accepted[self._seen_prompts :]
        self._seen_prompts += len(calls)
        for call in calls:
            params = call.params
            drawn = call.method == "images/generations"
            last: str = params["prompt"] if drawn else params["messages"][-1]["content"]
            if last.startswith(self.tag):
                self.asked[self._number(last)] += 1
        return self.asked

    def turns(self) -> list[dict[str, Any]]:
        """Return the stored turns, oldest first."""
        condition = Key("pk").eq(self.conversation) & Key("sk").begins_with("turn#")
        page = self.stack.table.query(KeyConditionExpression=condition, ConsistentRead=True)
        return [dict(item) for item in page["Items"]]

    def merged(self) -> bool:
        """Whether a stored turn was merged into another one."""
        return any("leader" in turn for turn in self.turns())

    def answered(self, number: int) -> bool:
        """Whether the whole answers up to this message have arrived."""
        if self.channel == "web":
            return len(self.turns()) >= number
        got = set(self.received())
        return all(label in got for n in range(1, number + 1) for label in self.expected(n))

    def delivered(self) -> bool:
        """Whether the table holds a finished turn for each message sent."""
        states = [turn["state"] for turn in self.turns()]
        return len(states) == len(self.sent) and set(states) <= {"delivered"}

    def claims_over(self) -> bool:
        """Whether all claims have ended, so that no worker can still be posting."""
        now = time.time() * 1000
        return all(
            turn["state"] == "delivered" or turn.get("claim_ends", 0) < now for turn in self.turns()
        )

    def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK)
        return True

    def _text_posted(self, call: Call) -> str | None:
        params: dict[str, Any] = call.params
        if call.method in ("sendMessage", "sendPhoto") and str(params["chat_id"]) == self.recipient:
            return _shown(params.get("photo")) or str(params.get("text"))
        if call.method == "POST messages" and params["recipient"]["id"] == self.recipient:
            return _shown(params.get("filedata")) or str(params["message"].get("text"))
        return None

    def _label(self, text: str) -> Label:
        short = re.match(rf"You said: {self.tag}-(\d+)", text)
        if short:
            return int(short[1]), 1
        return self.long, 1 if text.startswith(("word1 ", _PICTURE)) else 2

    def _label_read(self, turn: dict[str, Any]) -> Label:
        number = self._number(turn["text"])
        if not (self.draws and number == self.long):
            return number, 1
        picture = turn["made"] and self._read(turn["made"]["url"]).content
        return number, 1 if picture and picture.startswith(_PNG) else 2

    def _number(self, text: str) -> int:
        return int(text.removeprefix(_IMAGE).removeprefix(f"{self.tag}-").split()[0])

    def _turns_read(self) -> list[dict[str, Any]]:
        turns: list[dict[str, Any]] = self._read("/web/messages").json()["turns"]
        return turns

    def _read(self, path: str) -> requests.Response:
        cookie = self.person.signer.web_cookie(self.person.session)
        return requests.get(self.stack.url + path, headers={"cookie": cookie}, timeout=30)


def _shown(file: Upload | None) -> str:
    return _PICTURE if file and file.data.startswith(_PNG) else ""
