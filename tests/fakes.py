"""Doubles of the ports that follow the real services' rules, without I/O."""

from __future__ import annotations

import math
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from chatbot.core.budget import Share
from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.errors import HistoryUnavailable, Unfetchable
from chatbot.core.files import File, FileStream
from chatbot.core.key import TurnKey, folder_of
from chatbot.core.limits import MOST_LOOKED_AT
from chatbot.core.message import (
    Author,
    Command,
    Envelope,
    Handles,
    Kind,
    Media,
    Message,
    ReplyTo,
    Stop,
)
from chatbot.core.ports import (
    Channel,
    Counted,
    Files,
    History,
    Journal,
    Model,
    Places,
    Queue,
    Settling,
    Show,
    TurnExists,
    WaitingRoom,
)
from chatbot.core.timeline import ConversationProfile, Timeline, TurnPage
from chatbot.core.turn import Claim, Origin, Part, Reply, State, Turn
from chatbot.core.work import MOST_CRASHES, Record, Tries

BACKUP_DAYS = 35
NOON = 1_795_262_400_000  # 2026-11-21 12:00 UTC


class FakeClock:
    """A clock in epoch milliseconds, moved only by `advance`, also known as `sleep`."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    sleep = advance


@dataclass
class FakeJournal:
    infos: list[tuple[str, dict[str, str | float]]] = field(default_factory=list)
    warnings: list[tuple[str, dict[str, str | float]]] = field(default_factory=list)
    metrics: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def info(self, name: str, **facts: str | float) -> None:
        with self._lock:
            self.infos.append((name, facts))

    def warning(self, name: str, **facts: str | float) -> None:
        with self._lock:
            self.warnings.append((name, facts))

    def count(self, metric: str, value: float = 1, *, channel: str) -> None:
        with self._lock:
            self.metrics[metric, channel] += value  # type: ignore[assignment]

    def counted(self, metric: str) -> float:
        """Return the metric's sum over all channels."""
        return sum(value for (name, _), value in self.metrics.items() if name == metric)


def no_fault(step: str, moment: str) -> None:
    """Cause no fault: the default of `MemoryHistory.fault`."""


class MemoryHistory:
    """The conversation table in memory.

    `fault(step, moment)` is called with the method's name and "before" or "after" its effect. What
    it raises reaches the caller: a refusal, a lost response, a crash. `calls` counts by method.
    """

    def __init__(self, fault: Callable[[str, str], None] = no_fault) -> None:
        self.fault = fault
        self.calls: Counter[str] = Counter()
        self.turns: defaultdict[str, dict[str, Turn]] = defaultdict(dict)
        self.persons: dict[str, ConversationProfile] = {}
        self.noted: dict[str, tuple[str, Tries]] = {}
        self.days: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self.drafts: dict[str, tuple[TurnKey, str]] = {}
        self.stops: dict[str, Stop] = {}
        self._lock = threading.RLock()

    def all(self, conversation: str) -> list[Turn]:
        """Return every turn of a conversation, oldest first."""
        return [turn for _, turn in sorted(self.turns[conversation].items())]

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        with self._lock:
            self.calls[name] += 1
            self.fault(name, "before")
            yield
            self.fault(name, "after")

    def read(self, conversation: str, turns: int) -> Timeline:
        with self._step("read"):
            person = self.persons.get(conversation, ConversationProfile())
            newest = self.all(conversation)[::-1]
            if person.moved_from and len(newest) < turns:
                newest += self.all(person.moved_from)[::-1]
            seen = tuple(newest[: turns + 10])
            return Timeline(person, seen, complete=len(seen) == len(newest))

    def turns_after(self, conversation: str, after: str, limit: int) -> TurnPage:
        with self._step("turns_after"):
            turns = [turn for turn in self.all(conversation) if turn.key.sort > after]
            return TurnPage(tuple(turns[:limit] if after else turns[-limit:]), len(turns) > limit)

    def turns_before(self, conversation: str, before: str, limit: int) -> TurnPage:
        with self._step("turns_before"):
            turns = [turn for turn in self.all(conversation) if turn.key.sort < before]
            return TurnPage(tuple(turns[-limit:]), len(turns) > limit)

    def find(self, key: TurnKey) -> Turn | None:
        with self._step("find"):
            return self._get(key)

    def put(self, turn: Turn) -> None:
        with self._step("put"):
            stored = self._get(turn.key)
            if stored:
                raise TurnExists(stored)
            self._set(turn)

    def put_all(self, turns: Sequence[Turn]) -> None:
        with self._step("put_all"):
            if any(self._get(turn.key) for turn in turns):
                raise TurnExists(self._get(turns[0].key))
            for turn in turns:
                self._set(turn)

    def take_over(self, found: Turn, claim: Claim, now: int) -> Turn:
        with self._step("take_over"):
            turn = self._get(found.key)
            if turn is None or not _same(turn, found):
                raise TurnExists(turn)
            if not (turn.state is State.ANSWERED or _over(turn, now)):
                raise TurnExists(turn)
            opened_at = turn.opened_at or now
            plain = turn.reply.plain or found.reply.plain
            turn = replace(turn, reply=replace(turn.reply, plain=plain))
            return self._set(replace(turn, state=State.SENDING, claim=claim, opened_at=opened_at))

    def save(self, turn: Turn) -> None:
        with self._step("save"):
            stored = self._get(turn.key)
            if stored is None or turn.claim is None or not _own(stored, turn.claim.token):
                raise TurnExists(stored)
            if stored.state not in (State.SENDING, turn.state):
                raise TurnExists(stored)
            self._set(replace(stored, state=turn.state, claim=turn.claim, posted=turn.posted))

    def mark_delivered(
        self, key: TurnKey, posted: tuple[str, ...], html: str = "", *, plain: bool = False
    ) -> None:
        with self._step("mark_delivered"):
            turn = self._get(key)
            if turn:
                reply = replace(turn.reply, plain=plain or turn.reply.plain)
                html = html or turn.html
                self._set(
                    replace(turn, state=State.DELIVERED, posted=posted, reply=reply, html=html)
                )

    def abandon(self, key: TurnKey, now: int) -> None:
        with self._step("abandon"):
            turn = self._get(key)
            if turn is None or not _over(turn, now):
                raise TurnExists(turn)
            self._set(replace(turn, claim=None))

    def hold(self, key: TurnKey, now: int) -> None:
        with self._step("hold"):
            turn = self._get(key)
            if turn and turn.state is State.HELD:
                return
            if turn is None or not _over(turn, now):
                raise TurnExists(turn)
            self._set(replace(turn, state=State.HELD))

    def tries(self, conversation: str) -> tuple[str, Tries]:
        with self._step("tries"):
            return self.noted.get(conversation, ("", Tries()))

    def raise_try(
        self,
        key: TurnKey,
        died: int,
        since: int,
        *,
        replace_later: bool = False,
        anew_before: int = 0,
    ) -> Tries | None:
        with self._step("raise_try"):
            event, tries = self.noted.get(key.conversation, ("", Tries()))
            if event > key.sort and not replace_later:
                return None
            redriven = 0 < tries.since < anew_before
            tries = tries if event == key.sort and not redriven else Tries()
            since = tries.since or since
            tries = replace(tries, crashes=tries.crashes + 1, died=died, since=since)
            self.noted[key.conversation] = (key.sort, tries)
            return tries

    def note_try(self, key: TurnKey, before: Tries | None, after: Tries) -> bool:
        with self._step("note_try"):
            event, tries = self.noted.get(key.conversation, ("", Tries()))
            if before is None:
                redriven = event == key.sort and tries.crashes > MOST_CRASHES
                unchanged = event < key.sort or redriven
            else:
                same = (tries.crashes, tries.asked) == (before.crashes, before.asked)
                unchanged = event == key.sort and same
            if unchanged:
                self.noted[key.conversation] = (key.sort, after)
            return unchanged

    def save_profile(self, conversation: str, person: ConversationProfile) -> None:
        with self._step("save_profile"):
            before = self.persons.get(conversation, ConversationProfile())
            moved_from = person.moved_from or before.moved_from
            self.persons[conversation] = replace(
                person, forgotten_before=before.forgotten_before, moved_from=moved_from
            )

    def lift_break(self, before: TurnKey, seconds: float = math.inf) -> None:
        with self._step("lift_break"):
            lifted = False
            for turn in islice(self.older(before), MOST_LOOKED_AT):
                if turn.links.fresh_start and turn.links.lifted_by in ("", before.sort):
                    lifted = True
                    if turn.links.lifted_by:
                        continue
                    if seconds <= 0:
                        raise HistoryUnavailable("not all is lifted yet", retry_after=0)
                    self._set(replace(turn, links=replace(turn.links, lifted_by=before.sort)))
                elif lifted and turn.origin is not Origin.COMMAND:
                    return

    def older(self, before: TurnKey) -> Iterator[Turn]:
        with self._step("older"):
            person = self.persons.get(before.conversation, ConversationProfile())
            known = self.all(before.conversation)[::-1]
            known += self.all(person.moved_from)[::-1]
            return iter([turn for turn in known if turn.key.sort < before.sort])

    def oldest(self, before: TurnKey, since: str = "") -> Iterator[Turn]:
        return iter([turn for turn in self.older(before) if turn.key.sort >= since][::-1])

    def erase(self, before: TurnKey, seconds: float = math.inf) -> int:
        with self._step("erase"):
            person = self.persons.get(before.conversation, ConversationProfile())
            for conversation in filter(None, (person.moved_from, before.conversation)):
                self.persons[conversation] = ConversationProfile(forgotten_before=before.sort)
                for sort in [sort for sort in self.turns[conversation] if sort < before.sort]:
                    del self.turns[conversation][sort]
            return BACKUP_DAYS

    def rate(self, key: TurnKey, rating: int) -> None:
        with self._step("rate"):
            turn = self._get(key)
            if turn:
                self._set(replace(turn, rating=rating))

    def count_today(
        self, person: str, day: str, kind: str, event: str, most: int, amount: int = 1
    ) -> Counted:
        with self._step("count_today"):
            if self.days[person].get("date") != day:
                self.days[person] = {"date": day, "events": set()}
            today = self.days[person]
            if event in today["events"]:
                return Counted.BEFORE
            if most and today.get(kind, 0) > most - amount:
                return Counted.TOO_MANY
            today[kind] = today.get(kind, 0) + amount
            today["events"] |= {event} - {""}
            return Counted.NOW

    def save_draft(self, key: TurnKey, text: str) -> None:
        with self._step("save_draft"):
            self.drafts[key.conversation] = key, text

    def draft_of(self, conversation: str) -> tuple[str, str] | None:
        with self._step("draft_of"):
            key, text = self.drafts.get(conversation, (None, ""))
            return (key.event_id, text) if key and not self._get(key) else None

    def stop_requested(self, key: TurnKey, preview: str) -> bool:
        with self._step("stop_requested"):
            stop = self.stops.get(key.conversation)
            if stop is None:
                return False
            any_before = not stop.event and stop.at >= key.occurred_at
            return any_before or (stop.event != "" and stop.event in (key.event_id, preview))

    def _get(self, key: TurnKey) -> Turn | None:
        return self.turns[key.conversation].get(key.sort)

    def _set(self, turn: Turn) -> Turn:
        self.turns[turn.key.conversation][turn.key.sort] = turn
        return turn


def _same(turn: Turn, found: Turn) -> bool:
    token = turn.claim.token if turn.claim else ""
    return turn.state is found.state and token == (found.claim.token if found.claim else "")


def _own(turn: Turn, token: str) -> bool:
    return turn.claim is not None and turn.claim.token == token


def _over(turn: Turn, now: int) -> bool:
    ended = turn.claim is None or turn.claim.ends_at < now
    return turn.state is State.SENDING and ended


class MemoryRoom:
    """ports.WaitingRoom in memory. `calls` counts by method; `down` makes every call fail."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.calls: Counter[str] = Counter()
        self.down = False
        self.rooms: dict[str, dict[str, int]] = {}

    def _room(self, name: str, conversation: str, most: int = 0) -> dict[str, int]:
        self.calls[name] += 1
        if self.down:
            raise HistoryUnavailable("down")
        return self.rooms.setdefault(conversation, {"taken": 0, "open_to": most, "told": 0})

    def take(self, conversation: str, events: int, most: int, stale: float) -> Places:
        room = self._room("take", conversation, most)
        if room["taken"] >= room["open_to"]:
            if room["at"] >= self._clock() - stale * 1000:
                return Places(may_tell=room["told"] <= room["open_to"])
            room |= {"open_to": room["taken"] + most, "told": 0}
        first = room["taken"] + 1
        granted = min(events, room["open_to"] - room["taken"])
        room |= {"taken": room["taken"] + granted, "at": self._clock(), "taken_at": self._clock()}
        return Places(first, granted, room["told"] <= room["open_to"])

    def tell(self, conversation: str, most: int) -> int:
        room = self._room("tell", conversation)
        if room["told"] > room["open_to"]:
            return 0
        place = room["taken"] + 1
        now = self._clock()
        room |= {"taken": place, "told": place + most, "at": now, "taken_at": now}
        return place

    def give_back(self, conversation: str, last: int, places: int, *, told: bool) -> None:
        self.calls["give_back"] += 1
        if self.down:
            raise HistoryUnavailable("down")
        if (room := self.rooms.get(conversation)) is None:
            return
        room["at"] = self._clock()
        if room["taken"] == last:
            room["taken"] -= places
        else:
            room["open_to"] += places
            room["told"] += places
        if told:
            room["told"] = 0

    def leave(self, conversation: str, place: int, most: int) -> None:
        self.calls["leave"] += 1
        if self.down:
            raise HistoryUnavailable("down")
        room = self.rooms.get(conversation)
        if room and room["open_to"] < place + most:
            room |= {"open_to": place + most, "at": self._clock()}

    def leave_all(self, conversation: str, sent_at: int, most: int) -> None:
        self.calls["leave_all"] += 1
        if self.down:
            raise HistoryUnavailable("down")
        room = self.rooms.get(conversation)
        if room and room["taken_at"] <= sent_at:
            room |= {"open_to": room["taken"] + most, "at": self._clock()}


def streamed(file: File) -> FileStream:
    """Return a file in memory as one that is read in pieces."""
    return FileStream(file.type, len(file.content), lambda: iter([file.content]))


class MemoryFiles:
    """The bucket of generated files in memory."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}

    def keep(self, name: str, file: File) -> None:
        self.files[name] = file

    def write(self, name: str, kind: str, chunks: Iterable[bytes]) -> None:
        self.files[name] = File(b"".join(chunks), kind)

    def load(self, name: str) -> FileStream | None:
        return streamed(self.files[name]) if name in self.files else None

    def names(self, conversation: str) -> Iterator[str]:
        folder = f"{folder_of(conversation)}/"
        yield from [name for name in self.files if name.startswith(folder)]

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self.files.pop(name, None)


class FakeModel:
    """A model that answers with the items of `script`, then by repeating the prompt's last line."""

    def __init__(self, *script: str | Completion | Exception) -> None:
        self.script = deque(script)
        self.prompts: list[tuple[PromptLine, ...]] = []
        self.drawn: list[str] = []
        self.seconds: list[float] = []

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        self.prompts.append(tuple(prompt))
        self.seconds.append(seconds)
        spending.begin_request()
        answer = self.script.popleft() if self.script else f"You said: {prompt[-1].content}"
        if isinstance(answer, Exception):
            raise answer
        spending.count_paid()
        if isinstance(answer, str):
            answer = Completion(answer, "fake-model", tokens_in=7, tokens_out=3)
        return answer

    def draw(self, prompt: str, seconds: float, spending: Spending, room: Share) -> File:
        """Return the prompt as a picture, or raise the script's next item if it is an exception."""
        self.drawn.append(prompt)
        self._fail()
        return File(b"\x89PNG\r\n\x1a\n" + prompt.encode(), "image/png")

    def transcribe(self, audio: File, seconds: float, spending: Spending) -> str:
        """Return the file's content, or raise the script's next item if it is an exception."""
        spending.begin_request()
        self._fail()
        spending.count_paid()
        return audio.content.decode("utf-8", "replace")

    def _fail(self) -> None:
        if self.script and isinstance(self.script[0], Exception):
            error = self.script.popleft()
            assert isinstance(error, Exception)
            raise error


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


@dataclass
class Letter:
    """A message in the queue. `receipt` is its newest receipt handle.

    It is in flight until `visible_at` (epoch milliseconds).
    """

    id: str
    group: str
    body: str
    sent_at: int
    receipt: str = ""
    visible_at: int = 0
    receive_count: int = 0
    first_received_at: int = 0


class FakeQueue:
    """An SQS FIFO queue with the rules for groups in flight and for stale receipt handles."""

    def __init__(self, clock: Callable[[], int], visibility: float = 360) -> None:
        self._clock = clock
        self._visibility = visibility
        self._serial = 0
        self.letters: list[Letter] = []
        self.deleted: set[str] = set()  # receipts
        self.dead: list[Record] = []
        self.hidden: list[tuple[tuple[str, ...], float]] = []
        self.error: Exception | None = None  # raised by the worker's calls while it is set

    def send(self, envelope: Envelope) -> Letter:
        letter = Letter(self._next("m"), envelope.conversation, envelope.to_json(), self._clock())
        self.letters.append(letter)
        return letter

    def receive(self, most: int = 10) -> list[Record]:
        """Receive a batch, as the event source mapping would for the worker."""
        now = self._clock()
        blocked = {letter.group for letter in self.letters if letter.visible_at > now}
        batch = [letter for letter in self.letters if letter.group not in blocked][:most]
        for letter in batch:
            letter.receipt = self._next("r")
            letter.visible_at = now + round(self._visibility * 1000)
            letter.receive_count += 1
            letter.first_received_at = letter.first_received_at or now
        return [_record(letter) for letter in batch]

    def hide(self, records: Sequence[Record], seconds: float) -> set[str]:
        held, refused = self._held(records)
        for letter in held:
            letter.visible_at = self._clock() + round(seconds * 1000)
        self.hidden.append((tuple(letter.id for letter in held), seconds))
        return refused

    def delete(self, records: Sequence[Record]) -> set[str]:
        held, refused = self._held(records)
        self.letters = [letter for letter in self.letters if letter not in held]
        self.deleted |= {letter.receipt for letter in held}
        # SQS accepts a deletion that is repeated with the same receipt handle.
        again = {record.message_id for record in records if record.receipt in self.deleted}
        return refused - again

    def dead_letter(self, record: Record) -> None:
        if self.error:
            raise self.error
        self.dead.append(record)

    def _held(self, records: Sequence[Record]) -> tuple[list[Letter], set[str]]:
        if self.error:
            raise self.error
        now = self._clock()
        current = {
            letter.id: letter
            for record in records
            for letter in self.letters
            if letter.receipt == record.receipt and letter.visible_at > now
        }
        refused = {record.message_id for record in records} - current.keys()
        return list(current.values()), refused

    def _next(self, letter: str) -> str:
        self._serial += 1
        return f"{letter}{self._serial}"


def _record(letter: Letter) -> Record:
    return Record(
        letter.id,
        letter.receipt,
        letter.group,
        letter.receive_count,
        letter.sent_at,
        letter.body,
        letter.first_received_at,
    )


def _fulfil(clock: FakeClock) -> None:
    """Have the type checker compare the doubles with the ports."""
    history: History = MemoryHistory()
    files: Files = MemoryFiles()
    model: Model = FakeModel()
    channel: Channel = FakeChannel(clock)
    queue: Queue = FakeQueue(clock)
    journal: Journal = FakeJournal()
    room: WaitingRoom = MemoryRoom(clock)
    assert all((history, files, model, channel, queue, journal, room))
