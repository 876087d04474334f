"""PDF files for tests, written as the specification says (ISO 32000), without a library."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from io import BytesIO

from pypdf import PdfReader, PdfWriter

_PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792]"
    b" /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>"
)


def pdf(*pages: str) -> bytes:
    """A PDF in ASCII with one line of text on each page."""
    return pdf_of([f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode() for text in pages])


def pdf_of(contents: Sequence[bytes], packed: bool = False) -> bytes:
    """A PDF whose pages have these content streams."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(contents), kids),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, content in enumerate(contents):
        stream = zlib.compress(content) if packed else content
        filters = b" /Filter /FlateDecode" if packed else b""
        objects.append(_PAGE % (5 + 2 * number))
        objects.append(b"<< /Length %d%s >> stream\n%s\nendstream" % (len(stream), filters, stream))
    file, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        file
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
        + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(file))
    )


def protected_pdf(text: str, password: str, algorithm: str) -> bytes:
    """A PDF that opens with `password` only."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf(text))))
    writer.encrypt(password, "owner", algorithm=algorithm)
    file = BytesIO()
    writer.write(file)
    return file.getvalue()
