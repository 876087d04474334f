"""Read a PDF in a process of its own, which bounds what a hostile one can take.

The parser is pure Python: in a thread it could be neither stopped nor kept from using up the
memory that all conversations of a batch share.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

from chatbot.core.errors import PostRefused, Unfetchable
from chatbot.core.limits import PDF_MEMORY

MOST_SECONDS = 20.0
"""Longest time to read a PDF; what was read by then is used."""
MOST_WAIT = 10.0
"""Longest time to wait for the PDFs of others."""
AGAIN_AFTER = 5.0
"""Seconds after which a message is delivered again whose PDF had to wait for longer."""
MOST_PAGES = 50
MOST_MEMORY_MB = PDF_MEMORY // 1_000_000
"""Address space of the process, in MB."""
_PROGRAM = "from chatbot.adapters.documents.pdf_process import main; main({}, {}, {}, {})"
_ENVIRONMENT = ("LD_LIBRARY_PATH", "PYTHONHOME")
"""Variables that Python needs to start; all others, such as credentials, are kept from it."""

_one_at_a_time = threading.Lock()
"""The function's memory has room for one such process."""


def read_pdf(content: bytes, most: int, seconds: float) -> str:
    """Return at most `most` characters of text. Raises Unfetchable, PostRefused.

    The reason is "pdf_protected", "pdf_without_text" (a scan) or "pdf_unreadable". PostRefused
    means that the time was spent on waiting for the PDFs of others.
    """
    ends = time.monotonic() + seconds
    if not _one_at_a_time.acquire(timeout=max(0.0, min(seconds / 2, MOST_WAIT))):
        raise PostRefused("documents_busy", AGAIN_AFTER)
    try:
        seconds = min(ends - time.monotonic(), MOST_SECONDS)
        program = _PROGRAM.format(most, MOST_PAGES, MOST_MEMORY_MB, seconds)
        lines = _run(program, content, seconds)
    finally:
        _one_at_a_time.release()
    pages: list[str] = []
    count, ended = 0, ""
    for line in lines:
        found = json.loads(line)
        if isinstance(found, str):
            pages.append(found)
        else:
            count, ended = found.get("pages", count), found.get("ended", ended)
    text = "\n".join(pages).strip()
    if not text:
        raise Unfetchable(ended or "pdf_unreadable")
    left_out = f"[pages 1 to {len(pages)} of {count}]\n" if len(pages) < count else ""
    return f"{left_out}{text}"[:most]


def _run(program: str, content: bytes, seconds: float) -> list[bytes]:
    """Return the complete lines that the process has printed, even when it had to be ended."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own program; the document is its input
            [sys.executable, "-S", "-P", "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it may quote the document
            env=environment,
        )
    except OSError:  # no process can be started: too little memory, say
        return []
    with process:
        try:
            printed, _ = process.communicate(content, seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
    return printed.split(b"\n")[:-1]
