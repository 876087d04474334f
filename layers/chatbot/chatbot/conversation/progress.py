"""Shows the person that an answer is on its way, and the answer itself while it is made."""

from __future__ import annotations

import math
import threading
from types import TracebackType
from typing import Self

from chatbot.core.errors import ChatbotError, PostRefused
from chatbot.core.message import Message
from chatbot.core.ports import Clock, Indicator, Journal, Stops

TYPING = 4000
"""Milliseconds; Telegram clears a chat action after 5 s (Bot API, sendChatAction)."""
GRACE = 100
"""Milliseconds: an answer that is whole within them needs no sign and no preview."""
PACE = 1000
SLOWEST = 20_000
"""A preview is gone after 30 s (Bot API, sendMessageDraft)."""


class Progress:
    """Works in a thread; leaving waits for its last call, so that no preview follows the answer.

    No thread may outlive the invocation: it would thaw in a later one. What goes wrong here is a
    line in the log: previews and signs must not cost the answer. Set `drawing` for a picture.
    """

    def __init__(
        self, channel: Indicator, message: Message, stops: Stops, journal: Journal, clock: Clock
    ) -> None:
        self.drawing = False
        self._channel = channel
        self._message = message
        self._stops = stops
        self._journal = journal
        self._clock = clock
        now = clock()
        self._typing_at, self._look_at, self._draft_at = now + GRACE, now + PACE, math.inf
        self._pace = PACE
        self._asked = self._stopped = self._over = False
        self._has_place, self._drafted_at = True, -math.inf
        self._text = self._drafted = ""
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over = True
        self._wake.set()
        self._thread.join()

    def show(self, text: str) -> bool:
        """The answer as far as it is written; whether it may go on (ports.Show)."""
        self._asked, self._text = True, text
        if text and self._draft_at == math.inf and self._has_place:
            self._draft_at = self._clock() + GRACE
            self._wake.set()
        return not self._stopped

    def tick(self) -> float:
        """Do what is due; seconds until more is."""
        for step in (self._type, self._look, self._draft):
            try:
                step(self._clock())
            except Exception as error:  # noqa: BLE001 - whatever it is, the answer goes on
                self._lost(step.__name__.strip("_"), error)
                if isinstance(error, PostRefused) and error.retry_after:
                    after = self._clock() + error.retry_after * 1000
                    self._draft_at = max(self._draft_at, after)
        due = min(self._typing_at, self._look_at, self._draft_at)
        return max(0.0, due - self._clock()) / 1000

    def _lost(self, call: str, error: Exception) -> None:
        ours = isinstance(error, ChatbotError)
        reason = str(error) if ours else type(error).__name__  # another's may hold people's words
        self._journal.info("courtesy_lost", channel=self._message.channel, call=call, reason=reason)

    def _run(self) -> None:
        self._channel.acknowledge(self._message)
        while not self._over:
            self._wake.wait(self.tick())
            self._wake.clear()

    def _type(self, now: int) -> None:
        if now < self._typing_at:
            return
        self._typing_at = now + TYPING
        if not self._drafted:  # a preview says as much
            self._channel.show_typing(self._message, self.drawing)

    def _look(self, now: int) -> None:
        """Has anybody wished to stop the model?"""
        if now < self._look_at:
            return
        self._look_at = now + PACE
        if self._asked and not self._stopped:
            key = self._message.key
            self._stopped = self._stops.stop_requested(key, self._channel.preview_id(key))

    def _draft(self, now: int) -> None:
        if now < self._draft_at or self._over:
            return
        text, pace = self._text.strip(), self._pace
        self._draft_at = now + pace
        known = text == self._drafted and now < self._drafted_at + SLOWEST
        if known or not text or self._stopped:
            return
        # Assume failure: double the pace and forget the preview; restored below on success.
        self._pace, self._drafted = min(2 * pace, SLOWEST), ""
        self._draft_at = now + self._pace
        self._has_place = self._channel.preview(self._message, text)
        if not self._has_place:
            self._draft_at = math.inf
            return
        self._pace, self._drafted, self._drafted_at = pace, text, now
        self._draft_at = self._clock() + pace
