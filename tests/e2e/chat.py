"""A conversation with the local stack, as seen by its person."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from local.cli.send import answers
from local.stack import Stack
from local.standins.faults import Fault
from local.standins.people import Person, Post

SECONDS = 20


def until(found: Callable[[], object], wanted: object) -> None:
    """Wait until `found()` equals `wanted`, for what no record shows. Polls every 50 ms."""
    end = time.monotonic() + SECONDS
    while (got := found()) != wanted:
        assert time.monotonic() < end, f"{got!r} is not yet {wanted!r}"
        time.sleep(0.05)


@dataclass(frozen=True)
class Chat:
    stack: Stack
    person: Person
    channel: str

    def say(self, text: str) -> list[str]:
        """Write a text. Returns the parts of the answer."""
        return self.answers_to(self.person.write(self.channel, text, self.stack.url))

    def press(self, payload: str) -> list[str]:
        """Press a button of an earlier answer. Returns the parts of the answer to that."""
        return self.answers_to(self.person.press(self.channel, payload, self.stack.url))

    def answers_to(self, post: Post) -> list[str]:
        return list(answers(self.channel, self.person, post, self.stack.url, SECONDS))

    def buttons(self) -> dict[str, str]:
        """Return the payloads of the newest answer's buttons by their labels."""
        if self.channel == "web":
            return {each["label"]: each["payload"] for each in self.turns()[-1]["buttons"]}
        newest = self.messages(1)[-1]
        if self.channel == "messenger":
            return {each["title"]: each["payload"] for each in newest.get("quick_replies", ())}
        rows = newest.get("reply_markup", {}).get("inline_keyboard", ())
        return {each["text"]: each["callback_data"] for row in rows for each in row}

    def turns(self) -> list[dict[str, Any]]:
        """Return the turns that the page's API returns."""
        headers = {"cookie": self.person.signer.web_cookie(self.person.session)}
        reply = requests.get(f"{self.stack.url}/web/messages", headers=headers, timeout=30)
        turns: list[dict[str, Any]] = reply.json()["turns"]
        return turns

    def post(self, post: Post, **headers: str) -> requests.Response:
        return send(self.stack, post, **headers)

    def received(self, at_least: int, chat_id: int | None = None) -> list[str]:
        """Wait for a number of posts to the person or to a group. Returns their texts."""
        return [message["text"] for message in self.messages(at_least, chat_id)]

    def messages(self, at_least: int, chat_id: int | None = None) -> list[dict[str, Any]]:
        """Like `received`, but return the messages as Telegram or Messenger got them."""
        found: list[dict[str, Any]] = []

        def enough(_: object) -> bool:
            found[:] = self._posted(chat_id or self.person.telegram_id)
            return len(found) >= at_least

        if not enough(None):
            self.stack.recorder.wait(enough, self.stack.recorder.last, SECONDS)
        return found

    def _posted(self, chat_id: int) -> list[dict[str, Any]]:
        if self.channel == "telegram":
            calls = self.stack.telegram.wait(0, "sendMessage")
            return [call.params for call in calls if call.params["chat_id"] == chat_id]
        return [
            call.params["message"]
            for call in self.stack.graph.wait(0, "POST messages")
            if call.params["recipient"]["id"] == self.person.psid
        ]

    def prompts(self, words: str) -> list[list[dict[str, Any]]]:
        """Return the prompts whose last message, or a part of it, contains these words."""
        return [
            call.params["messages"]
            for call in self.stack.openai.wait(0, "chat/completions")
            if words in str(call.params["messages"][-1]["content"])
        ]


def send(stack: Stack, post: Post, **headers: str) -> requests.Response:
    all_headers = {**post.headers, **headers}
    return requests.post(stack.url + post.path, post.body, headers=all_headers, timeout=30)


@contextmanager
def being_answered(chatting: Chat, text: str) -> Iterator[None]:
    """Write the text; the model is asked before the block, and answers at its end."""
    asked, queued = threading.Event(), threading.Event()

    def wait(environ: object) -> None:
        asked.set()
        queued.wait(SECONDS)

    chatting.stack.openai.faults.add(Fault("slow", contains=text, then=wait))
    try:
        post = chatting.person.write(chatting.channel, text, chatting.stack.url)
        assert chatting.post(post).ok
        assert asked.wait(SECONDS)  # what is queued before could still be in the same batch
        yield
    finally:
        queued.set()
