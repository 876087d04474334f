"""Keeps words that Markdown's readers would lose, whatever is odd about the Markdown."""

from __future__ import annotations

import re

_CODE = r"(?P<code>^(?:[ >]|[-*+] |\d+[.)] )*(?P<fence>`{3,}|~{3,}).*?(?:^[ >]*(?P=fence)|\Z))"
_OUTSIDE_CODE = re.DOTALL | re.MULTILINE
_PARAGRAPHS = re.compile(rf"{_CODE}|(?<=\S)[^\S\n]*\n\s*\n(?=\S)", _OUTSIDE_CODE)
_STRONG = re.compile(rf"{_CODE}|`+[^`\n]*`+|\*\*(?=[^\s*])([^*\n]+)(?<=\S)\*\*", _OUTSIDE_CODE)
ROW = re.compile(rf"{_CODE}|^ *\|[^\n]*", _OUTSIDE_CODE)
"""A code block, which is not to be touched (`code`), or else the row of a table."""
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_HAIR_SPACE = "\u200a"
_BETWEEN = "\ufdd6"
# What need not be seen: the numbers of lists, which are counted anew, the language of code, what
# stands for another character, line breaks, ticks, white space, and ASCII's punctuation.
_SYNTAX = re.compile(
    r"^(?:[^\w\n]*\d+[.)](?=\s))+|(?:`{3}|~{3})[a-z\d+#.-]+[ \t]*$|&#?\w+;|<br\s*/?>|\[x\]|mailto:"
    r"|[\s\x00-/:-@[-`{-\x7f]",
    re.MULTILINE | re.IGNORECASE,
)


def mended(markdown: str) -> str:
    """In `**注意：**内容`, punctuation inside meets a letter: CommonMark would see no emphasis."""
    return _STRONG.sub(_spaced, markdown)


def _spaced(match: re.Match[str]) -> str:
    words, text = match[3], match.string
    if not words:
        return match[0]
    before = not words[0].isalnum() and _UNSPACED.match(text, max(match.start() - 1, 0))
    after = not words[-1].isalnum() and _UNSPACED.match(text, match.end())
    return f"{_HAIR_SPACE if before else ''}{match[0]}{_HAIR_SPACE if after else ''}"


def arrives(markdown: str, shown: str) -> bool:
    """Whether something is shown, and all words of the Markdown are, in their order.

    `shown` holds the address of a link after its words.
    """
    rest = iter(shown)
    return bool(shown.strip()) and all(char in rest for char in _SYNTAX.sub("", markdown))


def paragraphs(markdown: str) -> list[str]:
    """Pieces that can be read for themselves, so that an oddity of one spoils no other."""
    return _PARAGRAPHS.sub(lambda match: match["code"] or _BETWEEN, markdown).split(_BETWEEN)
