"""What all channels that post share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chatbot.core.errors import AmbiguousPost, FilesUnavailable, PostRefused
from chatbot.core.files import File, StoredFile
from chatbot.core.ports import Files, Journal
from chatbot.core.turn import Part, Reply
from chatbot.net.post import Answer, Upload

COURTESY_TIMEOUT = 3.0
"""Seconds for calls that the answer does not depend on (typing, seen marks)."""


def with_buttons(parts: Sequence[Part], reply: Reply) -> Sequence[Part]:
    """The reply's buttons stand below its last part."""
    if not reply.buttons:
        return parts
    return [*parts[:-1], *(replace(part, buttons=reply.buttons) for part in parts[-1:])]


def courtesy(channel: str, name: str, call: Callable[[float], Answer], journal: Journal) -> None:
    """A call that the answer does not depend on; its failure is a line in the log.

    `call` is given the seconds that it may take.
    """
    try:
        answer = call(COURTESY_TIMEOUT)
    except (PostRefused, AmbiguousPost) as error:
        journal.info("courtesy_lost", channel=channel, call=name, reason=str(error))
        return
    if not answer.good:
        journal.info("courtesy_lost", channel=channel, call=name, reason=f"status {answer.status}")


def kept(files: Files, made: StoredFile | None) -> File | None:
    """What is to be posted, or None when it is gone. Raises PostRefused: nothing has left yet."""
    if made is None:
        return None
    try:
        return files.load(made.name)
    except FilesUnavailable as error:
        raise PostRefused(f"files: {error}") from None


def upload_of(made: StoredFile, file: File) -> Upload:
    """The file under the name that the person sees."""
    name = made.name.rpartition("/")[2] if made.is_picture else made.title
    return name, file.content, file.type
