"""Answer the messages of several records with one prompt, and apart where that prompt fails.

Only messages that were never tried are merged: nobody's message is dragged into a prompt that has
failed before. A prompt that fails for its own sake (filtered, useless, too long) may do so because
of one of its messages, so that each is answered alone then.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from functools import partial

from chatbot.conversation.answer import Answers
from chatbot.conversation.attempt import Attempt
from chatbot.conversation.coalesce import awaits_more, merge, mergeable, pieces
from chatbot.conversation.ledger import Ledger
from chatbot.core.completion import Spending
from chatbot.core.errors import ModelRefused
from chatbot.core.limits import RETURNS_AT_ONCE
from chatbot.core.message import Message
from chatbot.core.ports import Channel, Journal
from chatbot.core.settings import Settings
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Turn
from chatbot.core.work import Done, HandBack, Record, Tries

REST_ARRIVES = 2.0
"""Seconds to wait, from the first receive of a piece of a long text that the platform has split, or
of an album, for the next one."""

Apart = MutableMapping[str, Tries]
"""The records, by message id, that were part of a prompt of this invocation, with what it requested
for each. Where they are not answered by it, they are answered alone."""


class MergedAnswers:
    """Makes turns for the records of a group; shared by the threads of a batch."""

    def __init__(self, answers: Answers, settings: Settings, journal: Journal) -> None:
        self._answers = answers
        self._settings = settings
        self._journal = journal

    def make_turn(
        self,
        events: Sequence[Message],
        records: Sequence[Record],
        timeline: Timeline,
        channel: Channel,
        attempt: Attempt,
        ledger: Ledger,
        apart: Apart,
    ) -> tuple[Turn, list[Message]] | Done | HandBack:
        """Answer the first of `events`, those of the records, with all that can be merged with it.

        Returns the turn and the events that it answers; HandBack when a piece of a long text or of
        an album is still to come; Done when an album is not addressed to the bot. Raises Retryable.
        """
        messages = mergeable(events[0], events[1:], timeline, self._settings.max_input)
        messages = _first_tried(messages, records, apart)
        last = records[len(messages) - 1]
        if awaits_more(messages) and last is records[-1]:
            wait = _until_rest_arrives(last, attempt.deadline.clock())
            if wait > 0:
                return HandBack(wait)
        make_turn = partial(
            self._answers.make_turn,
            timeline=timeline,
            channel=channel,
            deadline=attempt.answer_by,
            can_wait=attempt.can_wait(),
        )
        alone = pieces(messages)
        if len(alone) < len(messages):
            # Also of a prompt that is answered: another worker may have answered the first message
            # meanwhile, and then the others come by their own records.
            others = records[len(alone) : len(messages)]
            with ledger.shared() as spending, _spent_for(others, spending, apart):
                try:
                    return make_turn(merge(messages), spending=spending, shared=True), messages
                except ModelRefused as refused:
                    self._journal.warning(
                        "answered_apart",
                        channel=channel.name,
                        reason=refused.reason,
                        messages=len(messages),
                    )
        message = merge(alone)
        if not message.addressed:
            return Done(len(alone) - 1)
        with _spent_for(records[1 : len(alone)], ledger.spending, apart):
            turn = make_turn(message, spending=ledger.spending, heard=ledger.heard)
        return turn, alone


def _until_rest_arrives(last: Record, now: int) -> float:
    """Seconds to wait for what follows the record; not positive when it was waited for.

    The receive count alone does not tell: for a suspect's turn a record goes back at once. At the
    first receive what follows may be in the queue, but not in this batch, however late it is. The
    clock of the queue may be ahead, so that not every receive waits.
    """
    if last.receive_count == 1:
        return REST_ARRIVES
    if last.receive_count > RETURNS_AT_ONCE:
        return 0
    return min(REST_ARRIVES, REST_ARRIVES - (now - last.first_received_at) / 1000)


@contextmanager
def _spent_for(records: Sequence[Record], spending: Spending, apart: Apart) -> Iterator[None]:
    """Count what is requested in this block for each of the records, and merge none of them."""
    try:
        yield
    finally:
        spent = Tries(paid=spending.paid, asked=spending.requests)
        apart.update({record.message_id: spent for record in records})


def _first_tried(messages: list[Message], records: Sequence[Record], apart: Apart) -> list[Message]:
    """Of messages that can be merged, those that may be: none that was tried before.

    A message is dragged into no prompt that has failed. Pieces of one text always belong together.
    """
    least = len(pieces(messages))
    tried = (
        number
        for number, record in enumerate(records[: len(messages)])
        if record.receive_count > 1 or record.message_id in apart
    )
    return messages[: max(least, next(tried, len(messages)))]
