"""Bound how many new visitors of the page may come from one address in a minute.

A session costs a visitor nothing, and each has its own DAILY_MESSAGES and MAX_WAITING.
"""

from __future__ import annotations

from typing import Protocol

from chatbot.channels.web.session import address_hash, session_of
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.limits import CROWDED_REMEMBERED
from chatbot.core.ports import Clock, Journal
from chatbot.core.settings import Settings
from chatbot.edge.http import Request, Response

_MINUTE = 60_000  # milliseconds


class NewcomerCount(Protocol):
    """The conversation table, as it counts new visitors."""

    def admit(self, address: str, minute: int, most: int) -> bool:
        """Count a new visitor in this minute, unless `most` are counted.

        `address` is a hash. Raises HistoryUnavailable.
        """


class Newcomers:
    """Refuses new visitors beyond WEB_NEW_SESSIONS; one for each process of the web function."""

    def __init__(self, count: NewcomerCount, journal: Journal, clock: Clock) -> None:
        self._count = count
        self._journal = journal
        self._clock = clock
        self._crowded: set[str] = set()  # addresses that are refused without asking the table
        self._crowded_in = 0  # this minute

    def refusal(self, request: Request, settings: Settings) -> Response | None:
        """Return the response to a new visitor who is one too many, else None.

        A table that does not answer admits everybody: no page is kept back by the count.
        """
        most, now = settings.web_new_sessions, self._clock()
        known = session_of(request.cookies, settings, now, secure=request.secure)
        if not most or known is not None:
            return None
        minute = now // _MINUTE
        address = address_hash(request.address, settings.web_session_key)
        if minute != self._crowded_in:
            self._crowded, self._crowded_in = set(), minute
        try:
            if address not in self._crowded and self._count.admit(address, minute, most):
                return None
        except HistoryUnavailable as error:
            self._journal.warning("newcomers_not_counted", reason=str(error))
            return None
        if len(self._crowded) < CROWDED_REMEMBERED:
            self._crowded.add(address)
        self._journal.info("too_many_newcomers")
        return _crowded(request, settings, 60 - now % _MINUTE // 1000)


def _crowded(request: Request, settings: Settings, seconds: int) -> Response:
    """A page of one sentence, which the browser loads again when the minute is over."""
    from chatbot.core.translations import LANGUAGES, say  # rarely needed

    wanted = request.headers.get("accept-language", "")[:2].lower()
    language = wanted if wanted in LANGUAGES else settings.language
    headers = {
        "content-type": "text/plain; charset=utf-8",
        "retry-after": str(seconds),
        "refresh": str(seconds),
    }
    return Response(429, say("too_many_newcomers", language, seconds=seconds), headers)
