"""Reads fields of a platform's JSON, so that a wrong shape is one error and not five."""

from __future__ import annotations

from typing import Any, TypeVar

from chatbot.core.errors import Malformed

T = TypeVar("T")


def want(data: Any, name: str, kind: type[T]) -> T | None:
    """The field, or None when there is none. Raises Malformed when it is of another type."""
    value = data.get(name) if isinstance(data, dict) else None
    # A bool is an int to isinstance, and never to a platform.
    if value is not None and type(value) is not kind:
        raise Malformed(f"{name}: expected {kind.__name__}")
    return value


def need(data: Any, name: str, kind: type[T]) -> T:
    """The field. Raises Malformed when it is absent, empty text or of another type."""
    value = want(data, name, kind)
    if value is None or value == "":
        raise Malformed(f"{name}: missing")
    return value
