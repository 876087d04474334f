r"""Recognise formulas in Markdown, which keep every character: `\( \)`, `\[ \]`, `$$ $$`, `$ $`.

The delimiters in dollars follow pandoc's rule ("Extension: tex_math_dollars"): the opening `$` has
a character right after it, the closing one a character right before it and no digit after it. So
prices in dollars are no formulas. As on GitHub ("Writing mathematical expressions"), code may stand
in a formula only as a whole: $`a`$.
"""

from __future__ import annotations

import re

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

# Each alternative begins with another character, so that a search is linear.
_INLINE = {
    r"\(": re.compile(r"\\\((?:[^\\]|\\(?!\)).)+?\\\)", re.DOTALL),
    r"\[": re.compile(r"\\\[(?:[^\\]|\\(?!\]).)+?\\\]", re.DOTALL),
    "$$": re.compile(r"\$\$(?:[^$\\]|\\.|\$(?!\$))+\$\$", re.DOTALL),
    "$": re.compile(
        r"(?<![A-Za-z0-9])\$(?:`[^`$]+`|(?=[^\s$])(?:[^$\\`]|\\.)*(?<!\s))\$(?!\d)", re.DOTALL
    ),
}
_CLOSING = {"$$": "$$", r"\[": r"\]"}
_AFTER_BLOCK = re.compile(r"[\s.,;:!?]*")


def formula(state: StateInline, silent: bool) -> bool:
    """Inline rule of markdown-it: a formula within a paragraph is text that is not parsed."""
    source, start, end = state.src, state.pos, state.posMax
    opening = source[start : start + 2]
    opening = opening if opening in _INLINE else opening[:1]
    # One that is not closed is searched for but once, or many would take quadratic time.
    unclosed = state.env.setdefault("unclosed", {})
    if opening not in _INLINE or unclosed.get((opening, end)) is source:
        return False
    match = _INLINE[opening].match(source, start, end)
    if match is None:
        if opening != "$":  # which may still be closed for one that follows
            unclosed[opening, end] = source
        return False
    if not silent:
        state.push("math_inline", "span", 0).content = match[0]
    state.pos = match.end()
    return True


def formula_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    r"""Block rule of markdown-it: a formula of several lines, none of which is parsed.

    Blank lines may stand in it if `$$` or `\[` stands alone in its line.
    """
    first = _line(state, start)
    opening = first[:2]
    if opening not in _CLOSING or state.is_code_block(start):
        return False
    unclosed = state.env.setdefault("unclosed lines", {})
    if start < unclosed.get(opening, 0):
        return False
    alone = not first[2:].strip()
    line, rest = start, first[2:]
    while _CLOSING[opening] not in rest:
        line += 1
        outside = line < end and state.sCount[line] < state.blkIndent and not state.isEmpty(line)
        if line >= end or outside or (state.isEmpty(line) and not alone):
            unclosed[opening] = line
            return False
        rest = _line(state, line)
    after = rest.partition(_CLOSING[opening])[2]
    if line == start or not _AFTER_BLOCK.fullmatch(after):  # left to the inline rule
        unclosed[opening] = line  # also for those that are opened before the same end
        return False
    if not silent:
        token = state.push("math_block", "p", 0)
        token.content = state.getLines(start, line + 1, state.sCount[start], False).strip()
        token.map = [start, line + 1]
        state.line = line + 1
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
