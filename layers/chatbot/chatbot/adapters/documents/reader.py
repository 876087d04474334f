"""Implements ports.Documents: text in any encoding, and PDF."""

from __future__ import annotations

from chatbot.core.errors import Unfetchable
from chatbot.core.file_types import ARCHIVES, OFFICE, PDF, TEXT, UNKNOWN
from chatbot.core.files import File


class DocumentReader:
    """Reads documents.

    The libraries for encodings other than UTF-8 and for PDFs are imported when they are needed.
    """

    def text_of(self, file: File, most: int, seconds: float) -> str:
        """See ports.Documents."""
        if file.type == TEXT:
            return file.content.decode("utf-8-sig", "replace")[:most]
        if file.type == UNKNOWN:
            from chatbot.adapters.documents.encodings import decode

            return decode(file.content)[:most]
        if file.type == PDF:
            from chatbot.adapters.documents.pdf import read_pdf

            return read_pdf(file.content, most, seconds)
        if file.type in OFFICE:
            raise Unfetchable("office")
        raise Unfetchable("archive" if file.type in ARCHIVES else "unsupported")
