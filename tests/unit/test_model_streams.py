"""The bytes of answers, read as events (adapters/openai/events.py)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.adapters.openai import events
from chatbot.adapters.openai.events import Event, Oversized, read_events

STREAM = "\ufeff: hello\nevent: ping\nid: 1\ndata: {\ndata:  1}\n\n\nretry: 5\n\ndata\n\ndata:\n\n"
STREAM += "data:a\u2028b\x85c: d\nunknown: x\nevent\n\nevent: error\ndata: e 👍\n\ndata: last"
EVENTS = [
    Event("ping", "{\n 1}"),
    Event("", "a\u2028b\x85c: d"),
    Event("error", "e 👍"),
    Event("", "last"),
]


def read(chunks: Iterable[bytes]) -> list[Event]:
    return list(read_events(chunks))


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    ends = [0, *sorted(places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(ends)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_byte_by_byte(end: str) -> None:
    data = STREAM.replace("\n", end).encode()
    assert read([data]) == EVENTS
    assert read([data[n : n + 1] for n in range(len(data))]) == EVENTS


@given(st.data(), st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_cuts(data: st.DataObject, end: str) -> None:
    sent = STREAM.replace("\n", end).encode()
    assert read(cut(sent, data.draw(st.lists(st.integers(0, len(sent)), max_size=12)))) == EVENTS


LINES = st.sampled_from(["data: a", "data:", "data: b: c", ":x", "event: e", "id: 1", "", "zzz"])


@given(
    st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"])), max_size=20),
    st.data(),
)
def test_mixed_ends_of_lines_and_any_cuts(
    lines: list[tuple[str, str]], data: st.DataObject
) -> None:
    # A CR before a line that ends with LF alone and is empty would be one end of a line.
    lines = [
        (line, "\n" if end == "\r" and n + 1 < len(lines) and not lines[n + 1][0] else end)
        for n, (line, end) in enumerate(lines)
    ]
    text = "".join(line + end for line, end in lines)
    plain = "".join(f"{line}\n" for line, _ in lines)
    sent = text.encode()
    assert read(cut(sent, data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))) == read(
        [plain.encode()]
    )


@pytest.mark.parametrize(
    "body", ['{"a": 1}', ' \n\t{"a":\n\n"data: x"}', "\ufeff[1]", "{broken\r\n\r\n"]
)
def test_a_whole_body_is_one_piece(body: str) -> None:
    data = body.encode()
    [event] = read([data[n : n + 1] for n in range(len(data))])
    assert event == Event("", body.removeprefix("\ufeff"), whole=True)


@pytest.mark.parametrize("chunks", [[], [b""], [b" \n "], [b"\xef\xbb"], [b"\xef\xbb\xbf"]])
def test_nothing(chunks: list[bytes]) -> None:
    assert read(chunks) == []


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert read([b"data: a\xff", b"b\xf0\x9f\n\n"]) == [Event("", "a\ufffdb\ufffd")]


def test_an_event_is_read_before_the_next_has_come() -> None:
    def arriving() -> Iterable[bytes]:
        yield b"data: one\r\n\r"
        raise AssertionError("more was read than is needed")

    assert next(iter(read_events(arriving()))) == Event("", "one")


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"data: ", b"x" * 1_000),
        (b"data: y\n", b"data: " + b"x" * 993 + b"\n"),
        (b": ", b"x" * 1_000),
        (b"{", b"x" * 1_000),
        (b"", b" " * 1_000),
        (b"\n", b"data: x\n\n" * 100),
    ],
)
def test_everything_has_a_bound(start: bytes, more: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_ANSWER_BODY", 50_000)
    monkeypatch.setattr(events, "MOST_ANSWER_STREAM", 90_000)

    def forever() -> Iterable[bytes]:
        yield start
        for _ in range(200):
            yield more
        raise AssertionError("nothing bounds it")

    with pytest.raises(Oversized):
        read(forever())
