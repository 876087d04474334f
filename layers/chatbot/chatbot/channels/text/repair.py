"""Find and avoid words that a Markdown parser would lose in unusual Markdown."""

from __future__ import annotations

import re

_CODE = r"(?P<code>^(?:[ >]|[-*+] |\d+[.)] )*(?P<fence>`{3,}|~{3,}).*?(?:^[ >]*(?P=fence)|\Z))"
_OUTSIDE_CODE = re.DOTALL | re.MULTILINE
_PARAGRAPHS = re.compile(rf"{_CODE}|(?<=\S)[^\S\n]*\n\s*\n(?=\S)", _OUTSIDE_CODE)
_STRONG = re.compile(rf"{_CODE}|`+[^`\n]*`+|\*\*(?=[^\s*])([^*\n]+)(?<=\S)\*\*", _OUTSIDE_CODE)
TABLE_ROW = re.compile(rf"{_CODE}|^ *\|[^\n]*", _OUTSIDE_CODE)
"""Matches a row of a table, or a code block (group `code`), which is to be left unchanged."""
_UNSPACED_SCRIPT = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_HAIR_SPACE = "\u200a"
_SEPARATOR = "\ufdd6"
# What a conversion may drop: numbers of lists, which it counts itself, the language of code blocks,
# HTML entities, `<br>`, check marks, white space and ASCII punctuation.
_SYNTAX = re.compile(
    r"^(?:[^\w\n]*\d+[.)](?=\s))+|(?:`{3}|~{3})[a-z\d+#.-]+[ \t]*$|&#?\w+;|<br\s*/?>|\[x\]|mailto:"
    r"|[\s\x00-/:-@[-`{-\x7f]",
    re.MULTILINE | re.IGNORECASE,
)


def repaired(markdown: str) -> str:
    """Add hair spaces where CommonMark would not recognise emphasis, as in `**注意：**内容`.

    There the closing `**` follows punctuation and precedes a letter (CommonMark, right-flanking
    delimiter run); languages that write no spaces between words need this.
    """
    return _STRONG.sub(_with_hair_spaces, markdown)


def _with_hair_spaces(match: re.Match[str]) -> str:
    words, text = match[3], match.string
    if not words:
        return match[0]
    before = not words[0].isalnum() and _UNSPACED_SCRIPT.match(text, max(match.start() - 1, 0))
    after = not words[-1].isalnum() and _UNSPACED_SCRIPT.match(text, match.end())
    return f"{_HAIR_SPACE if before else ''}{match[0]}{_HAIR_SPACE if after else ''}"


def keeps_words(markdown: str, shown: str) -> bool:
    """Whether `shown` is not blank and has all words of the Markdown, in the same order.

    In `shown`, a link's address must follow its words.
    """
    rest = iter(shown)
    return bool(shown.strip()) and all(char in rest for char in _SYNTAX.sub("", markdown))


def paragraphs(markdown: str) -> list[str]:
    """Split Markdown at blank lines outside of code; each piece can be converted by itself."""
    return _PARAGRAPHS.sub(lambda match: match["code"] or _SEPARATOR, markdown).split(_SEPARATOR)
