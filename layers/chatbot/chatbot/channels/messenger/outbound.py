"""Post answers to Messenger (Messenger Platform, Send API) and read the page's inbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from chatbot.channels.base import BaseChannel, Services
from chatbot.channels.messenger.api import GraphApi, refusal_of
from chatbot.channels.messenger.inbound import NAME, OWN_METADATA, person_of, read
from chatbot.channels.payload import need, want
from chatbot.channels.posts import best_effort, load_file, upload_of, with_buttons
from chatbot.channels.text.entities import parts_of, plain_parts
from chatbot.core.errors import AmbiguousPost, Malformed, PostRefused, Undeliverable
from chatbot.core.files import File
from chatbot.core.key import TurnKey
from chatbot.core.message import Envelope, Media, Message
from chatbot.core.ports import Settling
from chatbot.core.translations import say
from chatbot.core.turn import Origin, Part, Reply, State, Turn
from chatbot.net.fetch import fetch
from chatbot.net.post import Answer, Session, Upload

TEXT_LIMIT = 2000
"""Characters of `message.text` (Send API)."""
FILE_HOSTS = (".fbcdn.net", ".fbsbx.com")
"""Hosts from which Meta serves people's attachments."""


class _InboxMessage(NamedTuple):
    """A message of the page's inbox; `created` in epoch seconds."""

    created: float
    id: str
    by_page: bool
    text: str
    file: bool


class MessengerChannel(BaseChannel):
    """ports.Channel for Messenger. Threads may share it."""

    name = NAME
    settling = Settling.READ_BACK

    def __init__(self, services: Services, session: Session | None = None) -> None:
        self._settings = services.settings
        self._files = services.files
        self._journal = services.journal
        self._api = GraphApi(services.settings, session or Session())

    def read(self, envelope: Envelope) -> Message:
        """See ports.Reader."""
        return read(envelope)

    def acknowledge(self, message: Message) -> None:
        """Mark the conversation as seen (Send API, sender actions)."""
        self._show(message, "mark_seen")

    def show_typing(self, message: Message, drawing: bool = False) -> None:
        """Show that the bot is typing (Send API, sender actions)."""
        self._show(message, "typing_on")

    def load(self, media: Media) -> File:
        """See ports.Reader. The URL came with the event; Meta has signed it for a few days."""
        return fetch(
            media.source,
            hosts=FILE_HOSTS,
            local=[self._settings.graph_api_url],
            most=self._settings.max_file_mb * 1_000_000,
            seconds=self._settings.post_timeout,
        )

    def split(self, reply: Reply) -> Sequence[Part]:
        """See ports.Poster. A file is a part of its own, before the text."""
        file_parts = [Part("", file=reply.file)] if reply.file else []
        if reply.plain:
            text_parts = plain_parts(reply.text, TEXT_LIMIT, len)
        else:
            text_parts = parts_of(reply.text, TEXT_LIMIT, len, formatting=False)
        return with_buttons([*file_parts, *text_parts], reply)

    def post(self, turn: Turn, part: Part) -> str:
        """See ports.Poster. The metadata names the turn; its prefix marks the echo as our own."""
        metadata = f"{OWN_METADATA}{turn.key.event_id}"  # at most 1000 characters
        file = load_file(self._files, part.file)
        message: dict[str, Any] = {"metadata": metadata}
        files: dict[str, Upload] = {}
        if part.file and file:
            kind = "image" if part.file.is_picture else "file"
            message["attachment"] = {"type": kind, "payload": {"is_reusable": False}}
            files["filedata"] = upload_of(part.file, file)
        else:
            message["text"] = part.text or say("file_gone", self._settings.language)
        if part.buttons:
            message["quick_replies"] = [
                {"content_type": "text", "title": each.label, "payload": each.payload}
                for each in part.buttons
            ]
        fields = {"messaging_type": "RESPONSE", "message": message}
        answer = self._send(turn.key, fields, self._settings.post_timeout, files)
        if not answer.good:
            raise refusal_of(answer)
        try:
            return need(answer.body, "message_id", str)
        except Malformed:
            raise AmbiguousPost("answer without a message id") from None

    def may_change_form(self, turn: Turn, known: Iterable[str]) -> bool:
        """See ports.Poster. Whatever the page has posted since may be the first part."""
        recorded, since = set(known), turn.opened_at // 1000
        return not any(
            each.by_page and each.created >= since and each.id not in recorded
            for each in self._read_back(turn.key)
        )

    def find_posted(self, turn: Turn, part: Part, known: Iterable[str]) -> str | None:
        """See ports.Poster. Creation times are in whole seconds; returns the oldest match."""
        recorded, since = set(known), turn.opened_at // 1000
        posted = part.text.strip(), part.file is not None
        matching = (
            each.id
            for each in self._read_back(turn.key)
            if each.by_page
            and each.created >= since
            and (each.text, each.file) == posted
            and each.id not in recorded
        )
        return next(matching, None)

    def earlier(self, message: Message, most: int) -> Sequence[Turn]:
        """See ports.Reader. Returns what page and person wrote within HISTORY_MAX_AGE."""
        now, conversation = message.key.occurred_at // 1000, message.key.conversation
        found = [
            Turn(
                key=TurnKey.of(conversation, int(each.created * 1000), f"{each.id}:read"),
                channel=NAME,
                author=message.author,
                text=each.text,
                reply=Reply(""),
                state=State.DELIVERED,
                origin=Origin.STAFF if each.by_page else Origin.MODEL,
                posted=(each.id,) if each.by_page else (),
            )
            for each in self._read_back(message.key)
            if each.text and now - self._settings.history_max_age <= each.created < now
        ]
        return found[-most:]

    def _read_back(self, key: TurnKey) -> list[_InboxMessage]:
        """Return the conversation's newest messages, oldest first. Raises PostRefused.

        Meta returns at most 20 of them (Messenger Platform, Conversations API).
        """
        query = {"platform": "messenger", "user_id": person_of(key.conversation)}
        query["fields"] = "messages.limit(20){id,created_time,from,to,message,attachments}"
        try:
            limit = self._settings.post_timeout
            answer = self._api.page("GET", "conversations", timeout=limit, params=query)
            if not answer.good:
                raise refusal_of(answer)
            return sorted(self._inbox_messages(answer))
        except (AmbiguousPost, Undeliverable, Malformed) as error:
            raise PostRefused(f"read-back: {error}") from None

    def _inbox_messages(self, answer: Answer) -> Iterator[_InboxMessage]:
        """Yield the messages of a conversation's answer. Raises Malformed."""
        for conversation in need(answer.body, "data", list):
            for message in need(need(conversation, "messages", dict), "data", list):
                author = need(need(message, "from", dict), "id", str)
                yield _InboxMessage(
                    created=_seconds(need(message, "created_time", str)),
                    id=need(message, "id", str),
                    by_page=author == self._settings.messenger_page_id,
                    text=(want(message, "message", str) or "").strip(),
                    file=bool(want(message, "attachments", dict)),
                )

    def _show(self, message: Message, action: str) -> None:
        call = partial(self._send, message.key, {"sender_action": action})
        best_effort(NAME, action, call, self._journal)

    def _send(
        self,
        key: TurnKey,
        fields: dict[str, Any],
        timeout: float,
        files: Mapping[str, Upload] | None = None,
    ) -> Answer:
        fields = {"recipient": {"id": person_of(key.conversation)}, **fields}
        return self._api.page("POST", "messages", timeout=timeout, fields=fields, files=files)


def _seconds(created_time: str) -> float:
    try:
        return datetime.fromisoformat(created_time).timestamp()
    except ValueError:
        raise Malformed("created_time: not a time") from None
