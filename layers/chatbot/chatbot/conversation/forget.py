"""Erase a conversation: its files in the bucket, then what the table holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chatbot.core.errors import FilesUnavailable
from chatbot.core.key import TURN_PREFIX, TurnKey
from chatbot.core.ports import Files, Memory


def erase(
    history: Memory, files: Files, before: TurnKey, earlier_id: str, left: Callable[[], float]
) -> int:
    """Erase everything below the key. Returns for how many days backups still have it.

    It goes page by page. Once no seconds are `left`, it raises FilesUnavailable or
    HistoryUnavailable: repeated, it goes on where it ended. `earlier_id` is the conversation's
    `moved_from`. Files are erased first, because that is erased with the profile.
    """
    newer = _files_of_newer_turns(history, before)
    for conversation in filter(None, (earlier_id, before.conversation)):
        names = _in_time(files.names(conversation), left)
        files.delete(name for name in names if name not in newer)
    return history.erase(before, left())


def _in_time(names: Iterator[str], left: Callable[[], float]) -> Iterator[str]:
    for name in names:
        if left() <= 0:
            raise FilesUnavailable("not all is erased yet")
        yield name


def _files_of_newer_turns(history: Memory, before: TurnKey) -> frozenset[str]:
    """The files that stay: there are some when /forget itself was redriven as a dead letter.

    All others in the folder go, also those that no turn names: a picture is stored before its turn,
    and remains when the worker dies in between.
    """
    after_all = TurnKey(before.conversation, f"{TURN_PREFIX}:")  # ":" sorts after every digit
    turns = history.oldest(after_all, before.sort)
    newer = (turn.reply.file for turn in turns if turn.key.sort > before.sort)
    return frozenset(file.name for file in newer if file)
