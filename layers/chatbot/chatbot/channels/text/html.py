"""Convert Markdown to safe HTML: no raw HTML, no pictures, links only to http(s) and mailto."""

from __future__ import annotations

import re
from functools import cache
from html import escape, unescape

from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatbot.channels.text.repair import keeps_words, paragraphs, repaired

_ADDRESS = re.compile("(https?|mailto):", re.IGNORECASE)
_LINK_ATTRIBUTES = {"rel": "nofollow noopener noreferrer", "target": "_blank"}
# The only tag that models write: in tables, where Markdown has no line break.
_LINE_BREAK = re.compile(r"(<code.*?</code>)|&lt;br\s*/?&gt;", re.DOTALL | re.IGNORECASE)
_ANCHOR = re.compile(r'<a href="([^"]*)"[^>]*>(?!\s*</a>)(.*?)</a>', re.DOTALL)
_TAG = re.compile("<[^>]*>")
# The parser would drop deeper levels; with this limit, Python raises RecursionError before that.
_MAX_NESTING = 10_000


class _Parser(MarkdownIt):
    """CommonMark with tables, strikethrough and task lists. Threads may share it."""

    def __init__(self) -> None:
        options = {"html": False, "xhtmlOut": False, "breaks": True, "tasklists": True}
        super().__init__("commonmark", {**options, "maxNesting": _MAX_NESTING})
        self.enable(["table", "strikethrough"])
        self.render("rules are compiled at first use, which threads must not do at once")

    def validateLink(self, url: str) -> bool:  # noqa: N802
        """Whether a link to `url` is allowed (markdown-it-py, validateLink)."""
        return _ADDRESS.match(url) is not None


@cache
def _parser() -> _Parser:
    return _Parser()


def safe_html(markdown: str) -> str:
    """Convert a model's Markdown to HTML that can be inserted into the page as it is.

    A paragraph that would lose words in the conversion is shown as Markdown. Never raises.
    """
    try:
        tokens = _parser().parse(repaired(markdown))
        for token in tokens:
            token.attrs.pop("style", None)  # forbidden by the page's Content-Security-Policy
            token.children = [
                shown for child in token.children or () for shown in _without_pictures(child)
            ]
        rendered = str(_parser().renderer.render(tokens, _parser().options, {}))
    except Exception:  # noqa: BLE001 - whatever is odd about the Markdown, escaped text is safe
        rendered = ""
    if keeps_words(markdown, _visible_text(rendered)):
        return _LINE_BREAK.sub(lambda match: match[1] or "<br>", rendered)
    pieces = paragraphs(markdown)
    return "".join(map(safe_html, pieces)) if len(pieces) > 1 else plain_html(markdown)


def _visible_text(html: str) -> str:
    """Text of the HTML, with each link's address after its words, as it is and as written."""
    read = _parser().normalizeLinkText
    addressed = _ANCHOR.sub(lambda link: f"{link[2]}{link[1]}{read(link[1])}", html)
    return unescape(_TAG.sub("", addressed))


def plain_html(text: str) -> str:
    """Return text that is not Markdown as one paragraph of escaped HTML."""
    return f"<p>{escape(text)}</p>".replace("\n", "<br>")


def _without_pictures(token: Token) -> list[Token]:
    """Replace a picture by a link to it: the page must not load what a model names."""
    if token.type == "link_open":
        token.attrs = _link_attributes(str(token.attrs["href"]))
    if token.type != "image":
        return [token]
    source = str(token.attrs["src"])
    label = Token("text", "", 0, content=token.content or source)
    opening = Token("link_open", "a", 1, attrs=_link_attributes(source))
    return [opening, label, Token("link_close", "a", -1)]


def _link_attributes(address: str) -> dict[str, str | int | float]:
    return {"href": address, **_LINK_ATTRIBUTES} if _ADDRESS.match(address) else {}
