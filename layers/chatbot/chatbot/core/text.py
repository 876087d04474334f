"""What is visible of a text."""

from __future__ import annotations

import unicodedata

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
# Letters, marks and symbols that nothing is drawn for: fillers of Hangul, Khmer vowels without a
# sound, Mongolian and other variation selectors, the grapheme joiner, and the empty braille
# pattern and notehead (Unicode, Default_Ignorable_Code_Point, U+2800, U+1D159).
_INVISIBLE = (
    frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U0001d159")
    | frozenset(map(chr, range(0xFE00, 0xFE10)))
    | frozenset(map(chr, range(0xE0100, 0xE01F0)))
)


def shows_nothing(text: str) -> bool:
    """Whether nobody could see anything of the text: it is empty, blank or has no visible glyph."""
    return all(
        char in _INVISIBLE or unicodedata.category(char) in _INVISIBLE_CATEGORIES for char in text
    )
