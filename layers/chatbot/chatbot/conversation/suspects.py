"""Who may have ended a worker: which conversations of a batch run beside others, and which alone.

When a worker dies, everything in its batch comes back, and one of the conversations did it. All of
them are suspects then, and a suspect runs alone, in an invocation of its own: it can take nobody
with it, and nobody can take it along. So a death beside others happens to a message once, and the
deaths by which a message is given up are its own.

What happened before is known without a call where a message is received once:

- A record that was received once was never in a worker that died.
- A worker that dies leaves its records hidden for a lease. Whoever comes back sooner was handed
  back.
- From its second delivery on, a record notes that it begins before it acts (`ledger.py`), and a
  delivery that ends on purpose notes that, too. So the table knows.
- A record of which nothing is noted, and that no worker saw (the function was throttled), comes
  back after the queue's own visibility timeout, later than one whose worker died.

docs/architecture.md ("Whose death it was") has the rule with its reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

from chatbot.core.errors import HistoryUnavailable, Malformed
from chatbot.core.key import TurnKey
from chatbot.core.limits import (
    LEASES_DIFFER,
    RETURN_MOST_S,
    RETURNS_AT_ONCE,
    SUSPECT_TURNS,
    UNNOTED_TRUSTED_S,
    VISIBILITY_TIMES,
)
from chatbot.core.message import Envelope
from chatbot.core.ports import Clock, CrashCounter, Journal
from chatbot.core.work import Record, Tries

NOTHING = Tries()
Groups = Mapping[str, Sequence[Record]]
"""The records of a batch, by message group, in order."""
Known = dict[str, Tries]
"""By message group, what is known before it runs of its message that was tried last."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long records stay hidden, in seconds: after their worker died, and when no worker ran."""

    lease: float
    visibility: float

    @classmethod
    def of(cls, left: float, beyond: float) -> Times:
        """With `left` seconds of the invocation, and a lease that ends `beyond` its end."""
        visibility = VISIBILITY_TIMES * left
        return cls(left + beyond - LEASES_DIFFER, visibility - LEASES_DIFFER)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which groups of a batch run now; the others go back to the queue (see `return_after`)."""

    run: Known
    wait: Known


def doubtful(groups: Groups, times: Times, now: int) -> list[str]:
    """The groups that may have been in a worker that died: what is noted of them decides.

    Each death takes a lease, so that nobody died of whoever waited for less.
    """
    oldest = {name: _oldest(records) for name, records in groups.items()}
    return [
        name
        for name, record in oldest.items()
        if record.receive_count > 1 and _waited(record, now) >= times.lease
    ]


def unnoted(records: Sequence[Record], times: Times, now: int) -> Tries:
    """What is known of a group of which nothing is noted, by how long it waited each time.

    Less than a lease: it was handed back while the table took no note. As long as the queue's own
    timeout: no worker saw it. Between these, its worker died.
    """
    oldest = _oldest(records)
    pause = _waited(oldest, now) / (oldest.receive_count - 1)
    return Tries(died=int(times.lease <= pause < times.visibility))


def choose(groups: Groups, known: Mapping[str, Tries]) -> Choice:
    """Choose the groups that run: all that are above suspicion, or one suspect.

    Of several suspects it is the one that was received most often, then the oldest: else one could
    be received, and returned, until the queue moves it to the dead letters. Innocent groups come
    first, but at each SUSPECT_TURNS-th delivery it is this suspect's turn.
    """
    everyone = {name: known.get(name, NOTHING) for name in groups}
    oldest = {name: _oldest(groups[name]) for name, each in everyone.items() if each.died}
    chosen = [name for name in groups if name not in oldest]
    if oldest:
        first = min(oldest, key=lambda name: (-oldest[name].receive_count, oldest[name].sent_at))
        if not chosen or oldest[first].receive_count % SUSPECT_TURNS == 0:
            chosen = [first]
    return Choice(
        {name: everyone[name] for name in chosen},
        {name: everyone[name] for name in groups if name not in chosen},
    )


def return_after(records: Sequence[Record]) -> float:
    """Seconds for which a group stays hidden that goes back to the queue before it was begun.

    None at first, so that another worker may take it. What was received often waits longer each
    time: the queue gives a record up that was received too often.
    """
    receives = _oldest(records).receive_count
    return 0 if receives <= RETURNS_AT_ONCE else min(RETURN_MOST_S, receives // 2)


@dataclass(eq=False)
class Suspects:
    """Chooses what runs in an invocation, and notes what the table has to know of the others.

    One for all invocations of a process: it remembers when the table was away.
    """

    history: CrashCounter
    journal: Journal
    clock: Clock
    _away_at: int | None = field(default=None, init=False)

    def choose(self, groups: Groups, left: float, beyond: float, pool: Executor) -> Choice:
        """Choose the groups that run (see `choose`), and note those that wait.

        `left` are the seconds until the invocation ends, and `beyond` those until leases end then.
        """
        times, now = Times.of(left, beyond), self.clock()
        away_at = self._away_at
        trusted = away_at is not None and now - away_at < UNNOTED_TRUSTED_S * 1000
        reads = {
            name: pool.submit(self._known, groups[name], times, now, trusted)
            for name in doubtful(groups, times, now)
        }
        choice = choose(groups, {name: read.result() for name, read in reads.items()})
        notes = [
            pool.submit(self.untried, groups[name][0], known) for name, known in choice.wait.items()
        ]
        for note in notes:
            note.result()
        if choice.wait:
            self.journal.info("waits_its_turn", groups=len(choice.wait), running=len(choice.run))
        return choice

    def untried(self, record: Record, known: Tries, spent: Tries = NOTHING) -> None:
        """Note that a record goes back to the queue and was not begun (see `note_untried`)."""
        key, count = _key(record), record.receive_count
        if known.since:  # of the record before it, perhaps, which may have been received earlier
            known = replace(known, since=max(known.since, record.first_received_at))
        if key and not note_untried(self.history, self.journal, key, count, known, spent):
            self.not_noted()

    def not_noted(self) -> None:
        """Remember that the table is away now, so that records go back without a note."""
        self._away_at = self.clock()

    def _known(self, records: Sequence[Record], times: Times, now: int, trusted: bool) -> Tries:
        """What is noted of one of the records, else nothing if `trusted`, or what the times say."""
        keys = [key for record in records if (key := _key(record))]
        if not keys:
            return NOTHING
        try:
            event, tries = self.history.tries(keys[0].conversation)
        except HistoryUnavailable:
            self.not_noted()
            event, tries = "", NOTHING
        if event in {key.sort for key in keys}:
            return tries
        return NOTHING if trusted else unnoted(records, times, now)


def note_untried(
    history: CrashCounter,
    journal: Journal,
    key: TurnKey,
    receive_count: int,
    known: Tries,
    spent: Tries,
) -> bool:
    """Note an event that returns to the queue before it was counted, unless one is noted.

    Returns False where the table is away.

    So the time that it waits there does not look like that after a death, nor is one forgotten.
    `known` is what was known before this delivery, and `spent` what a prompt that it shared has
    requested in it.
    """
    # Of an earlier delivery, if there was one, nothing is noted: it is counted as a crash.
    first = receive_count == 1
    after = replace(spent, crashes=-first, died=0 if first else known.died, since=known.since)
    try:
        history.note_try(key, None, after)
    except HistoryUnavailable:
        journal.warning("try_not_noted", event_id=key.event_id)
        return False
    return True


def _oldest(records: Sequence[Record]) -> Record:
    """The record that was received most often: the first, as a group's records are in order."""
    return max(records, key=lambda record: record.receive_count)


def _waited(record: Record, now: int) -> float:
    """Seconds since it was first received."""
    return (now - record.first_received_at) / 1000


def _key(record: Record) -> TurnKey | None:
    try:
        return Envelope.from_json(record.body).key
    except Malformed:
        return None
