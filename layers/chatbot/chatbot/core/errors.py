"""What can go wrong, as types: whether a failure may be tried again is its class, not its text.

    ChatbotError
    ├── InvalidSetting            a setting that cannot be read as its type
    ├── RequestRefused            the webhook says no; `status` is HTTP's
    │   ├── Forged                signature, secret, cookie or origin is wrong: body never logged
    │   └── Unreadable            authentic, but not what the platform documents
    ├── Malformed                 a queued envelope that only a new version of the code can read
    ├── TurnExists                a conditional write found another's turn
    ├── LeaseLost                 the queue no longer grants us the record: its group is dropped
    ├── Retryable                 surely had no effect; may be tried again after `retry_after`
    │   ├── QueueUnavailable      SQS did not take every entry
    │   ├── HistoryUnavailable    DynamoDB refused or did not answer
    │   ├── FilesUnavailable      S3 refused or did not answer
    │   ├── ParametersUnavailable SSM refused or did not answer, and nothing is cached
    │   ├── ModelUnavailable      429, 5xx, timeout or connection, on every model of the list
    │   └── PostRefused           surely not posted: 429, or the connection never opened
    │       └── CredentialRefused the platform's token is dead: retried, and somebody is told
    ├── AmbiguousPost             5xx, no answer, cut: nobody knows whether the person got it
    ├── Unfetchable               what was sent along is too large, gone, or of no use
    ├── Undeliverable             the person cannot be reached, and never will be by this message
    └── ModelRefused              trying again would give the same: bad request, key
        ├── ContentFiltered       the provider's content filter stopped the prompt or the answer
        └── ContextTooLong        the prompt does not fit the model's context

No text here may hold a secret or a person's words: adapters raise `from None` where the original
may. Every `reason` is a short word that a metric may carry.
"""

from __future__ import annotations


class ChatbotError(Exception):
    """Base of all errors of ours. `reason` is its text."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidSetting(ChatbotError):
    """`name` cannot be read; the text says what was expected, never the value."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"{name}: expected {expected}")
        self.name = name


class RequestRefused(ChatbotError):
    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


class Forged(RequestRefused):
    def __init__(self, reason: str, status: int = 401) -> None:
        super().__init__(reason, status)


class Unreadable(RequestRefused):
    """Answered 200 to a platform, which would repeat a 4xx and block that chat."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason, status)


class Malformed(ChatbotError): ...


class LeaseLost(ChatbotError): ...


class Retryable(ChatbotError):
    """`retry_after` in seconds, when the other side named a time."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class QueueUnavailable(Retryable): ...


class HistoryUnavailable(Retryable): ...


class FilesUnavailable(Retryable): ...


class ParametersUnavailable(Retryable): ...


class ModelUnavailable(Retryable): ...


class PostRefused(Retryable): ...


class CredentialRefused(PostRefused): ...


class AmbiguousPost(ChatbotError): ...


class Unfetchable(ChatbotError): ...


class Undeliverable(ChatbotError): ...


class ModelRefused(ChatbotError): ...


class ContentFiltered(ModelRefused): ...


class ContextTooLong(ModelRefused): ...
