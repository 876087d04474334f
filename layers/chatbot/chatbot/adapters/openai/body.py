"""Send pictures as `data:` URLs that never exist as a whole.

A picture in base64, in JSON, in bytes would be three copies of it, each a third larger.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chatbot.core.files import File
from chatbot.core.limits import in_base64

_SLICE = 48 * 1024
"""Bytes that are encoded at once: a multiple of three."""


@dataclass(frozen=True, slots=True)
class DataUrl:
    """The `data:` URL of a picture, as a value of a body."""

    file: File

    def __len__(self) -> int:
        """Return its length in characters."""
        return len(self._beginning) + in_base64(len(self.file.content))

    def chunks(self) -> Iterator[bytes]:
        """Yield it in pieces."""
        yield self._beginning
        content = memoryview(self.file.content)
        for start in range(0, len(content), _SLICE):
            yield b64encode(content[start : start + _SLICE])

    @property
    def _beginning(self) -> bytes:
        return f"data:{self.file.type};base64,".encode()


class Body:
    """A body in JSON, whose values may be DataUrls."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._urls: list[DataUrl] = []
        mark = os.urandom(16).hex()  # nobody can write it into a prompt

        def placeholder(value: DataUrl) -> str:
            self._urls.append(value)
            return mark

        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=placeholder)
        # Half of a surrogate pair cannot be encoded, but must not cost the answer.
        self._texts = [part.encode("utf-8", "replace") for part in text.split(mark)]

    def __len__(self) -> int:
        """Return its length in bytes."""
        return sum(map(len, self._texts)) + sum(map(len, self._urls))

    def chunks(self) -> Iterator[bytes]:
        """Yield it in pieces."""
        for number, text in enumerate(self._texts):
            if number:
                yield from self._urls[number - 1].chunks()
            yield text
