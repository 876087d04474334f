"""The event source mapping of the fault cases: an invocation for each conversation."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from local.cloud.event_source import Poller, to_event
from local.cloud.runtime import Result

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

Way = Literal["as usual", "never", "twice", "not deleted"]
"""How received messages are handled: given to one worker, to none, to two at the same time, or to
one with their deletion never reaching the queue."""
Meets = Callable[[Sequence["MessageTypeDef"]], Way]


class Lanes(Poller):
    """A poller that splits batches by conversation, so that a fault hits one conversation only.

    `meet` sets how a conversation's next messages are handled; `pair` has the next messages of two
    conversations share an invocation. `share` has conversations always share what is received of
    them together, and waits for all of them the first time.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._invoke_once, self._invoke = self._invoke, self._invoke_and_warm
        self._pool = ThreadPoolExecutor(64, "lane")
        self._state = threading.Condition()
        self._meets: dict[str, Meets] = {}
        self._pairs: dict[str, str] = {}
        self._shared: dict[str, frozenset[str]] = {}
        self._awaited: dict[frozenset[str], list[MessageTypeDef]] = {}
        self._together: dict[str, int] = {}
        self._put_back = Counter[str]()
        self._waiting: defaultdict[str, list[MessageTypeDef]] = defaultdict(list)
        self._busy: Counter[str] = Counter()
        self._looking = False
        self._holding = threading.Lock()
        self._open = threading.Event()
        self._open.set()

    def stop(self, timeout: float = 5) -> None:
        self._open.set()
        super().stop(timeout)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def meet(self, group: str, meets: Meets) -> None:
        self._meets[group] = meets

    def pair(self, one: str, other: str) -> None:
        with self._state:
            self._pairs |= {one: other, other: one}

    def share(self, groups: Collection[str]) -> None:
        with self._state:
            together = frozenset(groups)
            self._shared |= dict.fromkeys(together, together)
            self._awaited[together] = []

    @contextmanager
    def held(self, group: str, count: int) -> Iterator[None]:
        """Receive nothing inside the block; the `count` messages then sent come as one batch."""
        with self._holding:
            self._open.clear()
            while self._looking:
                self._wake.set()
                time.sleep(0.01)
            self._together[group] = count
            yield
            self._open.set()
            self._wake.set()

    def wait_idle(self, group: str, timeout: float) -> bool:
        """Wait until no worker handles the conversation. Returns False after `timeout` seconds."""
        with self._state:
            return self._state.wait_for(lambda: not self._busy[group], timeout)

    def _invoke_and_warm(self, event: Mapping[str, Any]) -> Result:
        """Invoke the function, and have a new process started in the place of one that ended.

        Otherwise the next invocation, of any conversation, would begin with a cold start: on a busy
        machine that takes a quarter of its time, with which the cases reckon.
        """
        result = self._invoke_once(event)
        if result.error and not self._given_up:
            self._invoke_once({"Records": []})
        return result

    def _receive(self) -> list[MessageTypeDef]:
        self._looking = True
        try:
            if self._open.is_set():
                return self._whole(super()._receive())
        finally:
            self._looking = False
        self._open.wait(1)
        return []

    def _whole(self, messages: list[MessageTypeDef]) -> list[MessageTypeDef]:
        """Return the messages that can be handled now.

        A full batch may end in the middle of those that are to come together. They are then made
        visible again, and this receive is not counted.
        """
        counts = Counter(group_of(message) for message in messages)
        cut = {group for group, count in counts.items() if count < self._together.get(group, 0)}
        for group in counts.keys() - cut:
            self._together.pop(group, None)
        for message in messages:
            name, attributes = message["MessageId"], message["Attributes"]
            if group_of(message) in cut:
                self._put_back[name] += 1
                handle = message["ReceiptHandle"]
                self._sqs.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=handle, VisibilityTimeout=0
                )
            received = int(attributes["ApproximateReceiveCount"]) - self._put_back[name]
            attributes["ApproximateReceiveCount"] = str(received)
        return [message for message in messages if group_of(message) not in cut]

    def _serve(self, messages: list[MessageTypeDef]) -> None:
        lanes: defaultdict[str, list[MessageTypeDef]] = defaultdict(list)
        shared: defaultdict[frozenset[str], list[MessageTypeDef]] = defaultdict(list)
        for message in messages:
            group = group_of(message)
            if group in self._shared:
                shared[self._shared[group]].append(message)
            else:
                lanes[group].append(message)
        with self._state:
            for share, members in shared.items():
                self._serve_share(share, members)
            for group, members in lanes.items():
                other = self._pairs.get(group)
                together = members
                if other:
                    self._waiting[group] += members
                    if not self._waiting[other]:
                        continue
                    together = self._waiting.pop(group) + self._waiting.pop(other)
                    del self._pairs[group], self._pairs[other]
                self._busy.update({group} | ({other} if other else set()))
                self._pool.submit(self._run, {group, other or group}, together)

    def _serve_share(self, share: frozenset[str], messages: list[MessageTypeDef]) -> None:
        messages = [*self._awaited.get(share, ()), *messages]
        if share in self._awaited and len(messages) < len(share):
            self._awaited[share] = messages
            return
        self._awaited.pop(share, None)
        groups = set(map(group_of, messages))
        self._busy.update(groups)
        self._pool.submit(self._run, groups, messages)

    def _run(self, groups: set[str], messages: list[MessageTypeDef]) -> None:
        try:
            meets = [self._meets.pop(group) for group in groups & self._meets.keys()]
            way = meets[0](messages) if meets else "as usual"
            if way == "twice":
                other = self._pool.submit(super()._serve, messages)
                super()._serve(messages)
                other.result()
            elif way == "not deleted":
                self._invoke(to_event(messages, self._arn))
            elif way == "as usual":
                super()._serve(messages)
        finally:
            with self._state:
                self._busy.subtract(groups)
                self._state.notify_all()
            self._wake.set()


def group_of(message: MessageTypeDef) -> str:
    """Return the conversation of a received message."""
    return message["Attributes"]["MessageGroupId"]
