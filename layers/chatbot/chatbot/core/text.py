"""What is visible of a text, and what of it can be stored and posted."""

from __future__ import annotations

import unicodedata

from chatbot.core.limits import LONGEST_NAME

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
# Letters, marks and symbols that nothing is drawn for: fillers of Hangul, Khmer vowels without a
# sound, Mongolian and other variation selectors, the grapheme joiner, and the empty braille
# pattern and notehead (Unicode, Default_Ignorable_Code_Point, U+2800, U+1D159).
_INVISIBLE = (
    frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U0001d159")
    | frozenset(map(chr, range(0xFE00, 0xFE10)))
    | frozenset(map(chr, range(0xE0100, 0xE01F0)))
)

_MARKS = frozenset('"#*:<>[]`{|}\\\ufe13\ufe30\ufe55\uff1a\ua789\u2236\u02d0\u05c3\u0589')
"""Marks that a prompt or Markdown reads as structure, and characters that look like a colon."""


def shows_nothing(text: str) -> bool:
    """Whether nobody could see anything of the text: it is empty, blank or has no visible glyph."""
    return all(
        char in _INVISIBLE or unicodedata.category(char) in _INVISIBLE_CATEGORIES for char in text
    )


def as_name(text: str) -> str:
    """A person's name for a prompt: one line, at most LONGEST_NAME characters, without marks.

    Marks that end a name (`Eve: …`), begin a quote or imitate a placeholder are left out, as well
    as characters that cannot be seen, or that turn the direction of the text (categories Cc, Cf).
    """
    text = "".join(" " if char in _MARKS else char for char in text if _is_shown(char))
    return " ".join(text.split())[:LONGEST_NAME].rstrip()


def _is_shown(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def storable(text: str) -> str:
    """The text without what some store or platform refuses: NUL, and halves of characters.

    Each becomes U+FFFD, as in CommonMark ("Insecure characters") and in Unicode ("U+FFFD
    Substitution in Conversion"). Two halves that belong together are joined.
    """
    if text.isascii():
        return text.replace("\0", "\ufffd")
    whole = text.replace("\0", "\ufffd").encode("utf-16-le", "surrogatepass")
    return whole.decode("utf-16-le", "replace")
