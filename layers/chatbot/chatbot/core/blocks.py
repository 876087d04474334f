r"""Find the blocks of Markdown in which nothing is formatted: fenced code, and formulas.

The rules are those of CommonMark ("Fenced code blocks", "Container blocks", "Laziness"): such a
block ends with its own fence, or with the list item or quote that it is in. A formula of this kind
has several lines, and no blank one unless `$$` or `\[` is all of the first. What stands in links or
in HTML does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

MOST_NESTING = 40
"""List items and quotes within each other that are looked at."""
_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(
    r"(?P<mark> {0,3}(?:[-+*]|(?P<number>\d{1,9})[.)]))(?: {1,4}(?=[^ ])| (?= )|(?P<empty> ?$))"
)
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}(?=[^`]*$)|~{3,})")
_FORMULA = re.compile(r" {0,3}(?P<opening>\$\$|\\\[)(?P<first>.*)")
_AFTER_FORMULA = re.compile(r"[\s.,;:!?]*")
_CLOSING = {"$$": "$$", r"\[": r"\]"}
_NO_PARAGRAPH = re.compile(
    r" {0,3}(?:#{1,6}(?: |$)|([-*_])(?: *\1){2,} *$|[-=]+ *$)|\s*$"
)  # headings, their underlines, and rules
_RULE = re.compile(r" {0,3}([-*_])(?: *\1){2,} *$")
# Outside of lists and quotes, no other line can begin one of them or a block.
_START = re.compile(r"^[ \t]*(?:[-+*>]|\d{1,9}[.)]|`{3}|~{3}|\$\$|\\\[)", re.MULTILINE)


class Block(NamedTuple):
    """Fenced code or a formula, with its delimiters: the characters `begin` to `end`.

    `closing` is the line that ends it where the text does not, else "".
    """

    begin: int
    end: int
    closing: str


def blocks(markdown: str) -> Iterator[Block]:
    """Yield the code blocks between fences, and the formulas of several lines, in order."""
    return _Reader(markdown).read()


class _Reader:
    """Reads a text line by line.

    `_containers` are the open list items and quotes, the outermost first: the width of an item's
    indentation, 0 for a quote. `_opened` is the fence or delimiter of the block that is open.
    """

    def __init__(self, markdown: str) -> None:
        self._text = markdown
        self._containers: list[int] = []
        self._paragraph = False  # the line before was part of a paragraph
        self._opened = ""
        self._begin = 0
        self._blank_lines = True  # the open block may have such lines
        self._no_formula = dict.fromkeys(_CLOSING, 0)  # where the next one may begin

    def read(self) -> Iterator[Block]:
        at, length = 0, len(self._text)
        while at <= length:
            if not self._opened and not self._containers:
                at = self._next_start(at)
            end = self._text.find("\n", at)
            end = end if end >= 0 else length
            line = self._text[at:end].expandtabs(4).rstrip("\r")
            depth, rest = _inside(line, self._containers)
            if self._opened:
                ended = depth < len(self._containers)
                if self._opened in _CLOSING and (ended or self._ends_no_formula(rest)):
                    at = self._forget_formula(at)
                    continue
                if ended:
                    self._opened = ""
                    yield Block(self._begin, at - 1, "")
                elif self._is_end(rest):
                    self._opened = ""
                    yield Block(self._begin, end, "")
                    at = end + 1
                    continue
            if not self._opened:
                self._read_line(at, depth, rest)
            at = end + 1
            if at > length and self._opened and not self._blank_lines:
                at = self._forget_formula(at)
        if self._opened:
            yield Block(self._begin, length, self._closing_line())

    def _next_start(self, at: int) -> int:
        """Where to go on outside of lists and quotes."""
        match = _START.search(self._text, at)
        start = match.start() if match else len(self._text)
        if start > at:
            before = self._text[self._text.rfind("\n", 0, start - 1) + 1 : start - 1]
            self._paragraph = not _NO_PARAGRAPH.match(before)
        return start

    def _read_line(self, at: int, depth: int, rest: str) -> None:
        """Take a line in which no block is open; `rest` is what it has in `depth` containers."""
        added: list[int] = []
        interrupts = self._paragraph and depth == len(self._containers)
        while depth + len(added) < MOST_NESTING:
            width, after = _container(rest, interrupts and not added)
            if width < 0:
                break
            added.append(width)
            rest = after
        fence, formula = _FENCE.match(rest), self._formula(at, rest)
        text = not (fence or formula or _NO_PARAGRAPH.match(rest))
        if added or not (text and self._paragraph):  # else it may continue the paragraph ("lazy")
            self._containers[depth:] = added
        continued = self._paragraph and not added
        self._paragraph = text and (continued or not rest.startswith("    "))
        if fence:
            self._begin, self._opened, self._blank_lines = at, fence["fence"], True
        elif formula:
            self._begin, self._opened = at, formula["opening"]
            self._blank_lines = not formula["first"].strip()

    def _formula(self, at: int, rest: str) -> re.Match[str] | None:
        """Return the beginning of a formula of several lines."""
        match = _FORMULA.match(rest)
        if not match or at < self._no_formula[match["opening"]]:
            return None
        return None if _CLOSING[match["opening"]] in match["first"] else match

    def _is_end(self, rest: str) -> bool:
        if self._opened in _CLOSING:
            return _CLOSING[self._opened] in rest
        end = _FENCE.match(rest)
        return bool(end and end["fence"].startswith(self._opened) and not rest[end.end() :].strip())

    def _ends_no_formula(self, rest: str) -> bool:
        """Whether the line shows that none was open: words after the end, or a blank line."""
        _, closing, after = rest.partition(_CLOSING[self._opened])
        if closing:
            return not _AFTER_FORMULA.fullmatch(after)
        return not self._blank_lines and not rest.strip()

    def _forget_formula(self, at: int) -> int:
        """Return where to go on: what seemed to be a formula was text, as it ends at `at`.

        None can begin before that, as it would end there too. So no line is read a third time.
        """
        self._no_formula[self._opened] = at
        self._opened = ""
        return self._text.find("\n", self._begin) + 1

    def _closing_line(self) -> str:
        closing = _CLOSING.get(self._opened, self._opened)
        return "".join(" " * width or "> " for width in self._containers) + closing


def _inside(line: str, containers: list[int]) -> tuple[int, str]:
    """Return in how many of the containers the line is, and what it has there."""
    for depth, width in enumerate(containers):
        quote = None if width else _QUOTE.match(line)
        if quote:
            line = line[quote.end() :]
        elif width and (line.startswith(" " * width) or not line.strip()):
            line = line[width:]
        else:
            return depth, line
    return len(containers), line


def _container(text: str, interrupts: bool) -> tuple[int, str]:
    """Return the width of the list item that begins here, or 0 for a quote, and what follows.

    The width is -1 where none begins. One that interrupts a paragraph has text and, if it has a
    number, the number 1.
    """
    quote = _QUOTE.match(text)
    if quote:
        return 0, text[quote.end() :]
    item = None if _RULE.match(text) else _ITEM.match(text)
    if item is None:
        return -1, text
    empty = item["empty"] is not None
    if interrupts and (empty or item["number"] not in (None, "1")):
        return -1, text
    width = item.end("mark") + 1 if empty else item.end()
    return width, text[item.end() :]
