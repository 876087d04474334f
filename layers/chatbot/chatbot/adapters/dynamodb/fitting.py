"""Cut the texts of a turn so that the table can hold it.

DynamoDB refuses an item of more than 400 KB, its attributes' names and values in UTF-8 together
(DynamoDB guide, "Item size"), every time again. A turn that it refuses would be answered again, and
paid for again, so it is stored shorter than it is: the attempt that made it posts the whole.
"""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import replace

from chatbot.core.limits import MOST_STORED
from chatbot.core.turn import Turn

LEAST_QUESTION = 20_000
"""Bytes that are stored of what people wrote, however long the answer is."""
_LONGEST_NAME = 500  # characters of a model's name, which a server can choose freely
_LOOK_BACK = 50_000  # characters before the end in which a good place for the cut is looked for

# A paragraph, heading or code block after a blank line. What comes before it is formatted in the
# same way without it, which is not sure of the items of a list, say (CommonMark, "loose" lists).
_BLOCK = re.compile(r"\n[ \t]*\n(?![\s>*+|=_-]|\d+[.)])")


def fitted(turn: Turn) -> Turn:
    """The turn with texts of at most MOST_STORED bytes: first cut is what people wrote.

    The parts into which a channel splits the shorter answer are those of the whole one, except for
    the last: another attempt can continue with them. A cut text ends with "…". What cannot be
    stored at all, half of a surrogate pair, becomes "?". The answer's HTML is left out where there
    is no room for it beside them.
    """
    title = turn.reply.file.title if turn.reply.file else ""
    texts = turn.text, turn.more, turn.reply.text
    if not all(map(_is_unicode, texts)):
        reply = replace(turn.reply, text=_as_unicode(turn.reply.text))
        text, more = _as_unicode(turn.text), _as_unicode(turn.more)
        return fitted(replace(turn, text=text, more=more, reply=reply))
    if len(turn.usage.model) > _LONGEST_NAME:
        usage = replace(turn.usage, model=turn.usage.model[:_LONGEST_NAME])
        turn = replace(turn, usage=usage)
    # A character has at most four bytes: nearly every turn ends here.
    if 4 * sum(map(len, (*texts, title, turn.html))) <= MOST_STORED:
        return turn
    text_size, more_size, answer_size = map(_size, texts)
    most = MOST_STORED - _size(title)
    if text_size + more_size + answer_size + _size(turn.html) <= most:
        return turn
    turn = replace(turn, html="")
    if text_size + more_size + answer_size <= most:
        return turn
    question = min(text_size + more_size, max(most - answer_size, LEAST_QUESTION))
    text_size = min(text_size, max(question // 2, question - more_size))
    return replace(
        turn,
        text=cut(turn.text, text_size),
        more=cut(turn.more, question - text_size),
        reply=replace(turn.reply, text=cut(turn.reply.text, most - question)),
    )


def cut(text: str, most: int) -> str:
    """The beginning of a Markdown text within `most` bytes, cut at a good place, and "…"."""
    if _size(text) <= most:
        return text
    from chatbot.core.blocks import blocks
    from chatbot.core.markdown import closed

    room = max(0, most - len("\n\n…".encode()))
    kept = _beginning(text, room)
    earliest = max(0, len(kept) - _LOOK_BACK)
    whole = list(blocks(kept))  # code and formulas
    begins = [block.begin for block in whole]
    for end in reversed([match.start() for match in _BLOCK.finditer(kept, earliest)]):
        before = bisect(begins, end)
        if not before or whole[before - 1].end <= end:
            return f"{kept[:end]}\n\n…"
    # Within a long block, which is closed.
    closing = whole[-1].closing if whole else ""
    kept = _beginning(kept, room - _size(closing)) if _size(closing) < room else kept
    line = kept.rfind("\n", earliest)
    head = kept[:line] if line > 0 else kept
    ended = closed(head)
    if _size(ended) > room:  # its fence has thousands of characters
        ended = head
    return f"{ended}\n…" if line > 0 or ended != head else f"{head}…"


def _beginning(text: str, most: int) -> str:
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def _is_unicode(text: str) -> bool:
    """Whether the text has a form in UTF-8, which half of a surrogate pair has not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _size(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text.encode("utf-8", "replace"))
