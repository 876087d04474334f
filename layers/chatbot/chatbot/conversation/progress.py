"""Show typing signs and previews while an answer is generated, and check for requests to stop."""

from __future__ import annotations

import math
import threading
from typing import Self

from chatbot.core.errors import ChatbotError, PostRefused
from chatbot.core.limits import LONGEST_ANSWER
from chatbot.core.message import Message
from chatbot.core.ports import Clock, Indicator, Journal, Stops
from chatbot.core.text import storable

TYPING = 4000
"""Milliseconds between typing signs; Telegram clears one after 5 s (Bot API, sendChatAction)."""
GRACE = 100
"""Milliseconds before the first sign and preview: a faster answer needs neither."""
PACE = 1000
"""Milliseconds between previews, and between checks for a request to stop."""
SLOWEST = 20_000
"""Most milliseconds between previews; one disappears after 30 s (Bot API, sendMessageDraft)."""


class Progress:
    """Context manager that runs a thread while the answer is generated.

    Leaving it waits for the thread's last call: no preview may follow the answer, and no thread may
    outlive the invocation, since it would continue in a later one. Failures are only logged: they
    must not cost the answer. Set `drawing` while a picture is generated.
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
        self._typing_at, self._check_stop_at, self._preview_at = now + GRACE, now + PACE, math.inf
        self._pace = PACE
        self._model_asked = self._stopped = self._over = False
        self._can_preview, self._previewed_at = True, -math.inf
        self._text = self._previewed = ""
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._wake.set()
        self._thread.join()

    def show(self, text: str) -> bool:
        """Take the answer so far; returns False when it is to be stopped (ports.Show)."""
        self._model_asked, self._text = True, text
        if text and self._preview_at == math.inf and self._can_preview:
            self._preview_at = self._clock() + GRACE
            self._wake.set()
        return not self._stopped

    def tick(self) -> float:
        """Make the calls that are due; returns the seconds until the next is."""
        for step in (self._show_typing, self._check_stop, self._update_preview):
            try:
                step(self._clock())
            except Exception as error:  # noqa: BLE001 - no failure here may cost the answer
                # Texts of other errors may contain what people wrote.
                reason = str(error) if isinstance(error, ChatbotError) else type(error).__name__
                facts = {"call": step.__name__.lstrip("_"), "reason": reason}
                self._journal.info("optional_call_failed", channel=self._message.channel, **facts)
                if isinstance(error, PostRefused) and error.retry_after:
                    after = self._clock() + error.retry_after * 1000
                    self._preview_at = max(self._preview_at, after)
        due = min(self._typing_at, self._check_stop_at, self._preview_at)
        return max(0.0, due - self._clock()) / 1000

    def _run(self) -> None:
        self._channel.acknowledge(self._message)
        while not self._over:
            self._wake.wait(self.tick())
            self._wake.clear()

    def _show_typing(self, now: int) -> None:
        if now < self._typing_at:
            return
        self._typing_at = now + TYPING
        if not self._previewed:  # a preview makes the sign unnecessary
            self._channel.show_typing(self._message, self.drawing)

    def _check_stop(self, now: int) -> None:
        """Read whether a person asked to stop the answer."""
        if now < self._check_stop_at:
            return
        self._check_stop_at = now + PACE
        if self._model_asked and not self._stopped:
            key = self._message.key
            self._stopped = self._stops.stop_requested(key, self._channel.preview_id(key))

    def _update_preview(self, now: int) -> None:
        if now < self._preview_at or self._over:
            return
        text, pace = storable(self._text[:LONGEST_ANSWER]).strip(), self._pace
        self._preview_at = now + pace
        unchanged = text == self._previewed and now < self._previewed_at + SLOWEST
        if unchanged or not text or self._stopped:
            return
        # Assume failure: double the pace and forget the preview; restored below on success.
        self._pace, self._previewed = min(2 * pace, SLOWEST), ""
        self._preview_at = now + self._pace
        self._can_preview = self._channel.preview(self._message, text)
        if not self._can_preview:
            self._preview_at = math.inf
            return
        self._pace, self._previewed, self._previewed_at = pace, text, now
        self._preview_at = self._clock() + pace
