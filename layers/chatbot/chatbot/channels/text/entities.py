"""A model's Markdown as text and entities (Bot API, MessageEntity), in parts that fit."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import accumulate

from telegramify_markdown import MessageEntity, RenderConfig, convert

from chatbot.channels.text.repair import ROW, arrives, mended, paragraphs
from chatbot.channels.text.split import bound, split_spans, unbound, utf16_length
from chatbot.core.turn import Part

# The converter would drop HTML, hide what stands between `||`, and take prices for mathematics:
# until it is done, characters that mean nothing stand in for theirs. Escapes and autolinks stay.
_MISREAD = re.compile(r"\\.|(?<!\]\()<(?!https?://[^\s<>]*>)|\$|\|\|", re.DOTALL)
_STANDING_IN = {ord("<"): "\ufdd3", ord("$"): "\ufdd4", ord("|"): "\ufdd5"}
_MEANT = {ord(stand_in): chr(char) for char, stand_in in _STANDING_IN.items()}
_CELL = re.compile(r"(`+[^`]*`+)|<br\s*/?>|\[([^][]*)\]\((https?://[^)\s]*)\)", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s/?#]+\.\S+", re.IGNORECASE)
_KEPT = "bold italic underline strikethrough code pre text_link blockquote".split()


def parts_of(
    markdown: str, limit: int, length: Callable[[str], int], formatting: bool
) -> list[Part]:
    """Parts of at most `limit`, in order, none empty; with entities, or else as plain text.

    Formatting goes on over cuts. Links that cannot be made are shown as `words (address)`. A
    paragraph that would lose words stays as it was written.
    """
    text, entities = _converted(markdown, formatting)
    shown = _cut(text, entities, limit, length)
    return [part if formatting else Part(part.text) for part in shown]


@cache
def _config() -> RenderConfig:
    """Plain headings, round bullets, honest boxes, quotes that are not folded."""
    config = RenderConfig.isolated()
    config.cite_expandable = False
    symbol = config.markdown_symbol
    for level in (1, 2, 3, 4):
        setattr(symbol, f"heading_level_{level}", "")
    symbol.unordered_list_item, symbol.image = "•", "🖼 "
    symbol.task_completed, symbol.task_uncompleted = "☑", "☐"
    return config


def _converted(markdown: str, links: bool) -> tuple[str, list[MessageEntity]]:
    """Until they are cut, entities count characters."""
    source = _MISREAD.sub(_stand_in, ROW.sub(_plain_row, mended(markdown)))
    try:
        text, entities = convert(source, latex_escape=False, config=_config())
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - the parser's panics are no Exception; plain text is safe
        text, entities = "", []
    text, kept = _read(text, entities, links)
    addresses = [(each.offset + each.length, each.url) for each in kept if each.url]
    if arrives(markdown, _annotated(text, [], sorted(addresses))[0]):
        return text, kept
    pieces = paragraphs(markdown)
    if len(pieces) == 1:
        return markdown, []
    text, kept = "", []
    for piece in pieces:
        more, entities = _converted(piece, links)
        kept += [replace(entity, offset=entity.offset + len(text)) for entity in entities]
        text += more.rstrip() + "\n\n"
    return text, kept


def _read(
    text: str, entities: Sequence[MessageEntity], links: bool
) -> tuple[str, list[MessageEntity]]:
    """What the converter made, its stand-ins replaced, its units counted as characters."""
    units = [0, *accumulate(map(utf16_length, text))]
    text = text.translate(_MEANT)
    kept, notes = [], []
    for entity in entities:
        begin = bisect_left(units, entity.offset)
        end = bisect_left(units, entity.offset + entity.length)
        url = (entity.url or "").translate(_MEANT)
        words = text[begin:end]
        if entity.type == "text_link" and not (links and _LINK.fullmatch(url)):
            address = url.removeprefix("mailto:")
            notes.append((end, f" ({address})" if address not in ("", words) else ""))
        elif entity.type in _KEPT:
            language = (entity.language or "").translate(_MEANT).partition(" ")[0] or None
            entity = replace(entity, offset=begin, length=end - begin)
            kept.append(replace(entity, url=url or None, language=language))
    return _annotated(text, kept, sorted(notes))


def _stand_in(match: re.Match[str]) -> str:
    return match[0] if match[0][0] == "\\" else match[0].translate(_STANDING_IN)


def _plain_row(row: re.Match[str]) -> str:
    return row["code"] or _CELL.sub(
        lambda cell: cell[1] or (f"{cell[2]} ({cell[3]})" if cell[3] else " "), row[0]
    )


def _annotated(
    text: str, entities: Sequence[MessageEntity], notes: Sequence[tuple[int, str]]
) -> tuple[str, list[MessageEntity]]:
    """With each note put in at its place."""
    places = [place for place, _ in notes]
    grown = [0, *accumulate(len(note) for _, note in notes)]
    edges = zip([0, *places], [*places, len(text)], ["", *(note for _, note in notes)], strict=True)
    moved = []
    for entity in entities:
        end = entity.offset + entity.length
        begin = entity.offset + grown[bisect_right(places, entity.offset)]
        end += grown[bisect_left(places, end)]
        moved.append(replace(entity, offset=begin, length=end - begin))
    return "".join(note + text[begin:end] for begin, end, note in edges), moved


def _cut(
    text: str, entities: Sequence[MessageEntity], limit: int, length: Callable[[str], int]
) -> Iterator[Part]:
    for entity in entities:
        if entity.type == "pre":
            begin, end = entity.offset, entity.offset + entity.length
            text = text[:begin] + bound(text[begin:end], limit) + text[end:]
    for begin, end in split_spans(text, limit, length):
        part = unbound(text[begin:end])
        if part.strip():
            yield Part(part, tuple(_within(entities, part, begin)))


def _within(
    entities: Sequence[MessageEntity], part: str, start: int
) -> Iterator[dict[str, str | int]]:
    for entity in entities:
        begin = max(entity.offset - start, 0)
        end = min(entity.offset + entity.length - start, len(part))
        if begin < end:
            offset, length = utf16_length(part[:begin]), utf16_length(part[begin:end])
            yield replace(entity, offset=offset, length=length).to_dict()
