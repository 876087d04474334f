"""The bucket of generated files in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chatbot.core.files import File, FileStream
from chatbot.core.key import folder_of


def streamed(file: File) -> FileStream:
    """Return a file in memory as one that is read in pieces."""
    return FileStream(file.type, len(file.content), lambda: iter([file.content]))


class MemoryFiles:
    """The bucket of generated files in memory."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}

    def keep(self, name: str, file: File) -> None:
        self.files[name] = file

    def write(self, name: str, kind: str, chunks: Iterable[bytes]) -> None:
        self.files[name] = File(b"".join(chunks), kind)

    def load(self, name: str) -> FileStream | None:
        return streamed(self.files[name]) if name in self.files else None

    def names(self, conversation: str) -> Iterator[str]:
        folder = f"{folder_of(conversation)}/"
        yield from [name for name in self.files if name.startswith(folder)]

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self.files.pop(name, None)
