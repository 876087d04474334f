"""Decode text that is not valid UTF-8."""

from __future__ import annotations

import codecs

import chardet

from chatbot.core.errors import Unfetchable
from chatbot.core.file_types import is_text

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; that of UTF-32 begins with that of UTF-16."""
_ENCODINGS = (
    *("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("cp874", "koi8-r", "koi8-u", "cp866", "mac-roman"),
    *("gb18030", "big5hkscs", "cp932", "euc_jis_2004", "cp949"),
)
"""Encodings in which people's files are: those of Windows, of its older consoles and of the Mac,
and of East Asia, about those of https://encoding.spec.whatwg.org. Out of all that the library
knows, it would often find a rarer one for a short text."""
_NO_MATCH = "utf-32-be"
"""What the library is to return for bytes that no encoding fits: in this one, they are no text."""
_READABLE = 50
"""One in so many characters may be broken."""
_LOOKED_AT = 50_000
"""Bytes by which the encoding is determined."""


def decode(content: bytes) -> str:
    """Return the text. Raises Unfetchable("unsupported") for what is no text."""
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if marked:
        text = content.decode(marked, "replace")
    else:
        text = _damaged_utf8(content) or _detected(content)
    if not is_text(text) or text.count("\ufffd") * _READABLE > len(text):
        raise Unfetchable("unsupported")
    return text


def _damaged_utf8(content: bytes) -> str:
    """The text when nearly all beyond ASCII is UTF-8, as in a file that was cut; else ""."""
    text = content.decode("utf-8-sig", "replace")
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return text if text.count("\ufffd") * 10 < beyond_ascii else ""


def _detected(content: bytes) -> str:
    """The text by the encoding that the library finds; "" for none."""
    found = chardet.detect(
        content[:_LOOKED_AT],
        include_encodings=_ENCODINGS,
        no_match_encoding=_NO_MATCH,
        empty_input_encoding=_NO_MATCH,
        prefer_superset=True,
        compat_names=False,
    )
    return content.decode(found["encoding"], "replace") if found["encoding"] else ""
