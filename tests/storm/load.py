"""Simulate people who write, and platforms that call the webhook, each in its own way.

Telegram delivers a chat's updates one after another and repeats one until it gets a 2xx. Messenger
delivers the events of several people in one body and repeats the whole body, sometimes also one
that was accepted before. The web page repeats a message with the same id and time.
"""

from __future__ import annotations

import heapq
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import requests

from local.standins.people import CHANNELS, Person, Post, Signer
from local.standins.shapes import SHAPES
from tests.storm.watch import Event

LOST = 0.05
"""Share of webhook calls whose 2xx gets lost, so that the platform repeats them."""
LATE = 0.05
"""Share of Messenger's bodies that are delivered once more after later ones."""
ODD = 0.2
"""Share of the messages that the model server answers in one of the odd shapes of SHAPES which are
complete answers: none of them may cost an answer, or be asked for twice."""
_ON_A_PAGE = 5
"""Number of people whose events share Messenger's bodies."""
_LONGEST_BODY = 4
_BURST = 0.6
"""Probability that the next message follows at once."""
_PAUSE = 1.0
_RETRY, _RETRY_MAX = 0.1, 2.0


@dataclass
class Sent:
    """A message. `at` (epoch seconds) and `event_id` are set when it is first sent.

    `token` is a word that occurs in this message only; `mark` says how the model server answers it.
    """

    channel: str
    conversation: str
    index: int
    token: str
    person: Person
    mark: str = ""
    at: float = 0.0
    event_id: str = ""

    @property
    def event(self) -> Event:
        return self.conversation, self.event_id

    @property
    def text(self) -> str:
        return f"{self.token} {self.mark}".strip()


@dataclass
class Delivery:
    post: Post
    tries: int = 0


class Stream:
    """Requests that a platform sends one after another: of a chat, a page, or a browser."""

    def __init__(self, messages: Sequence[Sequence[Sent]], url: str, dice: random.Random) -> None:
        self.dice = random.Random(dice.random())
        self.current: Delivery | None = None
        self.again: list[Post] = []  # delivered already, to be delivered once more later
        self._url = url
        self._left = [list(each) for each in messages]

    def next(self) -> Delivery | None:
        """Return the next request, or None when there are no more."""
        if self.again and (not any(self._left) or self.dice.random() < LATE):
            return Delivery(self.again.pop())
        chosen = self._choose()
        if not chosen:
            return None
        posts = [sent.person.write(sent.channel, sent.text, self._url) for sent in chosen]
        for sent, post in zip(chosen, posts, strict=True):
            sent.at, sent.event_id = time.time(), f"{post.marker}:message"
        post = posts[0] if chosen[0].channel != "messenger" else _one_body(chosen, posts)
        if chosen[0].channel == "messenger" and self.dice.random() < LATE:
            self.again.append(post)
        return Delivery(post)

    def _choose(self) -> list[Sent]:
        size = self.dice.randint(1, _LONGEST_BODY) if len(self._left) > 1 else 1
        chosen = []
        for _ in range(size):
            speaking = [messages for messages in self._left if messages]
            if speaking:
                chosen.append(self.dice.choice(speaking).pop(0))
        return chosen


def _one_body(chosen: Sequence[Sent], posts: Sequence[Post]) -> Post:
    """Join the events of several people in one body."""
    bodies: list[dict[str, Any]] = [json.loads(post.body) for post in posts]
    body = json.dumps({**bodies[0], "entry": [each["entry"][0] for each in bodies]}).encode()
    signature = chosen[0].person.signer.messenger(body)
    return Post(posts[0].path, {**posts[0].headers, **signature}, body, posts[0].marker)


def people(conversations: int, messages: int, seed: int, signer: Signer) -> list[list[Sent]]:
    """Make everyone's messages, a list for each conversation; the channels alternate."""
    dice = random.Random(seed)
    odd = sorted(name for name, shape in SHAPES.items() if shape.outcome == "answer")
    return [
        [
            Sent(
                channel=CHANNELS[number % len(CHANNELS)],
                conversation=person.conversation(CHANNELS[number % len(CHANNELS)]),
                index=index,
                token=f"m{number}x{index}",
                person=person,
                mark=f"[[shape:{dice.choice(odd)}]]" if dice.random() < ODD else "",
            )
            for index in range(messages)
        ]
        for number in range(conversations)
        for person in [Person(f"storm-{seed}-{number}", signer)]
    ]


def streams(talks: Sequence[Sequence[Sent]], url: str, dice: random.Random) -> Iterator[Stream]:
    by_page = [talk for talk in talks if talk and talk[0].channel == "messenger"]
    for talk in talks:
        if talk and talk[0].channel != "messenger":
            yield Stream([talk], url, dice)
    for start in range(0, len(by_page), _ON_A_PAGE):
        yield Stream(by_page[start : start + _ON_A_PAGE], url, dice)


class Senders:
    """Threads that send the streams' requests. They wait while `full` returns True."""

    def __init__(
        self, streams: Sequence[Stream], url: str, full: Callable[[], bool], threads: int
    ) -> None:
        self.refused: list[int] = []  # the 4xx statuses; each ends its stream
        self.requests = 0
        self._url = url
        self._full = full
        self._number = count()
        self._changed = threading.Condition()
        self._due = [(0.0, next(self._number), stream) for stream in streams]
        self._open = len(streams)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]

    @property
    def done(self) -> bool:
        return self._open == 0

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        with self._changed:
            self._open = 0
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            stream, due = self._take()
            if stream is None:
                return
            pause = self._deliver(stream)
            with self._changed:
                if pause is None:
                    self._open -= 1
                else:
                    at = time.monotonic() + pause if pause else due
                    heapq.heappush(self._due, (at, next(self._number), stream))
                self._changed.notify()

    def _take(self) -> tuple[Stream | None, float]:
        with self._changed:
            while self._open > 0:
                now = time.monotonic()
                wait = self._due[0][0] - now if self._due else 0.1
                if self._due and wait <= 0 and not self._full():
                    due, _, stream = heapq.heappop(self._due)
                    return stream, due
                self._changed.wait(min(max(wait, 0.02), 0.1))
            self._changed.notify_all()
            return None, 0.0

    def _deliver(self, stream: Stream) -> float | None:
        """Make one request. Returns the seconds until the stream's next, None when it has ended."""
        delivery = stream.current = stream.current or stream.next()
        if delivery is None:
            return None
        status = self._post(delivery.post)
        self.requests += 1
        if 400 <= status < 500:
            self.refused.append(status)
            return None
        if status >= 500 or stream.dice.random() < LOST:
            delivery.tries += 1
            return float(min(_RETRY_MAX, _RETRY * 2**delivery.tries))
        stream.current = None
        return 0.0 if stream.dice.random() < _BURST else stream.dice.uniform(0, _PAUSE)

    def _post(self, post: Post) -> int:
        try:
            answer = requests.post(
                self._url + post.path, post.body, headers=dict(post.headers), timeout=60
            )
        except requests.RequestException:
            return 503
        return answer.status_code
