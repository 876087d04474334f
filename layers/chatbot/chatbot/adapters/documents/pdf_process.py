"""Reads a PDF, as the program of a process of its own (pdf.py).

It prints JSON, one value a line: `{"pages": 7}`, the number of pages; the text of each page as soon
as it is read; and `{"ended": reason}` when the document cannot be read. Whatever else goes wrong
ends the process, whose parent then uses what was printed.
"""

from __future__ import annotations

import json
import resource
import sys
from io import BytesIO

from pypdf import PdfReader, overwrite_configuration
from pypdf.errors import DependencyError, FileNotDecryptedError

_LARGEST_STREAM = 20_000_000
"""Bytes of a page's content, unpacked."""


def main(most: int, most_pages: int, megabytes: int, seconds: float) -> None:
    """Print the pages of the PDF on standard input, within these bounds.

    The processor time is bounded here as well, for the case that the parent has ended.
    """
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * 1_000_000,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1,) * 2)
    overwrite_configuration(
        zlib_maximum_output_length=_LARGEST_STREAM,
        lzw_maximum_output_length=_LARGEST_STREAM,
        run_length_maximum_output_length=_LARGEST_STREAM,
        array_based_stream_maximum_output_length=_LARGEST_STREAM,
        disable_legacy_handling=True,
    )
    try:
        _print_pages(sys.stdin.buffer.read(), most, most_pages)
    except (DependencyError, FileNotDecryptedError):  # a cipher without library, a password
        _print({"ended": "pdf_protected"})


def _print_pages(content: bytes, most: int, most_pages: int) -> None:
    reader = PdfReader(BytesIO(content))
    _print({"pages": len(reader.pages)})
    found, broken = "", False
    for page in reader.pages[:most_pages]:
        try:
            text = page.extract_text()
        except (DependencyError, FileNotDecryptedError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - pypdf.errors: broken files may cause any exception
            text, broken = "", True  # the other pages may be readable
        text = text.strip()[:most]
        _print(text)
        found += text
        if len(found) >= most:
            return
    if not found.strip():
        _print({"ended": "pdf_unreadable" if broken else "pdf_without_text"})


def _print(value: object) -> None:
    print(json.dumps(value), flush=True)  # noqa: T201
