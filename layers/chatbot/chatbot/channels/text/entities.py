"""Convert Markdown to text and entities (Bot API, MessageEntity), in parts that fit a message."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, islice

from chatbot.channels.text.guard import growing_most, keeps_words, paragraphs
from chatbot.channels.text.markdown import TooLong, TooMuch
from chatbot.channels.text.render import render
from chatbot.channels.text.split import (
    hide_spaces,
    most_posts,
    no_controls,
    show_spaces,
    split_spans,
    split_text,
    utf16_length,
)
from chatbot.channels.text.writer import HEADER, Span
from chatbot.core.limits import SPARE_POSTS, TEXT_GROWTH, TEXT_SPARE
from chatbot.core.text import shows_nothing
from chatbot.core.turn import Part

MOST_ENTITIES = 100
"""Entities that Telegram shows of a message; it ignores all others (python-telegram-bot,
telegram.constants.MessageLimit.MESSAGE_ENTITIES)."""
_KEPT = ("text_link", "pre", "code", "blockquote")
"""Which entities of a part are kept first where it has too many; others follow."""
_SHARES = (None, 0.75, 0.25)
"""Shares of the spare posts that the text may grow into, tried in turn; None: all is converted."""


def parts_of(
    markdown: str, limit: int, length: Callable[[str], int], formatting: bool
) -> list[Part]:
    """Convert `markdown` to parts of at most `limit`, as `length` counts them; none is empty.

    With `formatting` the parts have entities, which continue in the next part where they were cut;
    without it they are plain text. A link that an entity cannot hold becomes `words (address)`. A
    paragraph that would lose words in the conversion stays as Markdown. Characters that nobody can
    see have no part of their own. Where the text or the number of posts exceeds its bound of
    core/limits.py, the paragraphs that grow most stay as they are written, and all of it where its
    parts exceed theirs; see `plain_parts`. Formatting for which a part has no entities left is
    missing, but never a link.
    """
    if shows_nothing(markdown):
        return []
    most = most_posts(markdown, limit, length)
    for share in _SHARES:
        try:
            if share is None:
                text, spans = _convert(markdown, formatting)
            else:
                room = length(markdown) + int(SPARE_POSTS * limit * share)
                text, spans = _convert_within(markdown, formatting, room, length)
            parts = _fitting(text, spans, formatting, limit, length, most)
        except TooLong:
            continue
        except TooMuch:
            break
        if len(parts) <= most:
            return parts or plain_parts(markdown, limit, length)
    return plain_parts(markdown, limit, length)


def plain_parts(text: str, limit: int, length: Callable[[str], int]) -> list[Part]:
    """Split the text as it is into parts of at most `limit`, as `length` counts them.

    Only its controls are replaced; see `no_controls`.
    """
    parts = split_text(no_controls(text), limit, length)
    return [Part(each) for each in parts if not shows_nothing(each)]


def _convert(markdown: str, links: bool) -> tuple[str, list[Span]]:
    """Convert to text and spans of its characters. Raises TooMuch."""
    try:
        written = render(markdown, links)
        text, spans, witness = written.text, written.spans, written.witness
        if len(text) > TEXT_GROWTH * len(markdown) + TEXT_SPARE:
            raise TooLong
    except TooMuch:
        raise
    except Exception:  # noqa: BLE001 - whatever is odd about the Markdown, plain text is safe
        text, spans, witness = "", [], ""
    if keeps_words(markdown, witness):
        return text, spans
    pieces = paragraphs(markdown)
    if len(pieces) == 1:
        return markdown, []
    return _joined([_convert(piece, links) for piece in pieces])


def _convert_within(
    markdown: str, links: bool, room: int, length: Callable[[str], int]
) -> tuple[str, list[Span]]:
    """Convert by paragraphs, without those that make the text longer than `room`."""
    room = min(room, TEXT_GROWTH * len(markdown) + TEXT_SPARE)
    pieces = paragraphs(markdown)
    converted = [_piece(piece, links) for piece in pieces]
    growth = [
        length(text) - length(piece) for (text, _), piece in zip(converted, pieces, strict=True)
    ]
    excess = sum(length(text) + 2 for text, _ in converted) - room
    for index in growing_most(growth, excess):
        converted[index] = pieces[index], []
    return _joined(converted)


def _piece(markdown: str, links: bool) -> tuple[str, list[Span]]:
    try:
        return _convert(markdown, links)
    except TooMuch:
        return markdown, []


def _joined(converted: Sequence[tuple[str, list[Span]]]) -> tuple[str, list[Span]]:
    texts, spans, begin = list[str](), list[Span](), 0
    for each, added in converted:
        text = each.rstrip()
        spans += _within_text(added, len(text), begin)
        texts.append(text + "\n\n")
        begin += len(texts[-1])
    return "".join(texts), spans


def _within_text(spans: Sequence[Span], length: int, begin: int) -> Iterator[Span]:
    """Yield what of the spans is within a text of this length, which begins at `begin`."""
    for span in spans:
        if span.begin < length:
            end = min(span.end, length)  # code may end in white space, which the text has lost
            yield span._replace(begin=span.begin + begin, end=end + begin)


def _nested(spans: Sequence[Span], text: str) -> list[Span]:
    """Return the spans that may be within each other (Bot API, Formatting options), by begin.

    A link cannot contain code: the address counts more. What is bold, italic, underlined or struck
    through cannot contain code: it is interrupted there.
    """
    links = [span for span in spans if span.kind == "text_link"]  # by begin: no link is in another
    quotes = [span for span in spans if span.kind == "blockquote"]
    code = [span for span in spans if span.kind in ("code", "pre") and not _within(span, links)]
    code.sort(key=lambda span: span.begin)
    begins = [span.begin for span in code]
    styled: list[Span] = []
    for span in spans:
        if span.kind in ("bold", "italic", "underline", "strikethrough"):
            at = span.begin
            for each in code[bisect_right(begins, span.begin - 1) : bisect_right(begins, span.end)]:
                styled.append(span._replace(begin=at, end=min(each.begin, span.end)))
                at = each.end
            styled.append(span._replace(begin=at))
    kept = [*links, *quotes, *code, *styled]
    shown = [span for span in kept if text[span.begin : span.end].strip()]
    return sorted(shown, key=lambda span: (span.begin, -span.end))


def _within(span: Span, links: Sequence[Span]) -> bool:
    index = bisect_right(links, span.begin, key=lambda link: link.begin) - 1
    return index >= 0 and links[index].end > span.begin


def _fitting(
    text: str,
    written: Sequence[Span],
    formatting: bool,
    limit: int,
    length: Callable[[str], int],
    most: int,
) -> list[Part]:
    """Cut into `most` parts, if possible, with as much of the formatting as these can have.

    Where there are too many entities, headers of tables are not bold; then any part has only so
    many of them. Raises TooMuch for too many links.
    """
    shown = _nested(written, text) if formatting else []
    fewer = [span for span in shown if span.value != HEADER or span.kind != "bold"]
    for spans in (shown, fewer) if len(fewer) < len(shown) else (shown,):
        if len(spans) <= MOST_ENTITIES * most:
            cut = _cut(text, written, spans, limit, length, most)
            parts = list(islice(cut, most + 1))
            if len(parts) <= most or not spans:
                return parts
    return list(_cut(text, written, fewer, limit, length, most, crowded=True))


def _cut(
    text: str,
    written: Sequence[Span],
    spans: Sequence[Span],
    limit: int,
    length: Callable[[str], int],
    most: int,
    crowded: bool = False,
) -> Iterator[Part]:
    """Cut the text and the spans that are shown; code is cut at the ends of its lines only.

    With `crowded`, parts end wherever the text ends best, and have no more entities than they may.
    """
    text = _with_hidden_spaces(text, [span for span in written if span.kind == "pre"], limit)
    begins, ends = [span.begin for span in spans], sorted(span.end for span in spans)

    def furthest(start: int) -> int:
        """Return how far a part may go that begins at `start`, for its entities."""
        last = bisect_right(ends, start) + MOST_ENTITIES
        return begins[last] if last < len(begins) else len(text)

    waiting, current = iter([*spans, Span("", len(text), len(text))]), list[Span]()
    upcoming = next(waiting)
    for begin, end in split_spans(text, limit, length, None if crowded else furthest, most):
        while upcoming.begin < end:
            current.append(upcoming)
            upcoming = next(waiting)
        current = [span for span in current if span.end > begin]
        part = show_spaces(text[begin:end])
        if not shows_nothing(part):
            kept = _most_needed(current) if crowded else current
            yield Part(part, tuple(_entities_within(kept, part, begin)))


def _most_needed(spans: Sequence[Span]) -> list[Span]:
    """Return as many spans as a part may have. Raises TooMuch if a link would be missing."""
    if sum(span.kind == "text_link" for span in spans) > MOST_ENTITIES:
        raise TooMuch
    ranks = {kind: rank for rank, kind in enumerate(_KEPT)}
    first = sorted(spans, key=lambda span: ranks.get(span.kind, len(_KEPT)))[:MOST_ENTITIES]
    return sorted(first, key=lambda span: (span.begin, -span.end))


def _with_hidden_spaces(text: str, code: Sequence[Span], limit: int) -> str:
    pieces, at = [], 0
    for span in code:
        pieces += [text[at : span.begin], hide_spaces(text[span.begin : span.end], limit)]
        at = span.end
    return "".join([*pieces, text[at:]])


def _entities_within(
    spans: Sequence[Span], part: str, start: int
) -> Iterator[dict[str, str | int]]:
    """Yield the entities of a part that begins at `start`, with offsets in UTF-16 units."""
    units = [0, *accumulate(map(utf16_length, part))]
    for span in spans:
        begin, end = max(span.begin - start, 0), min(span.end - start, len(part))
        if begin < end:
            entity: dict[str, str | int] = {"type": span.kind}
            entity |= {"offset": units[begin], "length": units[end] - units[begin]}
            if span.value and span.kind != "bold":
                entity["url" if span.kind == "text_link" else "language"] = span.value
            yield entity
