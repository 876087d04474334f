"""Files: their bytes, and those that are kept in the private bucket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """Bytes and their media type."""

    content: bytes
    type: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A picture or file of ours in the bucket, under `name`; `type` is its media type."""

    name: str
    type: str
    title: str = ""  # as the person sees it: a file's name, what a picture shows

    @property
    def is_picture(self) -> bool:
        return self.type.startswith("image/")
