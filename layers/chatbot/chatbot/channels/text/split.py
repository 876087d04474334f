"""Cuts a long text into parts that a platform takes: where it reads best, and all of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

_PARAGRAPH = re.compile(r"\n\s*\n")
_LINE = re.compile(r"\n")
# East Asian full stops need no space after them.
_SENTENCE = re.compile(r"(?:[.!?…][\"'”’»)\]]*(?=\s)|[。！？][”’」』）]*)")
_WORD = re.compile(r"\s")
_SPACE = re.compile(r"\s*")
# Unicode sets these aside for use inside a program: no text holds them.
_HIDDEN = {ord(" "): "\ufdd0", ord("\t"): "\ufdd1", ord("\n"): "\ufdd2"}
_SHOWN = {ord(hidden): chr(space) for space, hidden in _HIDDEN.items()}


def utf16_length(text: str) -> int:
    """Length in UTF-16 code units, as Telegram counts (Bot API, MessageEntity)."""
    return len(text) + sum(char > "\uffff" for char in text)


def bound(code: str, limit: int) -> str:
    """`code` with its white space hidden, so that none is lost at cuts, until `unbound`.

    It is not cut where it can help it, and at the ends of lines where it is longer than `limit`.
    """
    hidden = code.translate(_HIDDEN)
    return hidden if len(code) <= limit else hidden.replace(_HIDDEN[ord("\n")], "\n")


def unbound(text: str) -> str:
    return text.translate(_SHOWN)


def split_text(text: str, limit: int, length: Callable[[str], int] = len) -> list[str]:
    """Parts of at most `limit`, in order; cut at paragraphs, else sentences, else words.

    Only white space is lost, at the cuts and at both ends; a text of nothing else has no parts.
    A run without any is cut anywhere but inside a character. `length` must be additive, and no
    character longer than `limit`.
    """
    return [text[start:end] for start, end in split_spans(text, limit, length)]


def split_spans(
    text: str, limit: int, length: Callable[[str], int] = len
) -> Iterator[tuple[int, int]]:
    """Where the parts of `split_text` begin and end."""
    start = len(text) - len(text.lstrip())
    text = text.rstrip()
    while start < len(text):
        end = _reach(text, start, limit, length)
        cut = len(text) if end == len(text) else _best_cut(text, start, end)
        yield start, start + len(text[start:cut].rstrip())
        space = _SPACE.match(text, cut)
        start = space.end() if space else cut


def _reach(text: str, start: int, limit: int, length: Callable[[str], int]) -> int:
    """The end of the longest piece from `start` that is within the limit."""
    used = 0
    for index, char in enumerate(text[start : start + limit], start):
        used += length(char)
        if used > limit:
            return index
    return min(start + limit, len(text))


def _best_cut(text: str, start: int, end: int) -> int:
    """The last boundary of the best kind in `text[start:end]`; `text[start]` is no space."""
    for boundary in (_PARAGRAPH, _LINE, _SENTENCE, _WORD):
        cut = 0
        for match in boundary.finditer(text, start, end + 2):
            edge = match.end() if boundary is _SENTENCE else match.start()
            cut = edge if edge <= end else cut
        if cut:
            return cut
    cut = end
    while cut > start and _joins(text, cut):
        cut -= 1
    return cut if cut > start else end


def _joins(text: str, index: int) -> bool:
    """Whether the character at `index` is drawn together with the one before it."""
    char = text[index]
    return (
        unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf")
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or text[index - 1] == "\u200d"
    )
