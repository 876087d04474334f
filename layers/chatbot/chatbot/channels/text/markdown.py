"""Parse a model's Markdown, for all channels in the same way.

It is CommonMark with tables, strikethrough and task lists of GitHub Flavored Markdown, addresses
that are links by themselves (`addresses`), formulas (`formulas`), and `<br>`, the only HTML that
models write: in tables, where Markdown has no line break. Any other HTML is text.
"""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

from chatbot.channels.text.addresses import START, address
from chatbot.channels.text.formulas import formula, formula_block
from chatbot.core.limits import MOST_NESTING, MOST_TOKENS_OF_MARKDOWN, SPARE_CELLS

_NOT_TEXT = re.compile(rf"[\n!$&*<\[\\\]_`~]|{START}")
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# Scripts that are written without spaces between words.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class Parser(MarkdownIt):
    """The parser. Threads may share it."""

    def __init__(self) -> None:
        options = {"html": False, "xhtmlOut": False, "breaks": True, "tasklists": True}
        super().__init__("commonmark", {**options, "maxNesting": MOST_NESTING})
        self.enable(["table", "strikethrough"])
        rules = self.inline.ruler
        rules.at("text", _text)
        rules.at("emphasis", _emphasis)
        rules.after("text", "address", address)
        rules.before("escape", "formula", formula)
        rules.before("autolink", "line_break", _line_break)
        self.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
        ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
        self.block.ruler.before("fence", "formula_block", formula_block, ends)
        self.render("rules are compiled at first use, which threads must not do at once")

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        """Return the address as it is written (markdown-it-py, normalizeLink)."""
        return url

    def normalizeLinkText(self, url: str) -> str:  # noqa: N802
        """Return the address as it is written (markdown-it-py, normalizeLinkText)."""
        return url

    def validateLink(self, url: str) -> bool:  # noqa: N802
        """Accept any link (markdown-it-py, validateLink): channels decide which they make."""
        return True

    def encoded(self, url: str) -> str:
        """Return the address in ASCII, as HTML needs it (markdown-it-py, normalizeLink)."""
        return super().normalizeLink(url)


@cache
def parser() -> Parser:
    """The one parser of this process, made when it is first needed."""
    return Parser()


class TooMuch(Exception):
    """The Markdown, or what it is converted to, exceeds a bound: it is shown as it is written."""


class TooLong(TooMuch):
    """What the Markdown is converted to is too long: paragraphs of it may still be converted."""


def parse(markdown: str) -> list[Token]:
    """Return the tokens of the Markdown (markdown-it-py, Token). What is too deep is missing.

    Raises TooMuch for more than MOST_TOKENS_OF_MARKDOWN.
    """
    tokens = parser().parse(markdown)
    if len(tokens) + sum(len(each.children or ()) for each in tokens) > MOST_TOKENS_OF_MARKDOWN:
        raise TooMuch
    return tokens


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Block rule: a table. It ends where empty cells would make it far larger than its source."""
    found: bool = table(state, start, end, True)
    if silent or not found:
        return found
    columns = state.src.count("|", state.bMarks[start + 1], state.eMarks[start + 1]) + 1
    line, first = start + 2, state.bMarks[start]
    while line < end and not _ends_table(state, line, end):
        if columns * (line - start) > state.eMarks[line] - first + SPARE_CELLS:
            break
        line += 1
    return table(state, start, line, False)


def _ends_table(state: StateBlock, line: int, end: int) -> bool:
    """Whether no table goes on in this line (markdown-it-py, rules_block/table.py).

    Without it, each of many short tables would look at all lines after it.
    """
    if state.isEmpty(line) or state.sCount[line] < state.blkIndent or state.is_code_block(line):
        return True
    return any(rule(state, line, end, True) for rule in state.md.block.ruler.getRules("blockquote"))


def _text(state: StateInline, silent: bool) -> bool:
    """Inline rule: take what surely is text."""
    other = _NOT_TEXT.search(state.src, state.pos, state.posMax)
    end = other.start() if other else state.posMax
    if end == state.pos:
        return False
    if not silent:
        state.append_pending(state.src[state.pos : end])
    state.pos = end
    return True


def _line_break(state: StateInline, silent: bool) -> bool:
    """Inline rule: `<br>` breaks the line."""
    match = _LINE_BREAK.match(state.src, state.pos, state.posMax)
    if match and not silent:
        state.push("hardbreak", "br", 0)
    state.pos = match.end() if match else state.pos
    return match is not None


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Inline rule: mark `*` and `_` (markdown-it-py, rules_inline/emphasis.py).

    In scripts without spaces, as in `**注意：**内容`, CommonMark would not close what follows
    punctuation and precedes a letter; here, a neighbour in such a script counts as a space
    (markdown-cjk-friendly, "Spec").
    """
    source, start = state.src, state.pos
    marker = source[start]
    if silent or marker not in "*_":
        return False
    opens, closes, length = state.scanDelims(start, marker == "*")
    before, after = source[start - 1 : start], source[start + length : start + length + 1]
    if marker == "*" and _UNSPACED.match(before):
        opens = opens or bool(after.strip())
    if marker == "*" and _UNSPACED.match(after):
        closes = closes or bool(before.strip())
    for _ in range(length):
        state.push("text", "", 0).content = marker
        place = len(state.tokens) - 1
        state.delimiters.append(Delimiter(ord(marker), length, place, -1, opens, closes))
    state.pos += length
    return True
