"""The conversation table in memory."""

from __future__ import annotations

import math
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

from chatbot.core.errors import HistoryUnavailable
from chatbot.core.key import TurnKey
from chatbot.core.limits import MOST_LOOKED_AT
from chatbot.core.message import Stop
from chatbot.core.ports import Counted, TurnExists
from chatbot.core.timeline import ConversationProfile, Timeline, TurnPage
from chatbot.core.turn import Claim, Origin, State, Turn
from chatbot.core.work import MOST_CRASHES, Tries

BACKUP_DAYS = 35


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
