from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.core.errors import Malformed
from chatbot.core.key import TurnKey
from chatbot.core.message import Envelope

NAMES = st.text(min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(NAMES, NAMES, NAMES, st.integers(0, 10**13 - 1), st.dictionaries(st.text(), JSON))
def test_an_envelope_survives_the_queue(
    channel: str,
    conversation: str,
    event_id: str,
    occurred_at: int,
    payload: dict[str, object],
) -> None:
    envelope = Envelope(channel, conversation, event_id, occurred_at, payload)
    assert Envelope.from_json(envelope.to_json()) == envelope


@given(JSON)
def test_anything_else_is_malformed(data: object) -> None:
    with pytest.raises(Malformed):
        Envelope.from_json(json.dumps(data))


def test_keys_sort_by_time_then_event() -> None:
    keys = [
        TurnKey.of("c", at, event) for at, event in ((9, "b"), (10, "a"), (10, "b"), (2000, ""))
    ]
    assert sorted(keys) == keys


def test_a_key_gives_back_what_it_was_made_of() -> None:
    key = TurnKey.of("telegram:42", 1_795_262_400_000, "000000000007:message")
    assert key.sort == "turn#1795262400000#000000000007:message"
    assert (key.occurred_at, key.event_id) == (
        1_795_262_400_000,
        "000000000007:message",
    )
