"""Put people's words into Markdown, where they are shown as they are, and cut Markdown."""

from __future__ import annotations

import re

from chatbot.core.graphemes import continues_character

_ANYWHERE = re.compile(r"[\\`*_~$|]|<(?=br\s*/?>|[^\s<>]*[:@])|&(?=#?\w+;)", re.IGNORECASE)
# In brackets that are a link's. Backslashes before them would begin a formula.
_LINK = re.compile(r"\][(\[:]")
_BRACKETS = {ord("["): "&#91;", ord("]"): "&#93;"}
_BLOCK_START = re.compile(r"^([ \t]*\d{0,9})([#>+=.)-])")
_INDENT = re.compile(r"^(?: (?= {3}| {0,2}\t)|\t)")
_FENCE = re.compile(r"(?P<before>(?:[ >]|[-*+] |\d+[.)] )*)(?P<fence>`{3,}|~{3,})(?P<rest>.*)")
_FORMULA = re.compile(r"[ >]*(?P<opening>\$\$|\\\[)\s*")
_DEFINITION = re.compile(r"^(?:[ >]|[-*+] |\d+[.)] )*\[[^\[\]]{1,999}\]:", re.MULTILINE)
_BLOCK = re.compile(r"`{3}|~{3}|\$\$\s*\n|\\\[\s*\n|[-*+] |\d{1,9}[.)] |>|\|")
_CLOSING = {"$$": "$$", r"\[": r"\]"}


def escaped(words: str) -> str:
    """Return Markdown that shows the words as they are, so that none of them formats anything.

    For what people wrote or chose: messages, names, captions, names of documents. It must not be
    put into Markdown that has definitions; see `defines`.
    """
    words = words.replace("\r\n", "\n").replace("\r", "\n")
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
    """Add an ellipsis to Markdown that breaks off, outside of its code."""
    whole = closed(markdown.rstrip())
    last = whole.rpartition("\n")[2]
    return f"{whole}\n…" if _FENCE.fullmatch(last) else f"{whole}…"


def closed(markdown: str) -> str:
    """End a block of code or a formula that has no end, so that nothing after it belongs to it."""
    opened = end = ""
    for line in markdown.split("\n"):
        fence = _FENCE.fullmatch(line)
        if opened in ("$$", r"\["):
            opened = "" if _CLOSING[opened] in line else opened
        elif opened:
            ends = fence and fence["fence"].startswith(opened) and not fence["rest"].strip()
            opened = "" if ends else opened
        elif fence and not (fence["fence"][0] == "`" and "`" in fence["rest"]):
            opened = fence["fence"]
            end = re.sub("[^ >]", " ", fence["before"]) + opened
        elif formula := _FORMULA.fullmatch(line):
            opened = formula["opening"]
            end = _CLOSING[opened]
    return f"{markdown}\n{end}" if opened else markdown


def begins_block(markdown: str) -> bool:
    """Whether the Markdown must begin a line: with code, a formula, a list, a quote or a table."""
    return _BLOCK.match(markdown) is not None


def defines(markdown: str) -> bool:
    """Whether the Markdown may define links, which all other brackets beside it would refer to."""
    return _DEFINITION.search(markdown) is not None
