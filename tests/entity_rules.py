"""What the entities of our own texts have to be, so that Telegram shows each of them as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chatbot.channels.text.entities import MOST_ENTITIES
from local.standins.telegram_rules import check_nesting


def check_entities(entities: Sequence[Mapping[str, Any]]) -> None:
    """Check number, fields and nesting. Raises AssertionError, or ChatError for the nesting."""
    assert len(entities) <= MOST_ENTITIES
    for entity in entities:
        assert ("url" in entity) == (entity["type"] == "text_link")
        assert "language" not in entity or entity["type"] == "pre"
    check_nesting(entities)
