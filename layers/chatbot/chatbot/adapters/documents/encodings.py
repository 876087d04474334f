"""Decode text that is not valid UTF-8."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

import chardet

from chatbot.core.errors import Unfetchable
from chatbot.core.file_types import has_controls

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
"""Encodings in which people's files are: those of Windows, of the older Russian consoles and of the
Mac, and of East Asia, about those of https://encoding.spec.whatwg.org. Out of all that the library
knows, it would often find a rarer one for a short text."""
_WESTERN = "cp1252"
"""The encoding of a short text in which all is then as in a Western European language: the library
takes a few accented letters for those of any alphabet."""
_ACCENTS = "À-ÏÑ-ÖØ-ÜßŒœŠšŽžŸà-ïñ-öø-üÿ"
_LETTERS = f"A-Za-z{_ACCENTS}"
_SIGNS = " \u00a0¡¿«»‹›°ºª§£€¢¥–—‘’‚“”„…·•×÷±²³¼½¾©®™µ†‡‰"
_WESTERN_TEXT = re.compile(rf"[\x00-\x7f{_LETTERS}{_SIGNS}]*")
_ACCENTED = re.compile(f"[{_ACCENTS}]")
_WITHIN_A_WORD = "[¡-¬®-¶¸-¿‚„†‡‰‹›•×÷]"
_ALIEN = re.compile(
    rf"[{_ACCENTS}]{{3}}|(?<=[{_LETTERS}]){_WITHIN_A_WORD}(?=[{_LETTERS}])|[¢£¥](?=[{_LETTERS}])"
)
_FEW = 30
"""Accented letters from which on the library knows the language itself."""
_NO_MATCH = "utf-32-be"
"""What the library is to return for bytes that no encoding fits: in this one, they are no text."""
_READABLE = 50
"""One in so many characters may be broken."""
_LOOKED_AT = 50_000
"""Bytes by which the encoding is determined."""


_SLICE = 65_536
"""Bytes that are decoded at once: a whole document would need four times its size and more."""


def decode(content: bytes, most: int) -> str:
    """Return the first `most` characters. Raises Unfetchable("unsupported") for what is no text."""
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    text = _decoded(content, marked, most) if marked else _damaged_utf8(content, most)
    if text is None and (found := _detected(content)):
        text = _decoded(content, found, most)
    if text is None or not text.is_text or text.broken * _READABLE > text.length:
        raise Unfetchable("unsupported")
    return text.beginning


@dataclass(slots=True)
class _Text:
    """What is known of a decoded text: its beginning, and counts of its characters."""

    beginning: str = ""
    length: int = 0
    broken: int = 0
    ascii: int = 0
    has_words: bool = False
    has_controls: bool = False

    @property
    def is_text(self) -> bool:
        return self.has_words and not self.has_controls


def _decoded(content: bytes, encoding: str, most: int) -> _Text:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    found = _Text()
    for start in range(0, len(content), _SLICE):
        end = start + _SLICE
        text = decoder.decode(content[start:end], final=end >= len(content))
        if len(found.beginning) < most:
            found.beginning += text[: most - len(found.beginning)]
        found.length += len(text)
        found.broken += text.count("\ufffd")
        found.ascii += len(text.encode("ascii", "ignore"))
        found.has_words = found.has_words or bool(text.strip())
        found.has_controls = found.has_controls or has_controls(text)
    return found


def _damaged_utf8(content: bytes, most: int) -> _Text | None:
    """The text when nearly all beyond ASCII is UTF-8, as in a file that was cut."""
    text = _decoded(content, "utf-8-sig", most)
    return text if text.broken * 10 < text.length - text.ascii else None


def _detected(content: bytes) -> str | None:
    """The encoding that fits the text best."""
    beyond = next((n for n, byte in enumerate(content) if byte > 0x7F), 0)
    start = max(0, beyond - _LOOKED_AT // 50)
    sample = content[start : start + _LOOKED_AT]
    if _is_western(sample):
        return _WESTERN
    found = chardet.detect(
        sample,
        include_encodings=_ENCODINGS,
        no_match_encoding=_NO_MATCH,
        empty_input_encoding=_NO_MATCH,
        prefer_superset=True,
        compat_names=False,
    )
    return found["encoding"]


def _is_western(sample: bytes) -> bool:
    """Whether the bytes read like a Western European language in `_WESTERN`, with few accents.

    Other alphabets have accented letters in a row then, and signs within words; a text in a Latin
    alphabet has far more letters without an accent.
    """
    if b"\0" in sample:
        return False
    text = sample.decode(_WESTERN, "replace")
    accented = len(_ACCENTED.findall(text))
    plain = sum(character.isascii() and character.isalpha() for character in text)
    return (
        accented < _FEW
        and plain >= 3 * accented
        and bool(_WESTERN_TEXT.fullmatch(text))
        and not _ALIEN.search(text)
    )
