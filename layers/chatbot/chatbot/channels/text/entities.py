"""Convert Markdown to text and entities (Bot API, MessageEntity), in parts that fit a message."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import accumulate

from telegramify_markdown import MessageEntity, RenderConfig, convert

from chatbot.channels.text.repair import TABLE_ROW, keeps_words, paragraphs, repaired
from chatbot.channels.text.split import hide_spaces, show_spaces, split_spans, utf16_length
from chatbot.core.turn import Part

# The converter would drop HTML, hide text between `||` (a spoiler), and read prices in dollars as
# mathematics: these characters are replaced by others that have no meaning, until it is done.
# Escapes and autolinks are not replaced.
_MISREAD = re.compile(r"\\.|(?<!\]\()<(?!https?://[^\s<>]*>)|\$|\|\|", re.DOTALL)
_SUBSTITUTES = {ord("<"): "\ufdd3", ord("$"): "\ufdd4", ord("|"): "\ufdd5"}
_ORIGINALS = {ord(stand_in): chr(char) for char, stand_in in _SUBSTITUTES.items()}
_CELL = re.compile(r"(`+[^`]*`+)|<br\s*/?>|\[([^][]*)\]\((https?://[^)\s]*)\)", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s/?#]+\.\S+", re.IGNORECASE)
_SUPPORTED = "bold italic underline strikethrough code pre text_link blockquote".split()


def parts_of(
    markdown: str, limit: int, length: Callable[[str], int], formatting: bool
) -> list[Part]:
    """Convert `markdown` to parts of at most `limit`, as `length` counts them; none is empty.

    With `formatting` the parts have entities, which continue in the next part where they were cut;
    without it they are plain text. A link that an entity cannot hold becomes `words (address)`. A
    paragraph that would lose words in the conversion stays as Markdown.
    """
    text, entities = _convert(markdown, formatting)
    shown = _cut(text, entities, limit, length)
    return [part if formatting else Part(part.text) for part in shown]


@cache
def _config() -> RenderConfig:
    """Headings without emoji, round bullets, checkboxes, quotes that are not collapsed."""
    config = RenderConfig.isolated()
    config.cite_expandable = False
    symbol = config.markdown_symbol
    for level in (1, 2, 3, 4):
        setattr(symbol, f"heading_level_{level}", "")
    symbol.unordered_list_item, symbol.image = "•", "🖼 "
    symbol.task_completed, symbol.task_uncompleted = "☑", "☐"
    return config


def _convert(markdown: str, links: bool) -> tuple[str, list[MessageEntity]]:
    """Convert to text and entities, whose offsets are in characters until `_cut`."""
    source = _MISREAD.sub(_substitute, TABLE_ROW.sub(_plain_row, repaired(markdown)))
    try:
        text, entities = convert(source, latex_escape=False, config=_config())
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - the parser's panics are no Exception; plain text is safe
        text, entities = "", []
    text, kept = _from_converter(text, entities, links)
    addresses = [(each.offset + each.length, each.url) for each in kept if each.url]
    if keeps_words(markdown, _with_notes(text, [], sorted(addresses))[0]):
        return text, kept
    pieces = paragraphs(markdown)
    if len(pieces) == 1:
        return markdown, []
    text, kept = "", []
    for piece in pieces:
        more, entities = _convert(piece, links)
        kept += [replace(entity, offset=entity.offset + len(text)) for entity in entities]
        text += more.rstrip() + "\n\n"
    return text, kept


def _from_converter(
    text: str, entities: Sequence[MessageEntity], links: bool
) -> tuple[str, list[MessageEntity]]:
    """Restore replaced characters and turn the converter's UTF-16 offsets into characters."""
    units = [0, *accumulate(map(utf16_length, text))]
    text = text.translate(_ORIGINALS)
    kept, notes = [], []
    for entity in entities:
        begin = bisect_left(units, entity.offset)
        end = bisect_left(units, entity.offset + entity.length)
        url = (entity.url or "").translate(_ORIGINALS)
        words = text[begin:end]
        if entity.type == "text_link" and not (links and _LINK.fullmatch(url)):
            address = url.removeprefix("mailto:")
            notes.append((end, f" ({address})" if address not in ("", words) else ""))
        elif entity.type in _SUPPORTED:
            language = (entity.language or "").translate(_ORIGINALS).partition(" ")[0] or None
            entity = replace(entity, offset=begin, length=end - begin)
            kept.append(replace(entity, url=url or None, language=language))
    return _with_notes(text, kept, sorted(notes))


def _substitute(match: re.Match[str]) -> str:
    return match[0] if match[0][0] == "\\" else match[0].translate(_SUBSTITUTES)


def _plain_row(row: re.Match[str]) -> str:
    return row["code"] or _CELL.sub(
        lambda cell: cell[1] or (f"{cell[2]} ({cell[3]})" if cell[3] else " "), row[0]
    )


def _with_notes(
    text: str, entities: Sequence[MessageEntity], notes: Sequence[tuple[int, str]]
) -> tuple[str, list[MessageEntity]]:
    """Insert each note at its offset; move the entities accordingly."""
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
            text = text[:begin] + hide_spaces(text[begin:end], limit) + text[end:]
    for begin, end in split_spans(text, limit, length):
        part = show_spaces(text[begin:end])
        if part.strip():
            yield Part(part, tuple(_entities_within(entities, part, begin)))


def _entities_within(
    entities: Sequence[MessageEntity], part: str, start: int
) -> Iterator[dict[str, str | int]]:
    for entity in entities:
        begin = max(entity.offset - start, 0)
        end = min(entity.offset + entity.length - start, len(part))
        if begin < end:
            offset, length = utf16_length(part[:begin]), utf16_length(part[begin:end])
            yield replace(entity, offset=offset, length=length).to_dict()
