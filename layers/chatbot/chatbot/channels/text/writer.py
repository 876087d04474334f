"""Write parsed Markdown as text and spans: which characters are bold, a link, code, …."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markdown_it.token import Token

RULE = "————————"
HEADER = "header"
"""Value of the bold spans that repeat a table's headers: the first formatting to do without."""
_LINK = re.compile(r"https?://[^\s/?#]+\.\S+", re.IGNORECASE)
_STYLES = {"strong": "bold", "em": "italic", "s": "strikethrough"}


class Span(NamedTuple):
    """Characters `begin` to `end` of a text, and what they are.

    `kind` is a type of Telegram's (Bot API, MessageEntity), `value` the address of a link or the
    language of code, HEADER, or nothing.
    """

    kind: str
    begin: int
    end: int
    value: str = ""


class Writer:
    """Collects a text with its spans.

    With `links`, a link is a span; without it, its address follows its words, in parentheses.
    `witness` is the same text with all addresses, with tables in the order of their source, and
    without marks of lists, for `guard.keeps_words`.
    """

    def __init__(self, links: bool) -> None:
        self.links = links
        self.spans: list[Span] = []
        self.length = 0
        self._shown: list[str] = []
        self._witness: list[str] = []
        self._open: dict[str, list[int]] = {}
        self._link: tuple[str, int, int] | None = None

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._shown)

    @property
    def witness(self) -> str:
        """What shows that nothing was lost; see the class."""
        return "".join(self._witness)

    def write(self, text: str) -> None:
        """Add text."""
        self.show(text)
        self.testify(text)

    def show(self, text: str) -> None:
        """Add text that the witness does not have, or has in another order."""
        self._shown.append(text)
        self.length += len(text)

    def testify(self, text: str) -> None:
        """Add text to the witness only."""
        self._witness.append(text)

    def end_line(self, lines: int = 1) -> None:
        """End the current line, if anything was written, and leave `lines - 1` blank ones."""
        last = self._shown[-1] if self._shown else ""
        missing = lines - (len(last) - len(last.rstrip("\n")))
        if self.length and missing > 0:
            self.write("\n" * missing)

    def begin(self, kind: str) -> None:
        """Begin a span. Of the same kind within each other, only the outermost counts."""
        self._open.setdefault(kind, []).append(self.length)

    def end(self, kind: str) -> None:
        """End the span of this kind that was begun last."""
        begin = self._open[kind].pop()
        if not self._open[kind]:
            self.add(kind, begin)

    def add(self, kind: str, begin: int, value: str = "") -> None:
        """Add a span from `begin` to what was written last, unless it is empty."""
        if begin < self.length:
            self.spans.append(Span(kind, begin, self.length, value))

    def inline(self, tokens: Sequence[Token], line_break: str = "\n") -> None:
        """Write the children of an inline token."""
        for token in tokens:
            name, _, edge = token.type.rpartition("_")
            if token.type == "text" or name == "math":
                self.write(token.content)
            elif token.tag == "br":
                self.write(line_break)
            elif token.type == "code_inline":
                begin = self.length
                self.write(token.content)
                self.add("code", begin)
            elif token.type == "image":
                self._image(token, line_break)
            elif token.type == "link_open":
                self._link = str(token.attrs["href"]), self.length, len(self._shown)
            elif token.type == "link_close":
                self._end_link(automatic=token.info == "auto")
            elif edge == "open":
                self.begin(_STYLES[name])
            else:
                self.end(_STYLES[name])

    def _image(self, token: Token, line_break: str) -> None:
        around, self._link = self._link, None
        self.write("🖼 ")
        begin = str(token.attrs["src"]), self.length, len(self._shown)
        self.inline(list(_without_links(token.children or ())), line_break)
        self._link = begin
        self._end_link(inner=around is not None)
        self._link = around

    def _end_link(self, automatic: bool = False, inner: bool = False) -> None:
        address, begin, first = self._link or ("", self.length, len(self._shown))
        self._link = None
        if automatic or not address:
            return
        words = "".join(self._shown[first:])
        note = address.removeprefix("mailto:")
        if not words.strip():
            self.write(note)
        elif self.links and not inner and _LINK.fullmatch(address):
            self.testify(f" ({address})")
            self.add("text_link", begin, address)
        elif note == words:
            self.testify(f" ({note})")
        else:
            self.write(f" ({note})")


def _without_links(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of an image's description, without links, of which it is one itself."""
    for token in tokens:
        if token.type == "image":
            yield from _without_links(token.children or ())
        elif not token.type.startswith("link_"):
            yield token
