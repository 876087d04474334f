"""An answer longer than any is kept, asked for once, posted and stored as the same text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatbot.adapters.documents.reader import DocumentReader
from chatbot.adapters.dynamodb.turns import Table
from chatbot.conversation.answer import Answers
from chatbot.conversation.delivery import Delivery
from chatbot.conversation.record import RecordHandler
from chatbot.core.completion import Completion
from chatbot.core.errors import PostRefused
from chatbot.core.key import TurnKey
from chatbot.core.limits import LONGEST_ANSWER, MOST_STORED
from chatbot.core.turn import Links, Reply, State, Turn
from chatbot.core.work import Done, HandBack
from tests.component.conftest import Aws
from tests.component.turns import CONVERSATION, LARGEST_ITEM, make
from tests.world import World

ANSWERS = {
    "a line": "x" * 500_000,
    "paragraphs": "Some words.\n\n" * 40_000,
    "emoji": "🦊" * 125_000,
    "emoji in paragraphs": "🦊🦊🦊🦊\n\n" * 28_000,
}


def size(text: str) -> int:
    return len(text.encode())


class Stored(World):
    """A worker whose conversation table is DynamoDB (moto), with posts of 20,000 characters."""

    def __init__(self, table: Table, *script: str | Completion | Exception) -> None:
        super().__init__(*script, limit=20_000)
        self.table = table
        answers = Answers(
            table, self.model, self.files, DocumentReader(), self.settings, self.journal, self.clock
        )
        delivery = Delivery(table, self.settings, self.journal, self.clock, self.clock.sleep)
        self.conversation = RecordHandler(
            {"telegram": self.channel}, table, answers, delivery, self.settings, self.journal,
            self.clock,
        )  # fmt: skip

    def stored(self, key: TurnKey) -> Turn:
        turn = self.table.find(key)
        assert turn is not None
        return turn


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_500_kb_is_cut_once_and_asked_for_once(
    dynamodb_table: Table, name: str
) -> None:
    world = Stored(dynamodb_table, ANSWERS[name], "Next.")
    tale = world.envelope("🦊" * 3_000)
    assert world.handle(tale) == Done()
    turn = world.stored(tale.key)
    assert turn.state is State.DELIVERED
    assert "".join(world.channel.received) == turn.reply.text
    assert len(turn.posted) == len(world.channel.received)
    assert turn.text == "🦊" * 3_000
    assert turn.reply.text.endswith("…")
    assert turn.reply.text[:-1] == ANSWERS[name][: len(turn.reply.text) - 1]
    assert LONGEST_ANSWER - 2 <= len(turn.reply.text) <= LONGEST_ANSWER + 1
    assert size(turn.reply.text) < MOST_STORED
    assert world.handle(tale, receive_count=2) == Done()
    assert world.handle(world.envelope("And then?")) == Done()
    assert (len(world.model.prompts), world.channel.received[-1]) == (2, "Next.")


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("posted", [0, 1, 3])
@pytest.mark.long
def test_another_attempt_goes_on_with_the_part_after_those_posted(
    dynamodb_table: Table, name: str, posted: int
) -> None:
    world = Stored(dynamodb_table, ANSWERS[name])
    tale = world.envelope("A tale")
    posted = min(posted, (LONGEST_ANSWER - 1) // 20_000)
    world.channel.outcomes.extend([*[None] * posted, *[PostRefused("429")] * 3])
    assert isinstance(world.handle(tale), HandBack)
    parts = [part.text for part in world.channel.split(world.stored(tale.key).reply)]
    assert world.channel.received == parts[:posted]
    assert world.handle(tale, receive_count=2) == Done()
    assert world.channel.received == parts
    assert len(world.model.prompts) == 1
    assert world.stored(tale.key).state is State.DELIVERED


def test_merged_messages_and_everything_written_later_fit_too(
    aws: Aws, table: str, dynamodb_table: Table
) -> None:
    leader = make(0, text="🦊" * 50_000, more="🦊" * 50_000, reply=Reply("x" * 500_000))
    pointers = [
        make(number, text="🦊" * 50_000, links=Links(merged_into=leader.key.sort))
        for number in range(1, 10)
    ]
    dynamodb_table.put_all([leader, *pointers])
    mids = tuple(f"m_{number:0118}" for number in range(250))
    assert leader.claim
    dynamodb_table.save(replace(leader, posted=mids))
    dynamodb_table.rate(leader.key, -1)
    dynamodb_table.lift_break(make(99).key)
    dynamodb_table.mark_delivered(leader.key, mids)
    found = dynamodb_table.find(leader.key)
    assert found
    assert (found.posted, found.rating, found.state) == (mids, -1, State.DELIVERED)
    assert size(found.text) + size(found.more) + size(found.reply.text) < MOST_STORED
    assert MOST_STORED < LARGEST_ITEM
    assert len([*dynamodb_table.older(make(99).key)]) == 10


def test_a_long_draft_is_kept_too(dynamodb_table: Table) -> None:
    dynamodb_table.save_draft(make().key, "x" * 500_000)
    event, text = dynamodb_table.draft_of(CONVERSATION) or ("", "")
    assert event == make().key.event_id
    assert text.startswith("xxx")
    assert text.endswith("…")
