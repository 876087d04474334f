"""Put people's words into Markdown, where they are shown as they are, and cut Markdown."""

from __future__ import annotations

import re
from collections import deque
from itertools import islice, takewhile

from chatbot.core.blocks import Block, blocks
from chatbot.core.graphemes import continues_character

_ANYWHERE = re.compile(r"[\\`*_~$|]|<(?=br\s*/?>|[^\s<>]*[:@])|&(?=#?\w+;)", re.IGNORECASE)
# In brackets that are a link's. Backslashes before them would begin a formula.
_LINK = re.compile(r"\][(\[:]")
_BRACKETS = {ord("["): "&#91;", ord("]"): "&#93;"}
# Where platforms find addresses, mentions, tags and commands in a text by themselves.
_LINKED = re.compile(
    r"(?<=[@#])(?=\w)|(?<=\$)(?=[A-Z1])|(?<=(?<![\w/<>])/)(?=\w)|(?<=:)(?=/)"
    r"|(?<=\.)(?=[^\W\d_])|(?<=\d\.)(?=\d{1,3}\.\d{1,3}\.\d)"
)
_JOINER = "\u2060"
_BLOCK_START = re.compile(r"^([ \t]*\d{0,9})([#>+=.)-])")
_INDENT = re.compile(r"^(?: (?= {3}| {0,2}\t)|\t)")
_DEFINITION = re.compile(r"^(?:[ >]|[-*+] |\d+[.)] )*\[[^\[\]]{1,999}\]:", re.MULTILINE)
_BLOCK = re.compile(
    r"\n* {0,3}(?:`{3}|~{3}|\$\$\s*\n|\\\[\s*\n|(?:[-*+]|\d{1,9}[.)]|#{1,6})\s|>|\||    )"
    r"|\n*([-*_])(?: *\1){2,} *(?:\n|\Z)"
)
_UNDERLINE = re.compile(r" {0,3}(?:=+|[-|: ]*-[-|: ]*)\s*")  # of a heading, or of a table's header
_LONGEST_HEADING = 100  # lines


def escaped(words: str) -> str:
    """Return Markdown that shows the words as they are, so that none of them formats anything.

    For what people wrote or chose: messages, names, captions, names of documents. It must not be
    put into Markdown that has definitions; see `defines`.

    Nor do the words become links, mentions, tags or commands, which platforms make of plain text
    too: there are invisible word joiners in them (U+2060), at which Telegram ends each of these
    (tdlib/td, td/telegram/MessageEntity.cpp, match_mentions, match_bot_commands, match_hashtags,
    is_url_unicode_symbol). What a person wrote is not what the bot says.
    """
    words = words.replace("\r\n", "\n").replace("\r", "\n")
    words = _LINKED.sub(_JOINER, words)
    words = _ANYWHERE.sub(r"\\\g<0>", words)
    words = words.translate(_BRACKETS) if _LINK.search(words) else words
    return "\n".join(map(_escaped_line, words.split("\n")))


def _escaped_line(text: str) -> str:
    # At the start of a line these begin a heading, quote, list or title, and four spaces code.
    text = _BLOCK_START.sub(r"\1\\\2", text)
    return _INDENT.sub(lambda indent: f"&#{ord(indent[0])};", text)


def shortened(words: str, most: int) -> str:
    """Cut to at most `most` characters, the last an ellipsis, and not within an emoji."""
    if len(words) <= most:
        return words
    end = most - 1
    while end > 1 and continues_character(words, end):
        end -= 1
    return words[:end] + "…"


def shortened_markdown(markdown: str, most: int) -> str:
    """Cut Markdown to about `most` characters, at a space where there is one; see `unfinished`."""
    if len(markdown) <= most:
        return closed(markdown)
    kept = markdown[: most - 1]
    if not markdown[most - 1].isspace():
        space = max(kept.rfind(" "), kept.rfind("\n"))
        kept = kept[:space] if space > most // 2 else kept
    return unfinished(kept)


def unfinished(markdown: str) -> str:
    """Add an ellipsis to Markdown that breaks off, outside of its code and formulas."""
    whole = closed(markdown.rstrip())
    last = _last_block(whole)
    return f"{whole}\n…" if last and last.end == len(whole) else f"{whole}…"


def closed(markdown: str) -> str:
    """End a block of code or a formula that has no end, so that nothing after it belongs to it."""
    last = _last_block(markdown)
    return f"{markdown}\n{last.closing}" if last and last.closing else markdown


def _last_block(markdown: str) -> Block | None:
    return next(iter(deque(blocks(markdown), 1)), None)


def begins_block(markdown: str) -> bool:
    """Whether the Markdown must begin a line, as it begins with another block than a paragraph."""
    if _BLOCK.match(markdown):
        return True
    lines = markdown.lstrip("\n").split("\n", _LONGEST_HEADING)
    paragraph = takewhile(str.strip, lines)
    return any(map(_UNDERLINE.fullmatch, islice(paragraph, 1, _LONGEST_HEADING)))


def defines(markdown: str) -> bool:
    """Whether the Markdown may define links, which all other brackets beside it would refer to."""
    return _DEFINITION.search(markdown) is not None
