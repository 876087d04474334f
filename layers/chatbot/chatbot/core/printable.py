"""Write values so that a terminal, a log or a file shows them and obeys nothing in them.

A person, a platform, a model server or a foreign web page may have chosen the value: a name, a
path, an error. Raw, it could clear the screen, set the window's title, print a line that looks like
one of ours, or show its characters in another order than they have.
"""

from __future__ import annotations

import json
import re

# C0 with line breaks, DEL and C1 (ECMA-48: ESC and CSI, which terminals obey); the bidirectional
# controls (Unicode Standard Annex #9, and the deprecated ones of U+206A to U+206F); the separators
# of lines and paragraphs; halves of characters, which no output can encode.
_OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff]"
)
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str) -> str:
    r"""Return the text as one line in which each such character is escaped as in JSON: `\u001b`."""
    return _OBEYED.sub(lambda found: _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}", text)


def without_controls(text: str) -> str:
    """Return the text with a space in place of each such character, as for a name among others."""
    return _OBEYED.sub(" ", text)


def printable_json(document: object, indent: int | None = None) -> str:
    """Return a document as JSON that prints safely and reads back as the same document.

    It is one line, or with `indent` as many as it has values. Other characters stay as they are:
    people read their letters in it.
    """
    written = json.dumps(document, ensure_ascii=False, indent=indent)
    # What is left of line breaks are those of the layout: within values they are escaped by now.
    return "\n".join(map(printable, written.split("\n")))
