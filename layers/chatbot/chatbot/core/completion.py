"""Input and output of a language model: prompt lines and completions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from chatbot.core.errors import ModelUnavailable, SpendingExhausted
from chatbot.core.files import File
from chatbot.core.limits import LONGEST_ANSWER, LONGEST_MODEL_NAME, MOST_TOKENS
from chatbot.core.text import storable

MOST_PAID = 3
"""Requests for one message, over all its deliveries and models, that the server may answer with
status 200, which providers charge for, whether the answer was usable or not. Its recordings come
on top (PAID_FOR_A_RECORDING)."""
UNNOTED_PAID = 1
"""Paid requests that a delivery may have made without a note of them in the table. A delivery that
ended without a note is counted as having made them."""
UNNOTED_REQUESTS = 4
"""The same for requests, whatever became of them."""
PAID_FOR_A_RECORDING = 2
"""Paid requests for the transcription of a recording, which do not count to MOST_PAID once their
outcome, a transcript or none, is noted in the table."""
MOST_REQUESTS = 40
"""Requests for one message, over all its deliveries and models, whatever becomes of them."""


@dataclass(frozen=True, slots=True)
class PromptLine:
    """One message of a prompt.

    `role` is "system", "user" or "assistant"; `pictures` are those that it shows.
    """

    role: str
    content: str
    pictures: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer of a model.

    `cut` is True when it ended at the token limit, `stopped` when the person asked to stop it.
    `thinking` is what a reasoning model wrote before its answer: never shown, never stored.
    `unseen` are the kinds of input ("image") that the model does not take and was not sent.
    """

    text: str
    model: str
    tokens_in: int = 0
    tokens_out: int = 0
    cut: bool = False
    stopped: bool = False
    thinking: str = ""
    unseen: tuple[str, ...] = ()

    def clamped(self) -> Completion:
        """The completion with what can be stored and posted of it, whatever the server sent.

        A text of more than LONGEST_ANSWER characters counts as cut there.
        """
        text = storable(self.text[: LONGEST_ANSWER + 1])
        return Completion(
            text=text[:LONGEST_ANSWER],
            model=storable(self.model[:LONGEST_MODEL_NAME]),
            tokens_in=min(MOST_TOKENS, max(0, self.tokens_in)),
            tokens_out=min(MOST_TOKENS, max(0, self.tokens_out)),
            cut=self.cut or len(text) > LONGEST_ANSWER,
            stopped=self.stopped,
            thinking=self.thinking,
            unseen=self.unseen,
        )


@dataclass(slots=True)
class Spending:
    """What one attempt may still request of the model server for a message, and has requested.

    `requests` and `paid` are counted by this attempt; `requests_left` and `paid_left` are what
    earlier attempts have left of MOST_REQUESTS and MOST_PAID. `note` stores what was counted,
    before more than UNNOTED_PAID or UNNOTED_REQUESTS are unknown to later attempts. Not shared by
    threads.
    """

    requests_left: int = MOST_REQUESTS
    paid_left: int = MOST_PAID
    requests: int = 0
    paid: int = 0
    note: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)
    _noted_requests: int = field(default=0, repr=False, compare=False)
    _noted_paid: int = field(default=0, repr=False, compare=False)

    @property
    def remaining(self) -> int:
        """Requests that are left for this attempt."""
        return max(0, self.requests_left - self.requests)

    @property
    def paid_remaining(self) -> int:
        """Paid requests that are left for this attempt."""
        return max(0, self.paid_left - self.paid)

    def begin_request(self) -> None:
        """Count a request, before it is sent.

        Raises SpendingExhausted when the message was paid for often enough, ModelUnavailable when
        no request is left for now, HistoryUnavailable when a note was due and could not be stored.
        """
        if self.paid >= self.paid_left:
            raise SpendingExhausted("paid_limit")
        if self.requests >= self.requests_left:
            raise ModelUnavailable("request limit")
        paid, requests = self.paid - self._noted_paid, self.requests - self._noted_requests
        if paid >= UNNOTED_PAID or requests >= UNNOTED_REQUESTS:
            self._take_note()
        self.requests += 1

    def count_paid(self) -> None:
        """Count an answer with status 200, as soon as its status is known."""
        self.paid += 1

    def settle_recording(self, paid: int) -> None:
        """Note at once what came of a recording, for which `paid` requests were paid.

        They are not counted any more, since no later attempt asks for it again. Raises
        HistoryUnavailable when that could not be stored.
        """
        self.paid -= paid
        self._take_note()

    def _take_note(self) -> None:
        self.note()
        self._noted_paid, self._noted_requests = self.paid, self.requests
