"""Files in memory, and references to files in the private bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """Content in bytes and its media type, such as "image/png"."""

    content: bytes
    type: str


@dataclass(frozen=True, slots=True)
class FileStream:
    """A file of `size` bytes that is read in pieces, by `chunks`, which reads it anew at each call.

    Whoever does not read it calls `close`. Reading raises FilesUnavailable.
    """

    type: str
    size: int
    chunks: Callable[[], Iterator[bytes]]
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Reference to a generated file in the bucket.

    `name` is the object's key, `type` its media type, `title` what people see: the file name of a
    document, the prompt of a picture.
    """

    name: str
    type: str
    title: str = ""

    @property
    def is_picture(self) -> bool:
        """Whether platforms should show it as a picture."""
        return self.type.startswith("image/")
