"""Telegram's rules for the entities of a text (Bot API, Formatting options)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

MOST = 100
"""Telegram ignores more (python-telegram-bot, MessageLimit.MESSAGE_ENTITIES)."""
STYLES = {"bold", "italic", "underline", "strikethrough", "spoiler"}
CODE = {"pre", "code"}


def check_nesting(entities: Sequence[Mapping[str, Any]]) -> None:
    """Assert that Telegram shows all of the entities, and each as it is."""
    assert len(entities) <= MOST
    for entity in entities:
        assert ("url" in entity) == (entity["type"] == "text_link")
        assert "language" not in entity or entity["type"] == "pre"
    for pair in combinations(entities, 2):
        inner, outer = sorted(pair, key=lambda each: (each["length"], each["type"] not in CODE))
        begin, end = inner["offset"], inner["offset"] + inner["length"]
        outer_end = outer["offset"] + outer["length"]
        if end <= outer["offset"] or outer_end <= begin:
            continue
        assert outer["offset"] <= begin
        assert end <= outer_end, "entities overlap in part"
        types = {inner["type"], outer["type"]}
        assert len(types) == 2, "an entity within another of its kind"
        if types & CODE:
            assert outer["type"] == "blockquote", "code in, or around, another entity"
        else:
            assert types & (STYLES | {"blockquote"}), "a link in a link"
