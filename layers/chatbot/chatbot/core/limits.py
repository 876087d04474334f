"""Bounds on what one message or one conversation can cause; docs/security.md, "Bounds"."""

from __future__ import annotations

SPARE_MEMORY = 0.2
"""Share of the function's memory that stays free."""
AT_REST = 135 * 2**20
"""Bytes that the worker needs without files: measured 97 MB before its first message, and 36 MB
more once the library for encodings is loaded (tests/faults/test_memory.py)."""
LEAST_BUDGET = 14_000_000
"""Bytes for files in the smallest function: one file of 10 MB in its base64 form."""
MOST_PICTURE_BYTES = 20_000_000
"""With more, no further picture is loaded for a prompt. In base64, bytes; that is half of the 50 MB
that OpenAI takes in a request (OpenAI, "Images and vision")."""
PDF_MEMORY = 96_000_000
"""Bytes of address space of the process that reads a PDF. A manual of 60 pages needs less than
64 MB."""
PDF_RESIDENT = 60_000_000
"""Bytes that are reserved for it: what of its address space can be resident, measured."""
MOST_EXPORT = 20_000_000
"""Bytes of one export; the next part follows on request. Messenger takes files of 25 MB, Telegram
of 50 MB (Send API, Bot API)."""
EXPORT_RESERVE = 10.0
"""Seconds that are left at the end of an export, and of erasing, to store what was done."""
MOST_HISTORY_BYTES = 1_000_000
"""Bytes of memory of stored turns after which no further page (1 MB) of them is read for a message.

A prompt of 100,000 tokens has less than half of it."""
DEAD_LETTER_DAYS = 14
"""Days for which a message that could not be answered waits for an operator (template.yaml)."""
MOST_LOOKED_AT = 5_000
"""Turns among which /history and /retry look for exchanges."""
MOST_RETRIES = 100
"""Repetitions of a message that /retry follows back to the first."""
LONGEST_COMMAND = 200
"""Characters that are stored of a command, except for those of /image."""
LONGEST_DESCRIPTION = 4_000
"""Characters of the description of a picture."""
LONGEST_DRAWING = LONGEST_DESCRIPTION + 100
"""Characters that are stored of /image: its name and the description."""
LONGEST_CAPTION = 1_000
"""Characters of it that are shown with the picture."""
MOST_DRAWN = 10_000_000
"""Bytes of a picture that the model draws: what Telegram takes as a photo (Bot API, sendPhoto)."""
MOST_ANSWER_BODY = 4_000_000
"""Bytes of an answer that comes as one JSON body, and of an event of a streamed one, which may hold
a whole answer: 400,000 characters, each written as six, and more."""
MOST_ANSWER_STREAM = 20_000_000
"""Bytes of all events of a streamed answer, of which one at a time is held."""


def in_base64(size: int) -> int:
    """Bytes of so many bytes in base64."""
    return (size + 2) // 3 * 4
