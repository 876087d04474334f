"""Shows the person that an answer is on its way, for as long as it is."""

from __future__ import annotations

import threading
from types import TracebackType

from chatbot.messages import Message
from chatbot.ports import Channel

REFRESH = 4.0
"""Seconds; Telegram clears a chat action after 5 (Bot API, sendChatAction)."""


class Presence:
    """Greets at once and repeats the typing sign in a thread; leaving waits for its last call.

    No thread may outlive the invocation: it would thaw in a later one.
    """

    def __init__(self, channel: Channel, message: Message) -> None:
        self._channel = channel
        self._message = message
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, name="presence", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _show(self) -> None:
        self._channel.greet(self._message)
        while not self._over.is_set():
            self._channel.working(self._message)
            self._over.wait(REFRESH)
