"""Convert Markdown to safe HTML: no raw HTML, no pictures, links only to http(s) and mailto."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape, unescape

from markdown_it.token import Token

from chatbot.channels.text.guard import growing_most, keeps_words, paragraphs
from chatbot.channels.text.markdown import TooLong, TooMuch, parse, parser
from chatbot.channels.text.writer import RULE
from chatbot.core.limits import HTML_GROWTH, HTML_SPARE

_ADDRESS = re.compile("(https?|mailto):", re.IGNORECASE)
_LINK_ATTRIBUTES = {"rel": "nofollow noopener noreferrer", "target": "_blank"}
_ANCHOR = re.compile(r'<a href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_WITHIN_LINE = re.compile("</?(?:a|code|em|s|span|strong)(?: [^>]*)?>")
_TAG = re.compile("<[^>]*>")
_ALIGNMENT = re.compile(' class="align-[a-z]+"')


def safe_html(markdown: str) -> str:
    """Convert a model's Markdown to HTML that can be inserted into the page as it is.

    Formulas keep their source, delimiters included, in elements of the class `math`. A paragraph
    that would lose words in the conversion is shown as Markdown. So are those that grow most, where
    the HTML exceeds its bound of core/limits.py, and all of it where its parts do. Never raises.
    """
    try:
        html = _html(markdown)
        if _length(html) > _longest(markdown):
            raise TooLong
    except TooLong:
        html = _html_within(markdown)
    except TooMuch:
        return plain_html(markdown)
    return html if _length(html) <= _longest(markdown) else plain_html(markdown)


def _html_within(markdown: str) -> str:
    """Convert by paragraphs, without those that make the HTML too long."""
    pieces = paragraphs(markdown)
    made = list(map(_piece, pieces))
    plain = list(map(plain_html, pieces))
    growth = [_length(html) - len(each) for html, each in zip(made, plain, strict=True)]
    for index in growing_most(growth, sum(map(_length, made)) - _longest(markdown)):
        made[index] = plain[index]
    return "".join(made)


def _piece(markdown: str) -> str:
    try:
        return _html(markdown)
    except TooMuch:
        return plain_html(markdown)


def _length(html: str) -> int:
    """The length that is bounded: without the alignment of cells, which a table's columns have."""
    return len(_ALIGNMENT.sub("", html))


def _longest(markdown: str) -> int:
    return HTML_GROWTH * len(markdown) + HTML_SPARE


def _html(markdown: str) -> str:
    """Convert to HTML. Raises TooMuch."""
    try:
        made: list[str] = []
        tokens = [_safe(token, made) for token in parse(markdown)]
        rendered = str(parser().renderer.render(tokens, parser().options, {}))
        if _length(rendered) > _longest(markdown):
            raise TooLong
    except TooMuch:
        raise
    except Exception:  # noqa: BLE001 - whatever is odd about the Markdown, escaped text is safe
        rendered, made = "", []
    if keeps_words(markdown, _visible_text(rendered, made)):
        return rendered
    pieces = paragraphs(markdown)
    return "".join(map(_html, pieces)) if len(pieces) > 1 else plain_html(markdown)


def plain_html(text: str) -> str:
    """Return text that is not Markdown as one paragraph of escaped HTML."""
    return f"<p>{escape(text, quote=False)}</p>".replace("\n", "<br>")


def _visible_text(html: str, made: Iterable[str]) -> str:
    """Text of the HTML, with each link's address after its words, as `made` has it.

    Blocks are on lines of their own, as browsers show them, whatever is between their tags.
    """
    addresses = iter(made)
    text = _ANCHOR.sub(lambda link: f"{link[2]} {escape(next(addresses, ''))}", html)
    text = _WITHIN_LINE.sub("", text).replace("<hr>", f"\n{RULE}\n")
    return unescape(_TAG.sub("\n", text))


def _safe(token: Token, made: list[str]) -> Token:
    """Return a block's token in the form in which the renderer writes what the page needs.

    For each link that the page makes, its address is added to `made` as it was written; "" for one
    whose words are its address.
    """
    alignment = str(token.attrs.pop("style", "")).rpartition(":")[2]
    if alignment:  # the page's Content-Security-Policy forbids the attribute `style`
        token.attrs["class"] = f"align-{alignment}"
    if token.type == "math_block":
        return Token("html_block", "", 0, content=f'<p class="math">{escape(token.content)}</p>\n')
    if token.children:
        token.children = list(_safe_inline(token.children, made))
    return token


def _safe_inline(tokens: Sequence[Token], made: list[str]) -> Iterator[Token]:
    """Yield the tokens with safe links, which are never empty.

    A picture is a link to it: the page must not load what a model names. Of a link that the page
    does not make, the address follows the words.
    """
    link: Token | None = None
    words = False
    for token in tokens:
        if token.type == "link_open":
            link, words = token, False
            yield from _opening(token, made)
        elif token.type == "link_close" and link is not None:
            yield from _closing(link, token, words)
            link = None
        elif token.type == "image":
            words = True
            yield from _picture(token, made, within=link is not None)
        elif token.type == "math_inline":
            words = True
            formula = f'<span class="math">{escape(token.content)}</span>'
            yield Token("html_inline", "", 0, content=formula)
        else:
            words = words or bool(token.content.strip())
            yield token


def _opening(link: Token, made: list[str]) -> Iterator[Token]:
    address = _address(link)
    if _ADDRESS.match(address):
        encoded = parser().encoded(address)
        made.append("" if link.info == "auto" else address)
        yield Token("link_open", "a", 1, attrs={"href": encoded, **_LINK_ATTRIBUTES})


def _closing(link: Token, token: Token, words: bool) -> Iterator[Token]:
    address = _address(link)
    made = _ADDRESS.match(address)
    if not words:
        yield _text(address)
    elif not made and address and link.info != "auto":
        yield _text(f" ({address})")
    if made:
        yield token


def _picture(image: Token, made: list[str], within: bool) -> Iterator[Token]:
    address = _address(image)
    label = _text("".join(child.content for child in image.children or ()) or address)
    if within or not _ADDRESS.match(address):
        yield from (label, _text(f" ({address})"))
    else:
        yield from (*_opening(image, made), label, Token("link_close", "a", -1))


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _address(token: Token) -> str:
    return str(token.attrs.get("href") or token.attrs.get("src") or "")
