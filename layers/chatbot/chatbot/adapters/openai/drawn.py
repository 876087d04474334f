"""Take a drawn picture out of the body that it comes in, without further copies of it."""

from __future__ import annotations

import base64
import re

from chatbot.core.file_types import PICTURES, type_of
from chatbot.core.files import File

_PICTURE = re.compile(rb'"b64_json"\s*:\s*"([\w+/=\\-]+)"', re.ASCII)
_ESCAPES = ((rb"\/", b"/"), (rb"\n", b""), (rb"\r", b""))
"""What an encoder of JSON may make of base64."""


def picture_in(body: bytearray) -> File | None:
    """The first picture in a body in JSON; None when it has none as base64.

    Read as JSON, the body would need three times its size. Raises ValueError when it is no picture.
    """
    found = _PICTURE.search(body)
    if not found:
        return None
    begin, end = found.span(1)
    with memoryview(body)[begin:end] as encoded:
        if body.find(b"\\", begin, end) < 0:
            return picture_of(base64.b64decode(encoded))
        plain = bytes(encoded)
    for escape, meant in _ESCAPES:
        plain = plain.replace(escape, meant)
    return picture_of(base64.b64decode(plain))


def picture_of(content: bytes) -> File:
    """The content as a picture. Raises ValueError when it is none."""
    file = File(content, type_of(content))
    if file.type not in PICTURES:
        raise ValueError("no picture")
    return file
