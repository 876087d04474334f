"""Check that a conversion lost nothing of unusual Markdown, and divide it where it did."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence

from markdown_it.common.utils import unescapeAll

from chatbot.channels.text.addresses import addresses_in
from chatbot.core.blocks import blocks
from chatbot.core.text import shows_nothing

_BLANK_LINE = re.compile(r"(?<=\S)[^\S\n]*\n\s*\n(?=\S)")
# A word with the gap before it, in which "<" is a `<br>`. The last gap has none: it must match, or
# it would be searched again from each of its characters.
_WORD = re.compile(r"([\s<]*)([^\s<]+|\Z)")
# What a conversion may drop: numbers of lists, which it counts itself, the language of code blocks,
# HTML entities, `<br>`, check marks, white space and ASCII punctuation.
_SYNTAX = re.compile(
    r"^(?:(?:[^\w\n]|(?<=\[)x(?=\]))*\d+[.)](?=\s))+|(?:`{3}|~{3})[a-z\d+#.-]+[ \t]*$|&#?\w+;"
    r"|(?P<gap><br\s*/?>|\s)|\[x\]|mailto:|[\x00-/:-@[-`{-\x7f]",
    re.MULTILINE | re.IGNORECASE,
)


def keeps_words(markdown: str, shown: str) -> bool:
    """Whether `shown` has all words and addresses of the Markdown in their order, and is not blank.

    Words that have white space between them must have white space between them in `shown`, too.
    There, a link's address must follow its words, and lists have no numbers.
    """
    return (
        not shows_nothing(shown)
        and _has_words(markdown, shown)
        and _has_addresses(addresses_in(markdown), shown)
    )


def _has_words(markdown: str, shown: str) -> bool:
    words = _SYNTAX.sub(lambda match: (match["gap"] or "")[:1], markdown).strip()
    rest = iter(shown)  # goes on after what was found last
    for gap, word in _WORD.findall(words):
        if not word:
            break
        between = "" if gap.strip("<") else "<"  # a `<br>` in code stays one
        if gap and not any(char.isspace() or char == between for char in rest):
            return False
        if not all(char in rest for char in word):
            return False
    return True


def _has_addresses(addresses: Sequence[str], shown: str) -> bool:
    at = 0
    for address in addresses:
        for form in (address, unescapeAll(address)):
            place = shown.find(form, at)
            if place >= 0:
                at = place + len(form)
                break
        else:
            return False
    return True


def paragraphs(markdown: str) -> list[str]:
    """Split Markdown at blank lines outside of code and formulas.

    Each piece can be converted by itself.
    """
    pieces, begin = [], 0
    whole = deque(blocks(markdown))
    for gap in _BLANK_LINE.finditer(markdown):
        while whole and whole[0].end <= gap.start():
            whole.popleft()
        if not whole or gap.end() <= whole[0].begin:
            pieces.append(markdown[begin : gap.start()])
            begin = gap.end()
    return [*pieces, markdown[begin:]]


def growing_most(growth: Sequence[int], excess: int) -> Iterator[int]:
    """Yield which pieces, the fewest, to leave as they are, so that all get shorter by `excess`.

    `growth` is by how much the conversion made each of them longer.
    """
    for index in sorted(range(len(growth)), key=lambda index: -growth[index]):
        if excess <= 0 or growth[index] <= 0:
            break
        excess -= growth[index]
        yield index
