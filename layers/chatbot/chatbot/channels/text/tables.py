"""Write a table of Markdown as text: in columns, or with a block for each row."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from markdown_it.token import Token

from chatbot.channels.text.writer import HEADER, Writer

WIDEST = 48
"""Columns of text that fit next to each other on a phone; a wider table is written in blocks."""
LONGEST_HEADER = 40
"""Characters of a header that is repeated in each block."""


def write_table(tokens: Sequence[Token], writer: Writer) -> None:
    """Write the table of these tokens, from `table_open` to `table_close`.

    Where the writer has links, the platform has code, whose characters are equally wide: a narrow
    table is code in columns. Any other has a block of lines "header: value" for each row.
    """
    rows: list[list[Token]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(token)
    texts = [[_plain(cell) for cell in row] for row in rows]
    for row in texts:
        writer.testify(" | ".join(row) + "\n")
    widths = [max(map(_width, column)) for column in zip(*texts, strict=True)]
    if writer.links and sum(widths) + 3 * len(widths) - 3 <= WIDEST:
        begin = writer.length
        writer.show("\n".join(_lines(texts, widths, _alignments(tokens))))
        writer.add("pre", begin)
    else:
        _write_blocks(rows, texts, writer)


def _plain(cell: Token) -> str:
    writer = Writer(links=False)
    writer.inline(cell.children or (), " ")
    return writer.text


def _width(text: str) -> int:
    """Columns that the text takes where characters are equally wide (Unicode, UAX #11)."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def _alignments(tokens: Sequence[Token]) -> list[str]:
    styles = [str(each.attrs.get("style", "")) for each in tokens if each.type == "th_open"]
    return [style.rpartition(":")[2] for style in styles]


def _lines(texts: list[list[str]], widths: list[int], alignments: list[str]) -> list[str]:
    lines = []
    for row in texts:
        cells = []
        for text, width, alignment in zip(row, widths, alignments, strict=True):
            space = width - _width(text)
            before = {"right": space, "center": space // 2}.get(alignment, 0)
            cells.append(" " * before + text + " " * (space - before))
        lines.append(" | ".join(cells).rstrip())
    if len(lines) > 1:
        lines.insert(1, "-+-".join("-" * width for width in widths))
    return lines


def _write_blocks(rows: list[list[Token]], texts: list[list[str]], writer: Writer) -> None:
    headers = texts[0]
    named = len(rows) > 1 and all(len(header) <= LONGEST_HEADER for header in headers)
    empty = {i for i, column in enumerate(zip(*texts, strict=True)) if not any(column[1:])}
    begun = False
    for row, row_texts in list(zip(rows, texts, strict=True))[int(named) :]:
        between = "\n\n" if begun else ""
        for index, text in enumerate(row_texts):
            header = headers[index] if named else ""
            if not text and not (header and index in empty):
                continue
            writer.show(between)
            between, begun = "\n", True
            if header:
                begin = writer.length
                writer.show(header)
                writer.add("bold", begin, HEADER)
                writer.show(": " if text else ":")
            _show_cell(row[index], writer)
        empty.clear()  # the name of an empty column is shown once


def _show_cell(cell: Token, writer: Writer) -> None:
    """Write a cell that the witness already has."""
    inner = Writer(writer.links)
    inner.inline(cell.children or (), " ")
    begin = writer.length
    writer.show(inner.text)
    writer.spans += [
        span._replace(begin=span.begin + begin, end=span.end + begin) for span in inner.spans
    ]
