"""Read fields of a platform's JSON.

Of an event, only who wrote, where and when is needed, and raises Malformed when it is unexpected.
Every other part is read by `have`: people must not lose a message because of a part of it that the
platform left out or sent in a new form.
"""

from __future__ import annotations

from typing import Any, TypeVar

from chatbot.core.errors import Malformed

T = TypeVar("T")


def have(data: Any, name: str, kind: type[T]) -> T | None:
    """Return the optional field, or None when it is absent or of another type than `kind`."""
    value = data.get(name) if isinstance(data, dict) else None
    return value if type(value) is kind else None


def have_all(data: Any, name: str, kind: type[T]) -> list[T]:
    """Return the items of an optional list that are of the type `kind`, in their order."""
    return [item for item in have(data, name, list) or [] if type(item) is kind]


def identifier(data: Any, name: str) -> str:
    """Return an id as text, also where the platform sent a number; "" when there is none."""
    value = data.get(name) if isinstance(data, dict) else None
    return str(value) if type(value) in (str, int) else ""


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
