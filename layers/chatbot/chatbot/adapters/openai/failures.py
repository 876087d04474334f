"""What can go wrong with a model server's answer, and what follows from each kind.

    kind           same model again             next model   what is raised when nothing helps
    ─────────────  ───────────────────────────  ───────────  ───────────────────────────────────────
    AWAY           after a pause, at most       first        ModelUnavailable: the queue delivers
                   4 requests                                the message again, until GIVE_UP_AFTER
    AWAY, paid     once, after a pause; the     first        ModelUnavailable, then
                   last answer that may be                   SpendingExhausted: fallback text
                   paid for in a later delivery
    USELESS        once, at once                then         UselessAnswer: a sentence, at once
    NOT_AVAILABLE  never                        at once      ModelRefused("unknown_model" or
                                                             "insufficient_quota"): fallback text,
                                                             ModelDeniedAlarm
    TOO_LONG       shortened, by the caller     no           ContextTooLong: a sentence
    PARAMETER      at once, without it, or      no           ModelRefused("bad_request")
                   with a lower limit
    INPUT          at once, without pictures;   no           InputUnsupported("audio"): a sentence;
                   recordings never                          pictures: the text is answered
    FILTERED       never                        no           ContentFiltered: the filter's sentence
    KEY_REFUSED    never                        no           ModelRefused("authentication"):
                                                             fallback text, ModelDeniedAlarm
    BAD_REQUEST    never                        no           ModelRefused("bad_request"): fallback

Of pictures to draw and recordings, a model or endpoint that is missing (NOT_AVAILABLE, 404, 405,
501) is remembered and raised as DrawingUnsupported or InputUnsupported("audio"): messages are still
answered, so that is no outage.

Over a message's whole life at most completion.MOST_PAID answers with status 200 and
completion.MOST_REQUESTS requests. docs/reliability.md ("When the model fails") is this table for
operators; `classify.py` finds the kind, `chat.py` does what the table says.
"""

from __future__ import annotations

from enum import Enum

from chatbot.core.errors import (
    ChatbotError,
    ContentFiltered,
    ContextTooLong,
    InputUnsupported,
    ModelRefused,
    ModelUnavailable,
    UselessAnswer,
)


class Kind(Enum):
    """Kinds of failures; the module's table says what follows from each."""

    AWAY = "away"
    USELESS = "useless"
    NOT_AVAILABLE = "not available"
    TOO_LONG = "too long"
    PARAMETER = "parameter"
    INPUT = "input"
    FILTERED = "filtered"
    KEY_REFUSED = "key refused"
    BAD_REQUEST = "bad request"


class Failure(Exception):
    """A request that failed. Never leaves this package: `as_error` is what callers get.

    `reason` is short and fixed, fit for logs. `name` is the parameter or the kind of input that was
    refused, or the status where nothing else decided; `limit` is the most tokens that an answer may
    have, where MAX_TOKENS was refused. `paid` is True when the server had answered with status 200.
    """

    def __init__(
        self,
        kind: Kind,
        reason: str,
        *,
        name: str = "",
        limit: int | None = None,
        retry_after: float | None = None,
        paid: bool = False,
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.name = name
        self.limit = limit
        self.retry_after = retry_after
        self.paid = paid

    def as_error(self) -> ChatbotError:
        """The error of this project that says what follows."""
        match self.kind:
            case Kind.AWAY:
                return ModelUnavailable(self.reason, self.retry_after)
            case Kind.USELESS:
                return UselessAnswer(self.reason)
            case Kind.TOO_LONG:
                return ContextTooLong(self.reason)
            case Kind.FILTERED:
                return ContentFiltered(self.reason)
            case Kind.INPUT if self.name == "audio":
                return InputUnsupported(self.name)
            case Kind.PARAMETER | Kind.INPUT:
                return ModelRefused("bad_request")
            case _:
                return ModelRefused(self.reason)
