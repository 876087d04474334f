"""Answers from any server with the Chat Completions API (part of ports.Model)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from openai import OpenAI

from chatbot.adapters.openai.adaptations import UNOPENED, Adaptations
from chatbot.adapters.openai.connection import connect, post
from chatbot.adapters.openai.events import Oversized, read_events
from chatbot.adapters.openai.failures import Failure, Kind
from chatbot.adapters.openai.reading import Answer, read_answer
from chatbot.adapters.openai.request import build, instead_of, limit_in
from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.errors import ChatbotError, SpendingExhausted
from chatbot.core.ports import Journal, Show
from chatbot.core.settings import Settings

MOST_TRIES = 4
"""Requests to one model in one call of `answer`, apart from those that a refusal caused."""
MOST_BROKEN = 2
"""Answers of one model in one call that were paid for, but broke off or were useless."""

_PATH = "/chat/completions"
_MIN_SECONDS = 1.0  # with less time left, the model is not asked
_FIRST_PAUSE = 0.5  # seconds before the models are asked again; doubles

_FINAL = (Kind.TOO_LONG, Kind.FILTERED, Kind.KEY_REFUSED, Kind.BAD_REQUEST)


class ChatModel:
    """Asks OPENAI_MODEL, then OPENAI_FALLBACK_MODELS, then all of them again while time is left.

    What follows from each kind of failure is the table in `failures.py`. Its errors are not chained
    to those of the SDK, whose texts and bodies may contain the prompt.
    """

    def __init__(
        self,
        settings: Settings,
        client: OpenAI | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        journal: Journal | None = None,
    ) -> None:
        self._settings = settings
        self._client = client or connect(settings)
        self._sleep = sleep
        self._clock = clock
        self._adaptations = Adaptations(journal)

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        """See ports.Model. `show` is called in this thread, for every piece of the answer."""
        end = self._clock() + seconds
        models = (self._settings.openai_model, *self._settings.openai_fallback_models)
        candidates = [_Candidate(model) for model in dict.fromkeys(models)]
        failed: list[Failure] = []
        pause = _FIRST_PAUSE
        while True:
            if not show(""):
                return Completion("", models[0], stopped=True)
            due = [each for each in candidates if each.is_due(self._clock())]
            for position, candidate in enumerate(due):
                # A model that never answers must leave time for those after it; to one whose
                # answer is arriving, all of it belongs.
                share = (end - self._clock()) / (len(due) - position)
                if share < _MIN_SECONDS:
                    raise _error(failed, self._wait(candidates))
                try:
                    return self._ask(candidate, prompt, (share, end), show, spending)
                except Failure as failure:
                    failed.append(failure)
                    if failure.kind in _FINAL:
                        raise failure.as_error() from None
                    candidate.count(failure, self._clock())
                except SpendingExhausted:
                    # An answer that says nothing is what the person can do something about.
                    if any(failure.kind is Kind.USELESS for failure in failed):
                        raise _error(failed, None) from None
                    raise
            left = [each for each in candidates if each.may_be_asked_again]
            # The last answer that may be paid for is left to a later delivery, when what broke
            # the answers off may be over.
            broken = any(failure.paid and failure.kind is Kind.AWAY for failure in failed)
            last_one = broken and spending.paid_remaining == 1
            wait = max(pause, self._wait(left) or 0)
            if not left or last_one or self._clock() + wait + _MIN_SECONDS > end:
                raise _error(failed, self._wait(candidates))
            if spending.paid_remaining > 0:
                self._sleep(wait)
            pause *= 2

    def _wait(self, candidates: Sequence[_Candidate]) -> float | None:
        """Seconds until the first model that is away may be asked, as its server has demanded.

        None when it has not. Models that were asked often enough in this call count, too: they may
        be asked in the next.
        """
        first = min((each.not_before for each in candidates if each.away), default=0.0)
        return first - self._clock() if first > self._clock() else None

    def _ask(
        self,
        candidate: _Candidate,
        prompt: Sequence[PromptLine],
        time_left: tuple[float, float],
        show: Show,
        spending: Spending,
    ) -> Completion:
        """Ask one model, again without what it refuses, and again after a useless answer.

        `time_left` is its share of the time in seconds, in which an answer must begin, and the end
        of all the time, by which it must be complete.
        """
        model, (share, last) = candidate.model, time_left
        end = self._clock() + share
        while True:
            refused = self._adaptations.of(model)
            body = self._build(model, prompt, refused)
            try:
                completion = self._request(
                    body, (end - self._clock(), last), show, spending, UNOPENED in refused
                )
            except Failure as failure:
                candidate.paid += failure.paid
                if self._clock() + _MIN_SECONDS > end:
                    raise
                again = candidate.paid < MOST_BROKEN and spending.paid_remaining
                if failure.kind is Kind.USELESS and again:
                    if not show(""):
                        return Completion("", model, stopped=True)
                    continue
                if failure.kind not in (Kind.PARAMETER, Kind.INPUT):
                    raise
                self._adapt(model, prompt, body, failure)
                continue
            unseen = any(line.pictures for line in prompt) and not _has_pictures(body)
            return replace(completion, unseen=("image",)) if unseen else completion

    def _build(self, model: str, prompt: Sequence[PromptLine], refused: Set[str]) -> dict[str, Any]:
        most = self._adaptations.limit_of(model, self._settings.max_tokens)
        return build(self._settings, model, prompt, refused, most)

    def _adapt(
        self, model: str, prompt: Sequence[PromptLine], body: dict[str, Any], failure: Failure
    ) -> None:
        """Remember what the model refuses of the body. Raises Failure when nothing can be done."""
        if failure.limit and failure.limit < limit_in(body):
            self._adaptations.limits(model, failure.limit)
            return
        name = instead_of(failure.name, body)
        refused = self._adaptations.of(model) | {name}
        if self._build(model, prompt, refused) == body:
            # It refuses something else than it says, or what it was not sent.
            raise Failure(Kind.BAD_REQUEST, "bad_request", paid=failure.paid) from None
        self._adaptations.refuses(model, name)

    def _request(
        self,
        body: dict[str, Any],
        time_left: tuple[float, float],
        show: Show,
        spending: Spending,
        holds_back: bool,
    ) -> Completion:
        """Send one request; `time_left` is that of `_ask`."""
        spending.begin_request()
        model, (seconds, last) = body["model"], time_left
        answer = Answer(model, holds_back)
        with post(self._client, _PATH, body, seconds, streamed=_has_pictures(body)) as reply:
            spending.count_paid()
            begun = False

            def show_and_go_on(text: str) -> bool:
                nonlocal begun
                if not begun and (answer.size or answer.separator.thinking):
                    begun = True
                    reply.extend(last - self._clock())
                return show(text)

            try:
                events = read_events(reply.chunks())
                stopped = read_answer(events, answer, show_and_go_on, reply.end_soon)
            except Oversized:
                reply.broken = "too large"
                stopped = None
        if stopped:
            return stopped
        completion = answer.completion(reply.broken)
        if not completion.cut:
            self._adaptations.notice_thinking(model, unopened=answer.separator.unopened)
        return completion


@dataclass(slots=True, eq=False)
class _Candidate:
    """A model in one call of `answer`: how often it failed, and when it may be asked again."""

    model: str
    tries: int = 0
    paid: int = 0
    away: bool = True
    not_before: float = 0.0

    @property
    def may_be_asked_again(self) -> bool:
        """Whether this model is asked again in this call."""
        return self.away and self.tries < MOST_TRIES and self.paid < MOST_BROKEN

    def is_due(self, now: float) -> bool:
        """Whether it may be asked now."""
        return self.may_be_asked_again and self.not_before <= now

    def count(self, failure: Failure, now: float) -> None:
        """Count a failure of this model."""
        self.tries += 1
        self.away = failure.kind is Kind.AWAY
        self.not_before = now + (failure.retry_after or 0)


def _error(failed: Sequence[Failure], wait: float | None) -> ChatbotError:
    """The error of a call in which every model has failed, or the time is over.

    A useless answer counts most: it would be the same again. Then an outage, which ends.
    """
    for kind in (Kind.USELESS, Kind.AWAY, Kind.NOT_AVAILABLE):
        of_kind = [failure for failure in failed if failure.kind is kind]
        if not of_kind:
            continue
        last = of_kind[-1]
        if kind is Kind.AWAY:
            return Failure(kind, last.reason, retry_after=wait).as_error()
        if any(failure.reason == "insufficient_quota" for failure in of_kind):
            return Failure(kind, "insufficient_quota").as_error()
        return last.as_error()
    return Failure(Kind.AWAY, "no time left to ask").as_error()


def _has_pictures(body: dict[str, Any]) -> bool:
    return any(isinstance(message["content"], list) for message in body["messages"])
