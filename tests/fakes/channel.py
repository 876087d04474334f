"""A platform whose posts are kept in memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chatbot.core.errors import Unfetchable
from chatbot.core.files import File
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Command, Envelope, Handles, Kind, Media, Message, ReplyTo
from chatbot.core.ports import Settling
from chatbot.core.turn import Part, Reply, Turn


@dataclass(frozen=True)
class Lands:
    """Outcome of a post that reaches the person although it raises `error`."""

    error: Exception


@dataclass(frozen=True)
class Post:
    """A message that a person received."""

    id: str
    key: TurnKey
    text: str
    at: int


class FakeChannel:
    """A platform's channel. `outcomes` are those of the next posts; without one, a post succeeds.

    Of an exception the post raises it and does not arrive; of `Lands` it arrives and raises.
    Payloads are `{"text", "author", "name", "kind", "group", "quote", "callback", "quoted",
    "replied_to", "rating", "language", "unfinished", "media", "brought", "album", "addressed",
    "id", "edits", "moved_from"}`, all optional.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        name: str = "telegram",
        settling: Settling = Settling.OPERATOR,
        limit: int = 4096,
    ) -> None:
        self._clock = clock
        self._name = name
        self._settling = settling
        self._limit = limit
        self.outcomes: deque[Exception | Lands | None] = deque()
        self.posts: list[Post] = []
        self.files: dict[str, File | Exception] = {}  # attached files, by source
        self.greeted: list[TurnKey] = []
        self.worked: list[TurnKey] = []
        self.read_back: list[
            Post
        ] = []  # what reading the conversation returns: by default every post that arrived
        self.administrators: set[str] = set()
        self.mention = ""
        self.lagging = False  # True: posts do not enter `read_back`
        self.read_back_error: Exception | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def settling(self) -> Settling:
        return self._settling

    @property
    def received(self) -> list[str]:
        """The texts that people received, in order."""
        return [post.text for post in self.posts]

    def read(self, envelope: Envelope) -> Message:
        payload = envelope.payload
        text = payload.get("text", "")
        command, _, arguments = text[1:].partition(" ") if text.startswith("/") else ("", "", "")
        message = Message(
            key=envelope.key,
            channel=envelope.channel,
            kind=Kind(payload.get("kind", Kind.COMMAND if command else Kind.TEXT)),
            text=text,
            author=Author(
                payload.get("author", "7"), payload.get("name", ""), payload.get("language", "")
            ),
            group=payload.get("group", False),
            command=Command(command.lower(), arguments),
            reply_to=ReplyTo(
                payload.get("replied_to", ""),
                payload.get("quoted", ""),
                tuple(Media(*each) for each in payload.get("brought", ())),
            ),
            handles=Handles(payload.get("quote", ""), payload.get("callback", "")),
            rating=payload.get("rating", 0),
            media=tuple(Media(*each) for each in payload.get("media", ())),
            unfinished=payload.get("unfinished", False),
            album=payload.get("album", ""),
            addressed=payload.get("addressed", True),
            id=payload.get("id", ""),
            edits=payload.get("edits", ""),
            edits_words=payload.get("edits_words", False),
            counted_as=payload.get("counted_as", ""),
            described=payload.get("described", ""),
            moved_from=payload.get("moved_from", ""),
        )
        return message.as_dropped() if envelope.is_dropped else message

    def acknowledge(self, message: Message) -> None:
        self.greeted.append(message.key)

    def show_typing(self, message: Message, drawing: bool = False) -> None:
        self.worked.append(message.key)

    def preview(self, message: Message, text: str) -> bool:
        return False

    def preview_id(self, key: TurnKey) -> str:
        return f"preview of {key.event_id}"

    def load(self, media: Media) -> File:
        found = self.files.get(media.source, Unfetchable("gone"))
        if isinstance(found, Exception):
            raise found
        return found

    def earlier(self, message: Message, most: int) -> Sequence[Turn]:
        return ()

    def is_administrator(self, message: Message) -> bool:
        return message.author.id in self.administrators

    def split(self, reply: Reply) -> Sequence[Part]:
        text, size = reply.text, self._limit
        parts = [Part(text[start : start + size]) for start in range(0, len(text), size)]
        return [Part("", file=reply.file), *parts] if reply.file else parts

    def post(self, turn: Turn, part: Part) -> str:
        with self._lock:
            outcome = self.outcomes.popleft() if self.outcomes else None
            if isinstance(outcome, Exception):
                raise outcome
            post = Post(f"p{len(self.posts) + 1}", turn.key, part.text, self._clock())
            self.posts.append(post)
            if not self.lagging:
                self.read_back.append(post)
            if isinstance(outcome, Lands):
                raise outcome.error
            return post.id

    def html_of(self, reply: Reply) -> str:
        return ""

    def may_change_form(self, turn: Turn, known: Iterable[str]) -> bool:
        if self._settling is not Settling.READ_BACK:
            return True
        if self.read_back_error:
            raise self.read_back_error
        conversation, ids = turn.key.conversation, set(known)
        return not any(
            post.key.conversation == conversation
            and post.at >= turn.opened_at
            and post.id not in ids
            for post in self.read_back
        )

    def find_posted(self, turn: Turn, part: Part, known: Iterable[str]) -> str | None:
        if self.read_back_error:
            raise self.read_back_error
        ids = set(known)
        for post in self.read_back:
            mine = post.key.conversation == turn.key.conversation and post.text == part.text
            if mine and post.at >= turn.opened_at and post.id not in ids:
                return post.id
        return None
