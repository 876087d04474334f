"""Collect from the recorder what decides whether a repetition was allowed."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from typing import Any

from local.http.recorder import Record

TOKEN = re.compile(r"\bm\d+x\d+\b")
"""The word that identifies a message, its prompt and its answer."""
_WELL_IN_TIME = 0.2
"""Share of a call's timeout after which its response may have been missed on a busy machine."""

Event = tuple[str, str]
"""Conversation and event id."""


class Watch:
    """A listener of the recorder. `post_timeout` and `model_timeout` in seconds.

    A call is clear when its response was complete and well within the timeout: the caller must have
    received it, unless it died. So each event may have one clear post and one clear prompt, and one
    more for each invocation with it that died.
    """

    def __init__(self, post_timeout: float, model_timeout: float) -> None:
        self.clear_posts: Counter[str] = Counter()  # by token
        self.clear_prompts: Counter[str] = Counter()
        self.deaths: Counter[Event] = Counter()
        self.dead_invocations = 0
        self._queued: list[dict[str, Any]] = []
        self._refused_puts: Counter[Event] = Counter()
        self._unheard_puts: Counter[Event] = Counter()
        self._lock = threading.Lock()
        self._limits = {
            "telegram": post_timeout * _WELL_IN_TIME * 1000,
            "graph": post_timeout * _WELL_IN_TIME * 1000,
            "openai": model_timeout * _WELL_IN_TIME * 1000,
        }

    def puts_failed(self, event: Event) -> int:
        """Return how often writing the event's turn failed, or seemed to fail, after all tries.

        The SDK tries three times, but does not repeat a call whose response it cannot parse.
        """
        return self._unheard_puts[event] + self._refused_puts[event] // 3

    def take_queued(self) -> list[dict[str, Any]]:
        """Return the entries of calls to send messages since the last time."""
        with self._lock:
            queued, self._queued = self._queued, []
            return queued

    def see(self, record: Record) -> None:
        with self._lock:
            if record.server == "aws":
                self._see_aws(record)
            elif record.server == "lambda":
                self._see_invocation(record)
            elif record.operation in ("sendMessage", "POST messages"):
                self._see_call(record, self.clear_posts)
            elif record.operation == "chat/completions":
                self._see_call(record, self.clear_prompts)

    def _see_call(self, record: Record, clear: Counter[str]) -> None:
        if not _answered(record) or record.ms > self._limits[record.server]:
            return
        call = json.loads(record.request)
        words = call["messages"][-1]["content"] if "messages" in call else _posted_text(call)
        clear.update(named(words))

    def _see_aws(self, record: Record) -> None:
        if record.operation == "SendMessageBatch":
            self._queued += json.loads(record.request)["Entries"]
        elif record.operation in ("PutItem", "TransactWriteItems") and not _answered(record):
            request = json.loads(record.request)
            counter = self._unheard_puts if record.status == 200 else self._refused_puts
            for put in [part["Put"] for part in request.get("TransactItems", ())] or [request]:
                kind, *event = put["Item"]["sk"]["S"].split("#", 2)
                if kind == "turn":  # not a draft
                    counter[put["Item"]["pk"]["S"], event[1]] += 1

    def _see_invocation(self, record: Record) -> None:
        if record.operation != "WorkerFunction" or record.status == 200:
            return
        self.dead_invocations += 1
        for entry in json.loads(record.request)["Records"]:
            envelope = json.loads(entry["body"])
            self.deaths[envelope["conversation"], envelope["event_id"]] += 1


def named(text: str) -> list[str]:
    """Return the tokens of the messages in the last line of a prompt, or that an answer is to."""
    return TOKEN.findall(text.partition("\n\n")[0])


def _answered(record: Record) -> bool:
    if record.status != 200:
        return False
    if record.response.startswith("data:"):
        return "data: [DONE]" in record.response  # whether the stream is complete
    try:
        json.loads(record.response)
    except ValueError:
        return False
    return True


def _posted_text(call: dict[str, Any]) -> str:
    text: str = call["text"] if "text" in call else call["message"]["text"]
    return text
