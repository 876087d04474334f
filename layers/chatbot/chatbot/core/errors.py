"""The errors of this project. Their class alone says whether an operation may be repeated.

    ChatbotError
    ├── InvalidSetting            a setting's value has the wrong type or form
    ├── RequestRefused            a webhook request is rejected with HTTP `status`
    │   ├── Forged                wrong signature, secret, cookie or origin; body never logged
    │   └── Unreadable            authentic, but not of the documented form
    ├── Malformed                 a queued envelope that this version of the code cannot read
    ├── ports.TurnExists          a conditional write met a turn that another attempt stored
    ├── LeaseLost                 the queue refused our receipt: another worker may have the record
    ├── Retryable                 surely had no effect; may be repeated after `retry_after`
    │   ├── QueueUnavailable      SQS refused entries or did not answer
    │   ├── HistoryUnavailable    DynamoDB refused or did not answer
    │   ├── FilesUnavailable      S3 refused or did not answer
    │   ├── ParametersUnavailable SSM refused or did not answer, and nothing is cached
    │   ├── MemoryBusy            other conversations of the process hold the memory for files
    │   ├── ModelUnavailable      429, 5xx, timeout or connection, on every model of the list
    │   └── PostRefused           surely not posted: 429, or the connection never opened
    │       └── CredentialRefused the platform rejected our token; repeated, raises an alarm
    ├── AmbiguousPost             5xx, no or a cut response: the message may have been posted
    ├── Unfetchable               an attachment is too large, gone, or of an unusable type
    ├── Undeliverable             the platform will never deliver this message to the person
    └── ModelRefused              repeating cannot help: bad request, bad key
        ├── ContentFiltered       the provider's content filter stopped the prompt or the answer
        ├── ContextTooLong        the prompt does not fit the model's context
        ├── InputUnsupported      no model of the list takes this kind of input, such as recordings
        ├── DrawingUnsupported    the server draws no pictures, or not with IMAGE_MODEL
        ├── UselessAnswer         every model answered, repeatedly, with nothing to show
        └── SpendingExhausted     the message was paid for as often as is allowed

No error text may contain a secret or what a person wrote: adapters raise `from None` where the
original error might. Every `reason` is short and fixed, fit for logs and metrics.
"""

from __future__ import annotations


class ChatbotError(Exception):
    """Base of all errors of this project; `reason` is the text, short and fixed."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidSetting(ChatbotError):
    """The setting `name` cannot be parsed. The text says what was expected, never the value."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"{name}: expected {expected}")
        self.name = name


class RequestRefused(ChatbotError):
    """A webhook request that is rejected; `status` is the HTTP status of the response."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


class Forged(RequestRefused):
    """Wrong signature, secret, cookie or origin. The body must not be logged."""

    def __init__(self, reason: str, status: int = 401) -> None:
        super().__init__(reason, status)


class Unreadable(RequestRefused):
    """An authentic request of an unknown form.

    A platform is answered 200 nevertheless: it would repeat a 4xx and hold back that chat.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason, status)


class Malformed(ChatbotError):
    """A queued envelope that this version of the code cannot read."""


class LeaseLost(ChatbotError):
    """The queue refused the receipt of a record: another worker may have received it."""


class Retryable(ChatbotError):
    """The operation surely had no effect and may be repeated.

    `retry_after` is the number of seconds that the other side asked to wait, if it did.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class QueueUnavailable(Retryable):
    """SQS refused entries or did not answer."""


class HistoryUnavailable(Retryable):
    """DynamoDB refused or did not answer."""


class FilesUnavailable(Retryable):
    """S3 refused or did not answer."""


class ParametersUnavailable(Retryable):
    """SSM refused or did not answer, and no earlier settings are cached."""


class MemoryBusy(Retryable):
    """Other conversations of this process held the memory for files for too long."""


class ModelUnavailable(Retryable):
    """Every configured model failed with 429, 5xx, a timeout or a connection error."""


class PostRefused(Retryable):
    """The message was surely not posted: 429, or the connection never opened."""


class CredentialRefused(PostRefused):
    """The platform rejected our token."""


class AmbiguousPost(ChatbotError):
    """The message may or may not have been posted: 5xx, no response, or a cut one."""


class Unfetchable(ChatbotError):
    """An attachment is too large, gone, or of an unusable type."""


class Undeliverable(ChatbotError):
    """The platform will never deliver this message to the person."""


class ModelRefused(ChatbotError):
    """The model server rejected the request, and would again: bad request, bad key."""


class ContentFiltered(ModelRefused):
    """The provider's content filter stopped the prompt or the answer."""


class ContextTooLong(ModelRefused):
    """The prompt does not fit the model's context window."""


class InputUnsupported(ModelRefused):
    """No model of the list takes this kind of input; the reason is the kind, such as "audio"."""


class DrawingUnsupported(ModelRefused):
    """The server draws no pictures, or does not know IMAGE_MODEL; it still answers messages."""


class UselessAnswer(ModelRefused):
    """Every model answered, repeatedly, with nothing to show: empty, or nothing but thinking."""


class SpendingExhausted(ModelRefused):
    """The message was paid for as often as is allowed (completion.MOST_PAID)."""
