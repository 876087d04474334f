"""Implements ports.Documents: text in any encoding, and PDF."""

from __future__ import annotations

from chatbot.core.errors import Unfetchable
from chatbot.core.file_types import ARCHIVES, OFFICE, PDF, TEXT, UNKNOWN
from chatbot.core.files import File

_LONGEST_CHARACTER = 4  # bytes in UTF-8


class DocumentReader:
    """Reads documents.

    The libraries for encodings other than UTF-8 and for PDFs are imported when they are needed.
    """

    def text_of(self, file: File, most: int, seconds: float) -> str:
        """See ports.Documents."""
        if file.type == TEXT:
            # Of the last character a part may be left.
            beginning = file.content[: _LONGEST_CHARACTER * (most + 1)]
            return beginning.decode("utf-8-sig", "ignore")[:most]
        if file.type == UNKNOWN:
            from chatbot.adapters.documents.encodings import decode

            return decode(file.content, most)
        if file.type == PDF:
            from chatbot.adapters.documents.pdf import read_pdf

            return read_pdf(file.content, most, seconds)
        if file.type in OFFICE:
            raise Unfetchable("office")
        raise Unfetchable("archive" if file.type in ARCHIVES else "unsupported")
