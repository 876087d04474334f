"""Read fields of a platform's JSON; anything unexpected raises the one error Malformed."""

from __future__ import annotations

from typing import Any, TypeVar

from chatbot.core.errors import Malformed

T = TypeVar("T")


def want(data: Any, name: str, kind: type[T]) -> T | None:
    """Return the optional field, or None when it is absent or `data` is not an object.

    Raises Malformed when the field has another type than `kind`.
    """
    value = data.get(name) if isinstance(data, dict) else None
    # isinstance takes a bool for an int; in JSON they are different types.
    if value is not None and type(value) is not kind:
        raise Malformed(f"{name}: expected {kind.__name__}")
    return value


def need(data: Any, name: str, kind: type[T]) -> T:
    """Return the required field. Raises Malformed when it is absent, "" or of another type."""
    value = want(data, name, kind)
    if value is None or value == "":
        raise Malformed(f"{name}: missing")
    return value
