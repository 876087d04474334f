"""A model's Markdown as safe HTML: no HTML of its own, no pictures, links to the web and mail."""

from __future__ import annotations

import re
from functools import cache
from html import escape, unescape

from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatbot.channels.text.repair import arrives, mended, paragraphs

_ADDRESS = re.compile("(https?|mailto):", re.IGNORECASE)
_LINK = {"rel": "nofollow noopener noreferrer", "target": "_blank"}
# The one tag that models write, in tables, where Markdown has no line break.
_BREAK = re.compile(r"(<code.*?</code>)|&lt;br\s*/?&gt;", re.DOTALL | re.IGNORECASE)
_LINKED = re.compile(r'<a href="([^"]*)"[^>]*>(?!\s*</a>)(.*?)</a>', re.DOTALL)
_TAG = re.compile("<[^>]*>")
# Deeper levels would be left out; what is too deep for Python raises RecursionError instead.
_DEEPEST = 10_000


class _Parser(MarkdownIt):
    """CommonMark with tables, strikethrough and task lists. Threads may share it."""

    def __init__(self) -> None:
        options = {"html": False, "xhtmlOut": False, "breaks": True, "tasklists": True}
        super().__init__("commonmark", {**options, "maxNesting": _DEEPEST})
        self.enable(["table", "strikethrough"])
        self.render("rules are compiled at first use, which threads must not do at once")

    def validateLink(self, url: str) -> bool:  # noqa: N802
        return _ADDRESS.match(url) is not None


@cache
def _parser() -> _Parser:
    return _Parser()


def safe_html(markdown: str) -> str:
    """A paragraph that would lose words is shown as it was written."""
    try:
        tokens = _parser().parse(mended(markdown))
        for token in tokens:
            token.attrs.pop("style", None)  # the page's policy allows none
            token.children = [shown for child in token.children or () for shown in _shown(child)]
        rendered = str(_parser().renderer.render(tokens, _parser().options, {}))
    except Exception:  # noqa: BLE001 - whatever is odd about the Markdown, escaped text is safe
        rendered = ""
    if arrives(markdown, _words(rendered)):
        return _BREAK.sub(lambda match: match[1] or "<br>", rendered)
    pieces = paragraphs(markdown)
    return "".join(map(safe_html, pieces)) if len(pieces) > 1 else plain_html(markdown)


def _words(html: str) -> str:
    """With addresses, as they are and as they were written."""
    read = _parser().normalizeLinkText
    addressed = _LINKED.sub(lambda link: f"{link[2]}{link[1]}{read(link[1])}", html)
    return unescape(_TAG.sub("", addressed))


def plain_html(text: str) -> str:
    return f"<p>{escape(text)}</p>".replace("\n", "<br>")


def _shown(token: Token) -> list[Token]:
    """A picture is a link to it: the page fetches nothing of the model's choice."""
    if token.type == "link_open":
        token.attrs = _link(str(token.attrs["href"]))
    if token.type != "image":
        return [token]
    source = str(token.attrs["src"])
    label = Token("text", "", 0, content=token.content or source)
    opening = Token("link_open", "a", 1, attrs=_link(source))
    return [opening, label, Token("link_close", "a", -1)]


def _link(address: str) -> dict[str, str | int | float]:
    return {"href": address, **_LINK} if _ADDRESS.match(address) else {}
