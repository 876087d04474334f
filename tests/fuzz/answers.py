"""Generate answers of a model server from a seed: every oddity that one of them has, mixed.

The property: a complete answer is read to the letter, and never asked for twice.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from chatbot.adapters.openai.adaptations import Adaptations
from chatbot.core.errors import ChatbotError, ModelUnavailable, UselessAnswer
from local.standins.shape import BREAKS, STAYS_OPEN, End
from tests.fuzz.bench import Broken, expect
from tests.model_server import Fixture

THOUGHT = "hidden: think of it"
_WORDS = (
    "one",
    "two",
    "👍",
    "a<b",
    "\n",
    "x > y",
    "<p>",
    "été",
    "```",
    "[1]",
    '"q"',
    "\\n",
    "😀😃",
)
_FINISH = ("stop", "eos", "end_turn", "STOP", "whatever", "tool_calls", "length", "max_tokens")
_CUT = ("length", "max_tokens")


@dataclass(frozen=True)
class Case:
    """What a server sends, and whether the answer `text` is complete."""

    parts: tuple[bytes | End, ...]
    text: str
    complete: bool
    cut: bool


def case(seed: str, number: int) -> Case:
    """Make case `number` of a seed; always the same."""
    rng = random.Random(f"{seed}:{number}")
    text = " ".join(rng.choice(_WORDS) for _ in range(rng.randrange(0, 12)))
    if rng.random() < 0.1:
        return _whole(rng, text)
    return _streamed(rng, text)


class Model:
    """Asks for each case in turn."""

    def __init__(self) -> None:
        self._case: Case
        self._fixture = Fixture(lambda body: (200, self._case.parts), light=True)
        self.outcomes: dict[str, int] = {}

    def run(self, one: Case) -> None:
        """Raises Broken."""
        self._case = one
        fixture = self._fixture
        fixture.server.asked.clear()
        fixture.pauses.clear()
        fixture.spending = type(fixture.spending)()
        fixture.model._adaptations = Adaptations()
        shown: list[str] = []
        try:
            outcome = self._ask(shown)
        except ChatbotError as error:
            outcome = type(error).__name__
            self._judge_failure(error)
        expect(not any(THOUGHT[:7] in text for text in shown[:-1]), "thinking is never shown")
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def _ask(self, shown: list[str]) -> str:
        def show(text: str) -> bool:
            shown.append(text)
            return True

        one, fixture = self._case, self._fixture
        answer = fixture.ask(show=show)
        expect(one.complete, "what broke off is no answer")
        expect(answer.text == one.text.strip(), f"the text is {answer.text!r}, not {one.text!r}")
        expect(answer.cut == one.cut, "it is cut as the server says")
        expect(THOUGHT not in answer.text, "thinking is not the answer")
        expect(len(fixture.server.asked) == 1, "a complete answer is never asked for twice")
        expect(fixture.spending.paid == 1, "it is paid for once")
        return "cut" if answer.cut else "answer"

    def _judge_failure(self, error: ChatbotError) -> None:
        one, asked = self._case, len(self._fixture.server.asked)
        if one.complete:
            nothing = not one.text.strip()
            expect(nothing and type(error) is UselessAnswer, f"a complete answer: {error!r}")
        else:
            expect(type(error) is ModelUnavailable, f"what broke off is away, not {error!r}")
        expect(asked == 2, f"it is asked for twice, not {asked} times")


def _whole(rng: random.Random, text: str) -> Case:
    message: dict[str, Any] = {"role": "assistant", "content": _content(rng, text)}
    if rng.random() < 0.3:
        message[rng.choice(("reasoning", "reasoning_content"))] = THOUGHT
    finish = rng.choice((*_FINISH, None, ""))
    choice: dict[str, Any] = {"message": message, "finish_reason": finish}
    if rng.random() < 0.7:
        choice["index"] = 0
    others = [{**choice, "index": 1, "message": {"content": "other"}}] if rng.random() < 0.2 else []
    body: dict[str, Any] = {"choices": [choice, *others], **_counts(rng)}
    sent = json.dumps(body, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1))).encode()
    start = rng.choice((b"", b"\xef\xbb\xbf", b"\n ", b"\r\n"))
    return Case(_chunks(rng, start + sent), text, complete=True, cut=finish in _CUT)


def _streamed(rng: random.Random, text: str) -> Case:
    lines = _Lines(rng)
    thinking, message = rng.random() < 0.4, rng.random() < 0.1
    said = text
    if thinking and rng.random() < 0.5:
        tag = rng.choice(("think", "THINK", "thinking", "reasoning"))
        said = f"<{tag}>{THOUGHT}</{tag}>{rng.choice(('', chr(10) * 2))}{text}"
    elif thinking:
        lines.send({"delta": rng.choice(_thoughts())})
    pieces = list(_cut(rng, said))
    # Messages that begin like the one before them are taken for all of the answer so far.
    message = message and not any(b.startswith(a) for a, b in itertools.pairwise(pieces))
    for piece in pieces:
        lines.noise(rng.random())
        if message:
            lines.send({"message": {"role": "assistant", "content": piece}})
        else:
            lines.send({"delta": {"content": _content(rng, piece)}})
    return _end(rng, lines, text, said)


def _thoughts() -> list[dict[str, Any]]:
    part = {"type": "text", "text": THOUGHT}
    return [
        {"reasoning_content": THOUGHT, "content": None},
        {"reasoning": THOUGHT, "reasoning_details": [part]},
        {"reasoning_details": [{"type": "reasoning.text", "text": THOUGHT}]},
        {"content": [{"type": "thinking", "thinking": [part]}]},
        {"thinking": THOUGHT, "content": ""},
    ]


def _end(rng: random.Random, lines: _Lines, text: str, said: str) -> Case:
    """Send one of the ends that there are; the last three are none."""
    finish = rng.choice(_FINISH)
    kind = rng.choice(("finish", "finish", "finish", "done", "usage", "whole", *_NO_END))
    complete, cut, after = kind not in _NO_END, False, tuple[bytes | End, ...]()
    if kind == "finish":
        lines.send({"delta": rng.choice(({}, None, {"content": ""})), "finish_reason": finish})
        cut = finish in _CUT
        after = _after(rng, lines)
    elif kind == "done":
        lines.data("[DONE]")
        after = rng.choice(((), (STAYS_OPEN,), (BREAKS,)))
    elif kind == "usage" and said:
        lines.count(rng)
        if not lines.counts_between and rng.random() < 0.5:
            lines.line(":")  # ends the event before, whatever `sent` leaves out
            after = (STAYS_OPEN,)
    elif kind == "whole":
        message = {"role": "assistant", "content": said}
        lines.data(
            {
                "object": "chat.completion",
                "choices": [{"message": message, "finish_reason": finish}],
            }
        )
        cut = finish in _CUT
    elif kind == "breaks":
        after = (BREAKS,)
    else:
        complete = lines.counted_last  # what a server that counts in between sends at its end
    if kind == "usage" and not said:
        # A count alone is no end of an answer that never began.
        complete = lines.counted_last
    parts = (*_chunks(rng, lines.sent(rng)), *after)
    return Case(parts, text, complete, cut)


_NO_END = ("breaks", "ends")


def _after(rng: random.Random, lines: _Lines) -> tuple[bytes | End, ...]:
    """What follows a finish reason, none of which matters."""
    for _ in range(rng.randrange(3)):
        choose: list[Callable[[], None]] = [
            lambda: lines.data({"error": {"code": 500, "message": "late"}}),
            lambda: lines.data({"choices": [], **_counts(rng)}),
            lambda: lines.data("[DONE]"),
            lambda: lines.line("data: {broken"),
            lambda: lines.send({"delta": None}),
            lambda: lines.noise(0.0),
        ]
        rng.choice(choose)()
    return rng.choice(((), (), (STAYS_OPEN,), (BREAKS,), (b"\n\ndata: {", BREAKS)))


class _Lines:
    """The lines of an event stream."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._lines: list[str] = []
        self._head: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "model": "m"}
        self._indexed = rng.random() < 0.8
        self.said = self.counted_last = self.counts_between = False
        self._space = rng.choice(("", " "))

    def line(self, *lines: str) -> None:
        self._lines += [*lines, ""]

    def data(self, value: object) -> None:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        self._lines += [f"data:{self._space}{text}", ""]

    def send(self, choice: dict[str, Any]) -> None:
        """Send the choice that counts, perhaps beside another."""
        self.said = True
        self.counts_between |= self.counted_last
        self.counted_last = False
        if self._indexed:
            choice = {"index": 0, **choice}
        choices = [choice]
        if self._indexed and self._rng.random() < 0.1 and len(self._lines) > 4:
            choices.append({"index": 1, "delta": {"content": "other"}, "finish_reason": "stop"})
        piece = {**self._head, "choices": choices}
        if self._rng.random() < 0.2:
            piece |= _counts(self._rng)
        self.data(piece)

    def count(self, rng: random.Random) -> None:
        """Send nothing but a count of tokens, which may be the end of what has been said."""
        self.data({"usage": {"total_tokens": 3}, "choices": rng.choice(([], None))})
        self.counted_last = self.said

    def noise(self, chance: float) -> None:
        """Add something that means nothing, in one of two cases."""
        if chance > 0.5:
            return
        null = {"delta": None, "finish_reason": self._rng.choice((None, "null"))}
        nothing: tuple[object, ...] = ([], None, {}, [None], [{}])
        odd: tuple[object, ...] = (
            *({**self._head, "choices": choices} for choices in nothing),
            *({}, [], 5, None, "ping", {"type": "ping"}, {"choices": [null]}, {"error": None}),
            {"choices": [{"delta": {"role": "assistant"}}], "usage": None},
            {"usage": {}, "choices": []},
            {"error": {"code": 0, "message": None}, "choices": []},
        )
        match self._rng.randrange(7):
            case 6:
                self.count(self._rng)
            case 0:
                self.line(": comment", ":")
            case 1:
                self.line("data:")
            case 2:
                self.line("id: 7", "retry: 3000", "field: value")
            case 3:
                self.line("event: ping", 'data: {"type": "ping"}')
            case 4:
                self.line("data: not JSON")
            case _:
                self.data(self._rng.choice(odd))

    def sent(self, rng: random.Random) -> bytes:
        """The bytes, with the ends of lines and the start that some server has."""
        end = rng.choice(("\n", "\n", "\r\n", "\r"))
        text = end.join([*self._lines, ""])
        if rng.random() < 0.2:
            text = text.rstrip("\r\n")
        mark = b"\xef\xbb\xbf" if rng.random() < 0.1 else b""
        return mark + text.encode("utf-8", "surrogatepass")


def _content(rng: random.Random, text: str) -> object:
    if rng.random() < 0.8:
        return text
    middle = rng.randrange(len(text) + 1)
    odd = rng.choice((None, 5, {"type": "reference", "text": "no"}, {"type": "text"}, {}))
    return [{"type": "text", "text": text[:middle]}, odd, text[middle:]]


def _counts(rng: random.Random) -> dict[str, Any]:
    odd: object = rng.choice((None, 3, -1, "9", 2.5, 1e300, [], {}, True))
    full = {"prompt_tokens": odd, "completion_tokens": odd, "total_tokens": 3}
    return {"usage": rng.choice((None, {}, [], "many", full, {"total_tokens": 3}))}


def _cut(rng: random.Random, text: str) -> Iterator[str]:
    """Cut the text into pieces, at any character."""
    while text:
        size = rng.choice((1, 2, 3, 7, 30))
        yield text[:size]
        text = text[size:]


def _chunks(rng: random.Random, data: bytes) -> tuple[bytes, ...]:
    """Cut bytes as a network does."""
    if rng.random() < 0.4:
        return (data,)
    size = rng.choice((1, 7, 7, 31, 31, 90)) if len(data) < 1_000 else rng.choice((31, 90))
    return tuple(data[n : n + size] for n in range(0, len(data), size))


def run_all(seed: str, numbers: Iterable[int], told: Callable[[int], None]) -> dict[str, int]:
    """Run the cases; returns how often each outcome came. Raises Broken with how to repeat it."""
    model = Model()
    for number in numbers:
        one = case(seed, number)
        try:
            model.run(one)
        except Exception as broken:
            sent = b"".join(part for part in one.parts if isinstance(part, bytes))
            again = f"FUZZ_SEED={seed} FUZZ_CASE={number}"
            raise Broken(f"{again}: {broken!r}\n{sent!r}\n{one}") from broken
        told(number)
    return model.outcomes
