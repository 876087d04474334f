"""Helpers for outbound channels that post messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chatbot.core.errors import AmbiguousPost, FilesUnavailable, PostRefused
from chatbot.core.files import FileStream, StoredFile
from chatbot.core.ports import Files, Journal
from chatbot.core.turn import Part, Reply
from chatbot.net.post import Answer, Upload

BEST_EFFORT_TIMEOUT = 3.0
"""Seconds for calls that the answer does not depend on (typing indicator, seen mark)."""


def with_buttons(parts: Sequence[Part], reply: Reply) -> Sequence[Part]:
    """Return the parts with the reply's buttons below the last one."""
    if not reply.buttons:
        return parts
    return [*parts[:-1], *(replace(part, buttons=reply.buttons) for part in parts[-1:])]


def best_effort(channel: str, name: str, call: Callable[[float], Answer], journal: Journal) -> None:
    """Make a call that the answer does not depend on; a failure is logged and not raised.

    `call` takes the seconds that it may last; `name` is for the log.
    """
    try:
        answer = call(BEST_EFFORT_TIMEOUT)
        failure = None if answer.good else f"status {answer.status}"
    except (PostRefused, AmbiguousPost) as error:
        failure = str(error)
    if failure is not None:
        journal.info("optional_call_failed", channel=channel, call=name, reason=failure)


def load_file(files: Files, stored: StoredFile | None) -> FileStream | None:
    """Begin to read the file to post; None when there is none or it has expired.

    Raises PostRefused when the bucket is unavailable: nothing was posted, so it may be tried again.
    """
    if stored is None:
        return None
    try:
        return files.load(stored.name)
    except FilesUnavailable as error:
        raise PostRefused(f"files: {error}") from None


def upload_of(stored: StoredFile, file: FileStream) -> Upload:
    """Return the file as an upload, under the name that the person sees."""
    name = stored.name.rpartition("/")[2] if stored.is_picture else stored.title
    return Upload(name, file)
