"""Decode text that is not valid UTF-8."""

from __future__ import annotations

import codecs
import re

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
    """The text by the encoding that fits it best; "" for none."""
    beyond = next((n for n, byte in enumerate(content) if byte > 0x7F), 0)
    start = max(0, beyond - _LOOKED_AT // 50)
    sample = content[start : start + _LOOKED_AT]
    if _is_western(sample):
        return content.decode(_WESTERN, "replace")
    found = chardet.detect(
        sample,
        include_encodings=_ENCODINGS,
        no_match_encoding=_NO_MATCH,
        empty_input_encoding=_NO_MATCH,
        prefer_superset=True,
        compat_names=False,
    )
    return content.decode(found["encoding"], "replace") if found["encoding"] else ""


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
