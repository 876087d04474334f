"""Shapes in which model servers send an answer, as public reports describe them, by name.

A message with the mark `[[shape:NAME]]` is answered in that shape.
"""

from __future__ import annotations

from local.standins import shapes_of_contents, shapes_of_streams
from local.standins.shape import SHAPES, Said, words_of

__all__ = ["SHAPES", "body_of", "shapes_of_contents", "shapes_of_streams"]


def body_of(name: str, text: str) -> str:
    """The bytes of a shape as text, for a Fault of the kind `malformed`."""
    sent = SHAPES[name].send(Said(words_of(text)))
    return b"".join(part for part in sent if isinstance(part, bytes)).decode()
