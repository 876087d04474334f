"""Recognise addresses of web pages and mailboxes in Markdown, which arrive without any change.

A line of text often has addresses with `_`, `*` or `~` in them, which are not emphasis (GitHub
Flavored Markdown, "Autolinks (extension)"). The rules are those of GFM, with these differences: any
scheme counts, an address may follow any character but a letter or digit, East Asian punctuation
and the word joiner (see `core.markdown.escaped`) end it, and so does a link, the backslashes of
`a\\_b` are removed, and see `end_of`.
"""

from __future__ import annotations

import re

from markdown_it.common.utils import unescapeAll
from markdown_it.rules_inline import StateInline

# One quantifier in another never matches the same characters: each search is linear in its result.
_BODY = (
    r"(?:[^\s<>`\"\\\[\]\u2060\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]"
    r"|\\[!-/:-@\[-`{-~]|\[[^\s\[\]]*\](?!\())+"
)
_PAGE = rf"(?:[a-z][a-z\d+.-]{{1,31}}://|www\.)(?P<body>{_BODY})"
_MAILBOX = r"[a-z\d][a-z\d.+_-]{0,63}@(?:[a-z\d_-]{1,63}\.){1,8}[a-z\d_-]{0,62}[a-z\d]"
ADDRESS = re.compile(rf"(?<![a-z\d])(?:{_PAGE}|{_MAILBOX})", re.IGNORECASE)
"""Matches an address, with the punctuation after it; see `end_of`."""
START = r"(?<![A-Za-z\d])(?=[A-Za-z][A-Za-z\d+.-]{1,31}://|[wW]{3}\.|[A-Za-z\d][\w.+-]{0,63}@)"
"""Source of a regular expression that matches at each place where an address may begin."""
# The address of a link, `[words](address)`: before the parenthesis that was not opened in it.
_DESTINATION = re.compile(r"\]\(\s*(?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*\))*")
_TRAILING = set("?!.,:;|'\"’”»›“‘…")
_MARKERS = set("*_~")
_REFERENCE = re.compile(r"&#\d{1,7};$")  # a character, as `core.markdown.escaped` writes some
_ENTITY = re.compile(r"(?<!\\)&[a-z\d]{1,31};$", re.IGNORECASE)


def end_of(match: re.Match[str]) -> int:
    """Return where the address of a match of ADDRESS ends: before punctuation that follows it.

    A closing parenthesis belongs to it only if one was opened in it (GFM, extended autolink path
    validation). What looks like an HTML entity at its end does not. Stars, underscores and tildes
    there do not, unless there is none before it with which they could be emphasis. Returns the
    start if nothing is left of the address.
    """
    text, end = match.string, match.end()
    unopened = match[0].count(")") - match[0].count("(")
    while end > match.start():
        last = text[end - 1]
        if last == ")" and unopened > 0:
            unopened -= 1
        elif last in _MARKERS:
            if text.find(last, 0, match.start()) < 0:
                break
        elif last == ";" and (entity := _ENTITY.search(text, max(match.start(), end - 33), end)):
            end = entity.start()
            continue
        elif last not in _TRAILING or _REFERENCE.search(text, max(match.start(), end - 9), end):
            break
        end -= 2 if text[end - 2] == "\\" else 1
    return end if end > match.start("body") else match.start()


def addresses_in(markdown: str) -> list[str]:
    """All addresses of the Markdown, in order, as they are written there.

    That of a link ends with it, whatever follows without a space, such as another link. As cells
    of tables end at "|", an address is only returned up to there.
    """
    apart = _DESTINATION.sub(r"\g<0> ", markdown).replace("|", " ")
    found = (apart[each.start() : end_of(each)] for each in ADDRESS.finditer(apart))
    return [address for address in found if address]


def address(state: StateInline, silent: bool) -> bool:
    """Inline rule of markdown-it: an address is text that is not parsed, and a link to itself."""
    match = ADDRESS.match(state.src, state.pos, state.posMax)
    end = end_of(match) if match else 0
    written = state.src[state.pos : end]
    if not written:
        return False
    if not silent:
        _push(state, unescapeAll(written))
    state.pos = end
    return True


def _push(state: StateInline, text: str) -> None:
    scheme, separator, _ = text.partition("://")
    if separator:
        target = text if scheme.lower() in ("http", "https") else ""
    else:
        target = f"mailto:{text}" if "@" in text else f"http://{text}"
    if state.linkLevel or not target:  # no link in a link
        state.append_pending(text)
        return
    opening = state.push("link_open", "a", 1)
    opening.attrs = {"href": target}
    opening.info = "auto"
    state.append_pending(text)
    state.push("link_close", "a", -1).info = "auto"
