"""Find out where a text must not be cut: within what is displayed as one character.

The rules are those of Unicode for grapheme clusters (UAX #29, GB3 to GB13), with the general
categories that Python knows in place of the property tables. Where they differ, a few more
characters are kept together than Unicode asks for, and none fewer.
"""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_VIRAMA = 9  # the canonical combining class of signs that join two letters (UAX #44)
# Arabic and other numbers' signs and letters that come before what they belong to (UAX #29, GB9b).
_PREPENDED = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd"
    "\U000111c2\U000111c3\U000113d1\U0001193f\U00011941\U00011a3a\U00011a84\U00011a85\U00011a86"
    "\U00011a87\U00011a88\U00011a89\U00011d46\U00011f02"
)


def continues_character(text: str, index: int, start: int = 0) -> bool:
    """Whether the character at `index` is displayed as one with the character before it.

    What is before `start` does not count, where the text was cut before.
    """
    before, char = text[index - 1], text[index]
    if char.isascii() and before.isascii():
        return (before, char) == ("\r", "\n")
    return (
        _extends(char)
        or before == _JOINER  # GB11, and GB9c for letters
        or before in _PREPENDED
        or (
            _is_flag_half(char)
            and _is_flag_half(before)
            and _flag_halves(text, index, start) % 2 == 1
        )
        or _is_hangul_syllable(before, char)
        or (unicodedata.category(char) == "Lo" and _follows_virama(text, index, start))
    )


def _extends(char: str) -> bool:
    """Whether it is a combining mark, a skin tone, or changes what is before it (GB9, GB9a)."""
    return (
        (unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf") and char not in _PREPENDED)
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or char in "\uff9e\uff9f\u0e33\u0eb3"
    )


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _flag_halves(text: str, index: int, start: int) -> int:
    """Count the regional indicators right before `index`: two of them are a flag (GB12, GB13)."""
    first = index
    while first > start and _is_flag_half(text[first - 1]):
        first -= 1
    return index - first


def _is_hangul_syllable(before: str, char: str) -> bool:
    """Whether two jamo belong to one syllable (GB6, GB7, GB8)."""
    first, second = _jamo(before), _jamo(char)
    return bool(first and second) and second[0] in {"L": "LV", "V": "VT", "T": "T"}[first[-1]]


def _jamo(char: str) -> str:
    """Return the kinds of jamo of which the character consists: L, V, T, LV, LVT, or "" ."""
    if "\uac00" <= char <= "\ud7a3":
        return "LV" if (ord(char) - 0xAC00) % 28 == 0 else "LVT"
    if "\u1100" <= char <= "\u115f" or "\ua960" <= char <= "\ua97c":
        return "L"
    if "\u1160" <= char <= "\u11a7" or "\ud7b0" <= char <= "\ud7c6":
        return "V"
    if "\u11a8" <= char <= "\u11ff" or "\ud7cb" <= char <= "\ud7fb":
        return "T"
    return ""


def _follows_virama(text: str, index: int, start: int) -> bool:
    """Whether a virama is among the marks right before `index` (GB9c)."""
    at = index - 1
    while at > start and unicodedata.category(text[at]) in ("Mn", "Mc", "Cf"):
        if unicodedata.combining(text[at]) == _VIRAMA:
            return True
        at -= 1
    return False
