"""Read an answer's bytes: server-sent events, or one JSON body where a server sends that instead.

The lines follow the WHATWG's rules (https://html.spec.whatwg.org/multipage/server-sent-events.html,
"Interpreting an event stream"). Three things differ, because servers do: the content type does not
matter, the last event needs no blank line after it, and events without data are dropped. This is
also why `httpx2.EventSource` (derived from httpx-sse) is not used: it refuses any other content
type, drops an event that the stream's end cuts short, keeps a byte order mark, and decodes by the
header's charset. The parser of the `openai` SDK reads events without data as JSON, and fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chatbot.core.limits import MOST_ANSWER_BODY, MOST_ANSWER_STREAM

_MOST_BEFORE = 65_536  # bytes of white space before the first line
_MARK = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"


class Oversized(Exception):
    """A line, an event or the whole answer is larger than allowed."""


class Event(NamedTuple):
    """An event's name ("" where it has none) and data, or a `whole` body."""

    name: str
    data: str
    whole: bool = False


def read_events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events in `chunks` as soon as each is complete, or the whole body as one.

    Raises Oversized, and whatever `chunks` raises.
    """
    rest = iter(chunks)
    start = b""
    for chunk in rest:
        start += chunk
        # The mark's own first bytes may come alone: wait for what follows it.
        seen = b"" if _MARK.startswith(start) else start.removeprefix(_MARK).lstrip(_SPACE)
        if seen:
            break
        if len(start) > _MOST_BEFORE:
            raise Oversized
    else:
        return
    start = start.removeprefix(_MARK)
    # No line of an event stream begins with a bracket: there is no such field.
    if seen[:1] in (b"{", b"["):
        yield Event("", _text(_joined(start, rest)), whole=True)
    else:
        yield from _events(start, rest)


def _joined(start: bytes, rest: Iterable[bytes]) -> bytes:
    body = bytearray(start)
    for chunk in rest:
        body += chunk
        if len(body) > MOST_ANSWER_BODY:
            raise Oversized
    return bytes(body)


def _events(start: bytes, rest: Iterable[bytes]) -> Iterator[Event]:
    name, data, size = b"", list[bytes](), 0
    for line in _lines(start, rest):
        if line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
            size += len(value)
            if size > MOST_ANSWER_BODY:
                raise Oversized
            data.append(value)
        elif not line:
            if size:
                yield Event(_text(name), _text(b"\n".join(data)))
            name, data, size = b"", [], 0
        elif line.startswith(b"event:"):
            name = line[6:].removeprefix(b" ")
        # Other fields (id, retry), unknown ones and comments do not matter here.
    if size:
        yield Event(_text(name), _text(b"\n".join(data)))


def _lines(start: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines without their ends (LF, CR LF or CR), and at last what has no end.

    Not `splitlines`, which also cuts at characters that JSON texts contain.
    """
    line = bytearray()
    total = 0
    after_cr = False
    for chunk in _first(start, rest):
        total += len(chunk)
        if total > MOST_ANSWER_STREAM:
            raise Oversized
        # A CR ended its line at once, so that an LF after it, in the next chunk, ends none.
        part = chunk[1:] if after_cr and chunk[:1] == b"\n" else chunk
        after_cr = part[-1:] == b"\r" if part else after_cr and not chunk
        if b"\r" in part:
            part = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, *more = part.split(b"\n")
        line += first
        if len(line) > MOST_ANSWER_BODY:
            raise Oversized
        if more:
            yield bytes(line)
            yield from more[:-1]
            line = bytearray(more[-1])
    if line:
        yield bytes(line)


def _first(start: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield start
    yield from rest


def _text(value: bytes) -> str:
    """Decode as UTF-8 with replacement characters, as the rules demand."""
    return value.decode("utf-8", "replace")
