"""Split a long text into parts that fit a platform's limit, at the best boundaries."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from itertools import islice

from chatbot.core.graphemes import continues_character
from chatbot.core.limits import SPARE_POSTS

_PARAGRAPH = re.compile(r"\n\s*\n")
_LINE = re.compile(r"\n")
# East Asian full stops need not be followed by a space.
_SENTENCE = re.compile(r"(?:[.!?…][\"'”’»)\]]*(?=\s)|[。！？][”’」』）]*)")
_WORD = re.compile(r"\s")
_SPACE = re.compile(r"\s*")
_FILLED = (0.0, 0.5, 0.9)
"""Shares of a part's length before which it is not cut, tried in turn until there are few parts."""
# Noncharacters, which Unicode reserves for internal use: no text contains them.
_SUBSTITUTES = {ord(" "): "\ufdd0", ord("\t"): "\ufdd1", ord("\n"): "\ufdd2"}
_CONTROLS = {code: " " for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n\r"}
_ORIGINALS = _CONTROLS | {ord(hidden): chr(space) for space, hidden in _SUBSTITUTES.items()}


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units, as Telegram counts (Bot API, MessageEntity)."""
    return len(text) + sum(char > "\uffff" for char in text)


def hide_spaces(code: str, limit: int) -> str:
    """Replace the white space of a code block, so that `split_spans` drops none of it.

    The block then is not cut at all, or at line ends where it is longer than `limit`.
    `show_spaces` restores the white space.
    """
    hidden = code.translate(_SUBSTITUTES)
    return hidden if len(code) <= limit else hidden.replace(_SUBSTITUTES[ord("\n")], "\n")


def show_spaces(text: str) -> str:
    """Restore the white space that `hide_spaces` replaced, without controls (`no_controls`)."""
    return text.translate(_ORIGINALS)


def no_controls(text: str) -> str:
    """Replace each control that is no white space by a space: nobody can see it.

    Telegram does the same (tdlib/td, td/telegram/misc.cpp, clean_input_string); what Messenger's
    apps make of one is not known.
    """
    return text.translate(_CONTROLS)


def split_text(text: str, limit: int, length: Callable[[str], int] = len) -> list[str]:
    """Split into parts of at most `limit`: at paragraphs, else lines, else sentences, else words.

    Only white space is dropped, at the cuts and at both ends; a blank text has no parts. A word
    that is too long is cut, but not inside an emoji or before a combining mark if possible.
    `length` counts the units of a text; it must be additive, and no character may exceed `limit`.

    There are at most `most_posts` parts. Where cuts at the best places would give more, each part
    must be filled further, up to the limit itself.
    """
    return [text[start:end] for start, end in split_spans(text, limit, length)]


def split_spans(
    text: str,
    limit: int,
    length: Callable[[str], int] = len,
    furthest: Callable[[int], int] | None = None,
    most: int = 0,
) -> list[tuple[int, int]]:
    """Return start and end of each part of `split_text`, if possible at most `most` of them.

    `furthest` returns where a part that begins at `start` has to end for another reason than its
    length; that must be after `start`.
    """
    most = most or most_posts(text, limit, length)
    for filled in _FILLED:
        spans = list(islice(_spans(text, limit, length, furthest, filled), most + 1))
        if len(spans) <= most:
            return spans
    return list(_spans(text, limit, length, furthest, 1.0))


def most_posts(text: str, limit: int, length: Callable[[str], int] = len) -> int:
    """Return how many parts of at most `limit` a text may have."""
    return math.ceil(length(text) / limit) + SPARE_POSTS


def _spans(
    text: str,
    limit: int,
    length: Callable[[str], int],
    furthest: Callable[[int], int] | None,
    filled: float,
) -> Iterator[tuple[int, int]]:
    start = len(text) - len(text.lstrip())
    text = text.rstrip()
    while start < len(text):
        end = _longest_piece(text, start, limit, length)
        end = min(end, furthest(start)) if furthest else end
        cut = len(text) if end == len(text) else _best_cut(text, start, end, filled)
        yield start, start + len(text[start:cut].rstrip())
        space = _SPACE.match(text, cut)
        start = space.end() if space else cut


def _longest_piece(text: str, start: int, limit: int, length: Callable[[str], int]) -> int:
    """Return the end of the longest piece from `start` that is within the limit."""
    used = 0
    for index, char in enumerate(text[start : start + limit], start):
        used += length(char)
        if used > limit:
            return index
    return min(start + limit, len(text))


def _best_cut(text: str, start: int, end: int, filled: float) -> int:
    """Return the last boundary of the best kind in `text[start:end]`; `text[start]` is no space.

    At least the share `filled` of these characters is before it.
    """
    earliest = start + int((end - start) * filled)
    for boundary in (_PARAGRAPH, _LINE, _SENTENCE, _WORD):
        cut = 0
        for match in boundary.finditer(text, earliest, end + 2):
            edge = match.end() if boundary is _SENTENCE else match.start()
            cut = edge if edge <= end else cut
        if cut > start:
            return cut
    cut = end
    while cut > earliest and continues_character(text, cut, start):
        cut -= 1
    return cut if cut > earliest else end
