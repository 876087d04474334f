"""Posts to Messenger (Messenger Platform, Send API), and says what became of each post."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import requests

from chatbot.channels.markdown import parts_of
from chatbot.channels.messenger.inbound import NAME, OWN_METADATA, person_of, read
from chatbot.channels.posting import Answer, courtesy, new_session, send
from chatbot.channels.shape import need, want
from chatbot.errors import (
    AmbiguousPost,
    ChatbotError,
    CredentialRefused,
    Malformed,
    PostRefused,
    Undeliverable,
)
from chatbot.messages import Envelope, Message, Part, Reply, Turn, TurnKey
from chatbot.ports import Journal, Settling
from chatbot.settings import Settings

TEXT_LIMIT = 2000
"""Characters, of message.text."""

# Messenger Platform, Error Codes; subcodes tell apart what shares a code.
_TRANSIENT = (1, 2, 1200)
_RATE_LIMITS = (4, 17, 32, 613, 80006)
_NEVER = {
    (10, 2018278): "outside_window",
    (10, 2018108): "unavailable",
    (200, 1545041): "unavailable",
    (100, 2018001): "no_such_user",
}
_UNAVAILABLE, _TOKEN_DEAD, _NOT_ALLOWED, _NOT_APPROVED = 551, 190, 200, 2018028


class MessengerChannel:
    """The worker's side. Threads may share it."""

    name = NAME
    settling = Settling.READ_BACK

    def __init__(
        self, settings: Settings, journal: Journal, session: requests.Session | None = None
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._session = session or new_session()

    def read(self, envelope: Envelope) -> Message:
        return read(envelope)

    def greet(self, message: Message) -> None:
        self._show(message, "mark_seen")

    def working(self, message: Message) -> None:
        self._show(message, "typing_on")

    def split(self, reply: Reply) -> Sequence[Part]:
        return parts_of(reply.text, TEXT_LIMIT, len, formatting=False)

    def post(self, turn: Turn, part: Part) -> str:
        """See ports.Channel. The metadata names the turn, and marks the echo as our own."""
        metadata = f"{OWN_METADATA}{turn.key.event_id}"  # at most 1000 characters
        message = {"text": part.text, "metadata": metadata}
        fields = {"messaging_type": "RESPONSE", "message": message}
        answer = self._send(turn.key, fields, self._settings.post_timeout)
        if not answer.good:
            raise _refusal(answer)
        try:
            return need(answer.body, "message_id", str)
        except Malformed:
            raise AmbiguousPost("answer without a message id") from None

    def find_posted(self, turn: Turn, part: Part, known: Iterable[str]) -> str | None:
        """See ports.Channel. Created times are whole seconds; the oldest match counts."""
        query = {"platform": "messenger", "user_id": person_of(turn.key.conversation)}
        query["fields"] = "messages.limit(20){id,created_time,from,to,message}"
        try:
            answer = self._call("GET", "conversations", self._settings.post_timeout, query)
            if not answer.good:
                raise _refusal(answer)
            seen = sorted(self._own_messages(answer))
        except (AmbiguousPost, Undeliverable, Malformed) as error:
            raise PostRefused(f"read-back: {error}") from None
        recorded, since = set(known), turn.opened_at // 1000
        fitting = (
            platform_id
            for created, platform_id, text in seen
            if created >= since and text == part.text.strip() and platform_id not in recorded
        )
        return next(fitting, None)

    def _own_messages(self, answer: Answer) -> Iterator[tuple[float, str, str]]:
        """Time in epoch seconds, id and text of what the page wrote. Raises Malformed."""
        for conversation in need(answer.body, "data", list):
            for message in need(need(conversation, "messages", dict), "data", list):
                if need(need(message, "from", dict), "id", str) == self._settings.messenger_page_id:
                    created = need(message, "created_time", str)
                    text = (want(message, "message", str) or "").strip()
                    yield _seconds(created), need(message, "id", str), text

    def _show(self, message: Message, action: str) -> None:
        fields = {"sender_action": action}
        courtesy(NAME, action, lambda limit: self._send(message.key, fields, limit), self._journal)

    def _send(self, key: TurnKey, fields: dict[str, Any], timeout: float) -> Answer:
        recipient = {"id": person_of(key.conversation)}
        return self._call("POST", "messages", timeout, {}, {"recipient": recipient, **fields})

    def _call(
        self, method: str, edge: str, timeout: float, query: dict[str, str], body: Any = None
    ) -> Answer:
        settings = self._settings
        token = settings.messenger_page_token.encode()
        proof = hmac.digest(settings.messenger_app_secret.encode(), token, "sha256").hex()
        return send(
            self._session,
            method,
            f"{settings.graph_api_url.rstrip('/')}/{settings.messenger_page_id}/{edge}",
            timeout=timeout,
            params={**query, "appsecret_proof": proof},
            headers={"Authorization": b"Bearer " + token},
            json=body,
        )


def _refusal(answer: Answer) -> ChatbotError:
    """What an answer that is not good means: the platform's code tells more than the status."""
    code, subcode = _codes(answer)
    if (code, subcode) in _NEVER or code == _UNAVAILABLE:
        return Undeliverable(_NEVER.get((code, subcode), "unavailable"))
    if code in (_TOKEN_DEAD, _NOT_ALLOWED) or subcode == _NOT_APPROVED:
        return CredentialRefused(f"code {code}/{subcode}", answer.retry_after)
    if code in _RATE_LIMITS:
        return PostRefused(f"code {code}", answer.retry_after)
    if code in _TRANSIENT:
        return AmbiguousPost(f"code {code}")
    return answer.refusal() or Undeliverable("bad_request")


def _codes(answer: Answer) -> tuple[int, int]:
    """Code and subcode of a Graph API error; 0 where there is none."""
    try:
        error = want(answer.body, "error", dict)
        return want(error, "code", int) or 0, want(error, "error_subcode", int) or 0
    except Malformed:
        return 0, 0


def _seconds(created_time: str) -> float:
    try:
        return datetime.fromisoformat(created_time).timestamp()
    except ValueError:
        raise Malformed("created_time: not a time") from None
