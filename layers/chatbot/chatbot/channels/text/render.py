"""Write the blocks of parsed Markdown: paragraphs, headings, lists, quotes, code, tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markdown_it.token import Token

from chatbot.channels.text.markdown import parse
from chatbot.channels.text.tables import write_table
from chatbot.channels.text.writer import RULE, Writer

DEEPEST = 5
"""Levels of lists that are indented: more would leave no room on a phone."""
_STYLES: dict[str, tuple[str, ...]] = {
    "h1": ("bold", "underline"),
    "h2": ("bold", "underline"),
    **dict.fromkeys(("h3", "h4", "h5", "h6"), ("bold",)),
}


def render(markdown: str, links: bool) -> Writer:
    """Parse the Markdown and write it; see `Writer`. May raise whatever the parser raises."""
    blocks = _Blocks(markdown, Writer(links))
    tokens = parse(markdown)
    at = 0
    while at < len(tokens):
        at = blocks.write(tokens, at)
    return blocks.writer


class _Blocks:
    """Writes blocks one after another, with the blank lines between them that the source has."""

    def __init__(self, markdown: str, writer: Writer) -> None:
        self.writer = writer
        self._source = markdown.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._numbers: list[int | None] = []  # the next number of each open list, None for bullets
        self._quotes = 0
        self._marked = False  # a list's mark was written last, which text follows on the same line

    def write(self, tokens: Sequence[Token], at: int) -> int:
        """Write the block that begins at `tokens[at]`; returns where to go on."""
        token, writer = tokens[at], self.writer
        if token.type == "inline":
            writer.inline(token.children or ())
        elif token.type in ("paragraph_open", "heading_open"):
            self._begin_text(token)
            self._style(token, writer.begin)
        elif token.type == "heading_close":
            self._style(token, writer.end)
        elif token.type in ("fence", "code_block"):
            self._code(token)
        elif token.type in ("math_block", "hr"):
            self._begin(token)
            writer.write(token.content or RULE)
        elif token.type == "table_open":
            end = next(i for i in range(at, len(tokens)) if tokens[i].type == "table_close")
            self._begin(token)
            write_table(tokens[at:end], writer)
            return end + 1
        elif token.type.startswith("blockquote_"):
            self._quote(token)
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            self._numbers.append(int(token.attrs.get("start", 1)) if token.tag == "ol" else None)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            self._numbers.pop()
        elif token.type == "list_item_open":
            self._mark(token)
        elif token.type == "list_item_close":
            self._marked = False
        return at + 1

    def _begin(self, token: Token) -> None:
        """Begin a line for the block, after a blank one where the source has one."""
        line = token.map[0] if token.map else 0
        blank = line > 0 and not self._source[line - 1].strip(" \t>")
        self.writer.end_line(2 if blank and not self._marked else 1)
        self._marked = False

    def _begin_text(self, token: Token) -> None:
        if self._marked:
            self.writer.write(" ")
            self._marked = False
            return
        self._begin(token)
        self._indent()

    def _indent(self) -> None:
        depth = len(self._numbers)
        if depth > 1:
            self.writer.write("  " * min(depth - 1, DEEPEST))

    def _style(self, token: Token, change: Callable[[str], None]) -> None:
        for kind in _STYLES.get(token.tag, ()):
            change(kind)

    def _mark(self, item: Token) -> None:
        self._begin_text(item)
        number, mark = self._numbers[-1], "•"
        if number is not None:
            mark, self._numbers[-1] = f"{number}.", number + 1
        if "checked" in item.meta:
            mark = "☑" if item.meta["checked"] else "☐"
        self.writer.show(mark)
        self._marked = True

    def _code(self, token: Token) -> None:
        self._begin(token)
        begin = self.writer.length
        self.writer.write(token.content.removesuffix("\n"))
        self.writer.add("pre", begin, token.info.strip().partition(" ")[0])

    def _quote(self, token: Token) -> None:
        if token.nesting > 0:
            self._begin(token)
            self.writer.begin("blockquote")
        else:
            self.writer.end("blockquote")
