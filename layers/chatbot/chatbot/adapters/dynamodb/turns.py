"""Turns in the conversation table: ports.History, and the queries of the web page."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from chatbot.adapters.dynamodb import codec
from chatbot.adapters.dynamodb.fitting import fitted
from chatbot.adapters.dynamodb.state import DAY, PROFILE, StateItems
from chatbot.adapters.dynamodb.table import ConditionFailed
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.key import TURN_PREFIX, TurnKey
from chatbot.core.limits import MOST_HISTORY_BYTES, MOST_LOOKED_AT
from chatbot.core.ports import TurnExists
from chatbot.core.timeline import Timeline, TurnPage
from chatbot.core.turn import Claim, Origin, State, Turn

if TYPE_CHECKING:
    from chatbot.adapters.dynamodb.codec import Item, Plain

# A descending query returns ~state first, in nearly every conversation, and ~day where there are
# daily limits. Other items that are no turns (~draft, ~stop, ~try, pointers) are so rare that
# another page is read for them.
_OTHER_ITEMS = 2

_AFTER_TURNS = TURN_PREFIX[:-1] + chr(ord(TURN_PREFIX[-1]) + 1)
_PAGE = 50  # turns
BACKUP_DAYS = 35
"""Days for which point-in-time recovery keeps deleted items (DynamoDB guide, “Backup”)."""
_LONGEST_SORT_KEY = 1024  # bytes, DynamoDB's limit

_CLAIM_OVER = "#s = :sending AND (attribute_not_exists(claim_token) OR claim_ends < :now)"


class Table(StateItems):
    """Implements ports.History. Every method may raise HistoryUnavailable.

    Turns expire `retention_days` after they were put. DynamoDB deletes them within some days; until
    then they are read like any other, so that an event that is sent again still finds its turn.
    """

    def read(self, conversation: str, turns: int) -> Timeline:
        """Read the profile and the newest turns in one query or a few (ports.Turns).

        A conversation with an earlier id may need a query for either.
        """
        timeline = self._read(conversation, turns)
        moved_from = timeline.profile.moved_from
        own = sum(not turn.links.merged_into for turn in timeline.turns)
        if not moved_from or not timeline.complete or own >= turns:
            return timeline
        earlier = self._read(moved_from, turns)
        return replace(timeline, turns=(*timeline.turns, *earlier.turns), complete=earlier.complete)

    def _read(self, conversation: str, turns: int) -> Timeline:
        found: list[Item] = []
        complete, size = True, 0
        pages = self._client.pages(conversation, forward=False, Limit=turns + _OTHER_ITEMS)
        for page, last in pages:
            found += page
            complete = last
            size += sum(map(codec.size, page))
            enough = size >= MOST_HISTORY_BYTES or _count_own_turns(found) >= turns
            # Other items than turns come first: the profile may be on a later page.
            if enough and found and codec.text(found[-1], "sk") <= PROFILE:
                break
        profile = next((item for item in found if codec.text(item, "sk") == PROFILE), {})
        return Timeline(codec.item_to_profile(profile), tuple(_turns(found)), complete)

    def turns_after(self, conversation: str, after: str, limit: int) -> TurnPage:
        """At most `limit` turns after the sort key `after`; the newest ones for "".

        Fewer when they are long: a query returns at most 1 MB. Empty when `after` is not a sort key
        of a turn.
        """
        if not after:
            return self.turns_before(conversation, _AFTER_TURNS, limit)
        turns, more = self._between(conversation, after, _AFTER_TURNS, limit, forward=True)
        return TurnPage(turns, more)

    def turns_before(self, conversation: str, before: str, limit: int) -> TurnPage:
        """At most `limit` turns right before the sort key `before`; fewer when they are long."""
        turns, more = self._between(conversation, TURN_PREFIX, before, limit, forward=False)
        return TurnPage(turns[::-1], more)

    def _between(
        self, conversation: str, low: str, high: str, limit: int, *, forward: bool
    ) -> tuple[tuple[Turn, ...], bool]:
        """Turns between two sort keys, both exclusive, in the direction of reading.

        Also returns whether there may be more of them.
        """
        if not all(
            TURN_PREFIX <= end <= _AFTER_TURNS and len(end.encode()) <= _LONGEST_SORT_KEY
            for end in (low, high)
        ):
            return (), False
        # BETWEEN includes both ends, one of which may be a turn: hence one more to read, and one
        # more to know whether there are others.
        pages = self._client.pages(conversation, (low, high), forward=forward, Limit=limit + 2)
        for page, last in pages:
            turns = [turn for turn in _turns(page) if turn.key.sort not in (low, high)]
            if turns or last:
                return tuple(turns[:limit]), not last or len(turns) > limit
        return (), False

    def find(self, key: TurnKey) -> Turn | None:
        """Read one turn, expired or not (ports.Turns)."""
        return _turn_or_none(self._client.get(key))

    def older(self, before: TurnKey) -> Iterator[Turn]:
        """Yield the turns below the key, newest first (ports.Turns)."""
        yield from self._older(before)
        if moved_from := self._moved_from(before.conversation):
            yield from self._older(TurnKey(moved_from, before.sort))

    def oldest(self, before: TurnKey, since: str = TURN_PREFIX) -> Iterator[Turn]:
        """Yield the turns below the key, oldest first (ports.Turns)."""
        if moved_from := self._moved_from(before.conversation):
            yield from self._older(TurnKey(moved_from, before.sort), since, forward=True)
        yield from self._older(before, since, forward=True)

    def _older(
        self, before: TurnKey, since: str = TURN_PREFIX, *, forward: bool = False
    ) -> Iterator[Turn]:
        between = (since, before.sort)
        if between[0] > between[1]:
            return iter(())  # DynamoDB refuses such a range
        pages = self._client.pages(before.conversation, between, forward=forward, Limit=_PAGE)
        return (turn for page, _ in pages for turn in _turns(page) if turn.key != before)

    def _moved_from(self, conversation: str) -> str:
        return codec.text(self._client.get(TurnKey(conversation, PROFILE)), "moved_from")

    def put(self, turn: Turn) -> None:
        """Store a turn, unless there is one at its key (ports.TurnWrites)."""
        with _turn_exists():
            self._client.put_new(self._new(turn))

    def put_all(self, turns: Sequence[Turn]) -> None:
        """Store all turns in a transaction, each unless its key is taken (ports.TurnWrites)."""
        with _turn_exists():
            self._client.put_all_new([self._new(turn) for turn in turns])

    def _new(self, turn: Turn) -> Item:
        return codec.turn_to_item(fitted(turn)) | {"expires_at": codec.value(self._expiry())}

    def take_over(self, found: Turn, claim: Claim, now: int) -> Turn:
        """Claim a turn for this attempt, unless another holds it (ports.TurnWrites)."""
        form = ", plain = :plain" if found.reply.plain else ""
        values: dict[str, Plain] = {
            ":found": found.state.value,
            ":answered": State.ANSWERED.value,
            ":sending": State.SENDING.value,
            ":now": now,
            ":token": claim.token,
            ":ends": claim.ends_at,
        }
        same_claim = "attribute_not_exists(claim_token)"
        if found.claim:
            same_claim = "claim_token = :found_token"
            values[":found_token"] = found.claim.token
        if form:
            values[":plain"] = 1
        return self._change(
            found.key,
            "SET #s = :sending, claim_token = :token, claim_ends = :ends, "
            f"opened_at = if_not_exists(opened_at, :now){form}",
            f"#s = :found AND {same_claim} AND (#s = :answered OR ({_CLAIM_OVER}))",
            values,
        )

    def save(self, turn: Turn) -> None:
        """Write state, claim and posts of a turn that we have claimed (ports.TurnWrites)."""
        claim = turn.claim or Claim("", 0)
        # A write that arrives late, after the SDK has repeated it, must not reset the state.
        self._change(
            turn.key,
            "SET #s = :state, claim_ends = :ends, posted = :posted",
            "claim_token = :token AND (#s = :sending OR #s = :state)",
            {
                ":state": turn.state.value,
                ":sending": State.SENDING.value,
                ":token": claim.token,
                ":ends": claim.ends_at,
                ":posted": turn.posted,
            },
        )

    def mark_delivered(
        self, key: TurnKey, posted: tuple[str, ...], html: str = "", *, plain: bool = False
    ) -> None:
        """Set a turn to `delivered`; nothing when it is gone (ports.TurnWrites)."""
        update = "SET #s = :delivered, posted = :posted"
        values: dict[str, Plain] = {":delivered": State.DELIVERED.value, ":posted": posted}
        if html:
            update, values[":html"] = f"{update}, html = :html", html
        if plain:
            update, values[":plain"] = f"{update}, plain = :plain", 1
        with suppress(TurnExists):
            self._change(key, update, "attribute_exists(pk)", values)

    def abandon(self, key: TurnKey, now: int) -> None:
        """Remove the claim of a dead letter's turn when it is over (ports.TurnWrites)."""
        values: dict[str, Plain] = {":sending": State.SENDING.value, ":now": now}
        self._change(key, "REMOVE claim_token, claim_ends", _CLAIM_OVER, values)

    def hold(self, key: TurnKey, now: int) -> None:
        """Change `sending` to `held` once the claim is over (ports.TurnWrites)."""
        self._change(
            key,
            "SET #s = :held",
            f"#s = :held OR ({_CLAIM_OVER})",
            {":held": State.HELD.value, ":sending": State.SENDING.value, ":now": now},
        )

    def lift_break(self, before: TurnKey, seconds: float = math.inf) -> None:
        """Mark the newest fresh start below the key as lifted (ports.Memory).

        Fresh starts with only commands in between are lifted together, the newest first, so that a
        repetition passes those that are lifted already and goes on behind them.
        """
        lifted, ends = False, time.monotonic() + seconds
        for turn in islice(self.older(before), MOST_LOOKED_AT):
            if turn.links.fresh_start and turn.links.lifted_by in ("", before.sort):
                lifted = True
                if turn.links.lifted_by:
                    continue
                if time.monotonic() >= ends:
                    raise HistoryUnavailable("not all is lifted yet", retry_after=0)
                self._client.update(turn.key, "SET lifted_by = :by", {":by": before.sort})
            elif lifted and turn.origin is not Origin.COMMAND:
                return

    def erase(self, before: TurnKey, seconds: float = math.inf) -> int:
        """Delete a conversation's items up to the key (ports.Memory).

        What is stored under the conversation's earlier id is erased first.

        `forgotten_before` is written first: if a delete fails, older events are still not answered.
        """
        ends = time.monotonic() + seconds
        if moved_from := self._moved_from(before.conversation):
            self._erase(TurnKey(moved_from, before.sort), ends)
        self._erase(before, ends)
        return BACKUP_DAYS

    def _erase(self, before: TurnKey, ends: float) -> None:
        tombstone = {
            **codec.key_of(TurnKey(before.conversation, PROFILE)),
            "forgotten_before": codec.value(before.sort),
            "expires_at": codec.value(self._expiry()),
        }
        self._client.put(tombstone)
        pages = self._client.pages(before.conversation, ProjectionExpression="pk, sk, event")
        for page, last in pages:
            self._client.delete([item for item in page if _is_covered(item, before)])
            if not last and time.monotonic() >= ends:
                raise HistoryUnavailable("not all is erased yet")

    def rate(self, key: TurnKey, rating: int) -> None:
        """Set a turn's rating; nothing when it is gone (ports.Ratings)."""
        with suppress(ConditionFailed):
            values: dict[str, Plain] = {":rating": rating}
            self._client.update(key, "SET rating = :rating", values, "attribute_exists(pk)")

    def _change(self, key: TurnKey, update: str, condition: str, values: dict[str, Plain]) -> Turn:
        """Update a turn; returns it as it is afterwards. Raises TurnExists."""
        with _turn_exists():
            item = self._client.update(key, update, values, condition, {"#s": "state"})
        return codec.item_to_turn(item)


@contextmanager
def _turn_exists() -> Iterator[None]:
    """Convert ConditionFailed to TurnExists."""
    try:
        yield
    except ConditionFailed as failed:
        raise TurnExists(_turn_or_none(failed.item)) from None


def _turns(page: Iterable[Item]) -> Iterator[Turn]:
    return (
        codec.item_to_turn(item) for item in page if codec.text(item, "sk").startswith(TURN_PREFIX)
    )


def _is_covered(item: Item, before: TurnKey) -> bool:
    """Whether `erase` deletes the item.

    The daily counters stay, or /forget would reset the limits; so does the crash counter of the
    /forget event itself.
    """
    name = codec.text(item, "sk")
    if name.startswith(TURN_PREFIX):
        return name < before.sort
    return name not in (PROFILE, DAY) and codec.text(item, "event") != before.sort


def _count_own_turns(page: Iterable[Item]) -> int:
    """Count the turns that are no pointers."""
    return sum(
        codec.text(item, "sk").startswith(TURN_PREFIX) and "leader" not in item for item in page
    )


def _turn_or_none(item: Item) -> Turn | None:
    return codec.item_to_turn(item) if item else None
