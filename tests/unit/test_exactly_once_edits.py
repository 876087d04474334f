"""Edits among any interleaving of two workers: each message one answer, in one of its forms.

The state machine is that of `test_exactly_once.py`, with edits of the messages that were sent.
"""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from chatbot.core.message import Envelope
from chatbot.core.turn import State
from tests.unit.test_exactly_once import LIMITS, SENTENCES, Machine
from tests.world import CONVERSATION


class EditingMachine(Machine):
    records = False

    def __init__(self) -> None:
        super().__init__()
        self.events = 0
        self.forms: dict[str, set[str]] = {}  # by message id
        self.edited: list[Envelope] = []

    @precondition(lambda self: len(self.sent) < 4)
    @rule(author=st.sampled_from(["ada", "ada", "ada", "bob"]))
    def send(self, author: str) -> None:
        number = len(self.sent)
        text, name = f"q{number}", f"m{number}"
        self.forms[name] = {text}
        self.sent.append(self._event("message", text=text, author=author, id=name))

    @precondition(lambda self: self.sent and len(self.edited) < 3)
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        payload = data.draw(st.sampled_from(self.sent)).payload
        text = f"e{len(self.edited)}"
        self.forms[payload["id"]].add(text)
        about = {"author": payload["author"], "edits": payload["id"]}
        self.edited.append(self._event("edit", text=text, **about))

    def _event(self, kind: str, **payload: str) -> Envelope:
        self.events += 1
        event_id = f"{self.events:012d}:{kind}"
        at = 1_795_000_000_000 + self.events
        envelope = Envelope("telegram", CONVERSATION, event_id, at, payload)
        self.queue.send(envelope)
        return envelope

    def _answered_with(self, envelope: Envelope) -> list[str]:
        """Return the messages that this one's answer is for, by the names of their first forms."""
        turns = self.table.turns[CONVERSATION]
        for edit in self.edited:
            pointer = turns.get(edit.key.sort)
            assert pointer is None or pointer.links.merged_into
            assert all(post.key != edit.key for post in self.platform.posts)
        turn = turns[envelope.key.sort]
        if turn.links.merged_into:
            return []
        # The last one may have lost the response of its last write: the next message marks it.
        assert turn.state in (State.DELIVERED, State.SENDING)
        assert turn.reply.text in (f"answer to {turn.full_text}", *SENTENCES)
        parts = [part.text for part in self.platform.split(turn.reply)]
        said = [post.text for post in self.platform.posts if post.key == envelope.key]
        assert list(dict.fromkeys(said)) == parts
        first = {text: f"q{name[1:]}" for name, texts in self.forms.items() for text in texts}
        return [first[text] for text in turn.full_text.split("\n")]


@pytest.mark.long
def test_edits_cost_no_answer_and_get_none() -> None:
    case = EditingMachine.TestCase
    case.settings = LIMITS
    case("runTest").debug()
