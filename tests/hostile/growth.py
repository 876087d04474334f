"""Judge how time grows: of a text, of its double and of its quadruple, each measured in turns.

The processor's time of this thread is measured, so other programs count only as far as they slow
the processor down, which they do to all three lengths. Each length is measured several times, and
its median counts; nothing is measured again because a result was bad. Growth is the smaller one of
the two ratios of neighbouring lengths: a conversion that takes another way from some length on (a
bound, say) shows one large ratio, one whose time grows with the square shows two of 4.
"""

from __future__ import annotations

import gc
import hmac
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chatbot.adapters.dynamodb.fitting import cut
from chatbot.channels.command_syntax import parse_command
from chatbot.channels.text.split import split_text, utf16_length
from chatbot.core.blocks import blocks
from chatbot.core.markdown import begins_block, defines, escaped, shortened_markdown
from chatbot.core.text import as_name, shows_nothing
from chatbot.core.turn import Reply
from chatbot.edge.http import parse_json
from tests.fuzz.bench import expect
from tests.fuzz.cases import SECRETS, Sent, event_of
from tests.fuzz.messenger import PAGE
from tests.hostile import answers, doors
from tests.hostile.findings import Findings
from tests.hostile.requests import NOW

MOST_GROWTH = 3.0
"""Times as long for twice the text: 2 is in proportion, 4 is the square."""
REPEATS = 3
QUICK = 0.002
"""Seconds for the longest text below which nothing is compared."""
SLOW_FORMS: Mapping[str, Callable[[str], object]] = {
    "Telegram": lambda text: answers.channels()[0].split(Reply(text)),
    "page": lambda text: answers.channels()[2].html_of(Reply(text)),
    "Messenger": lambda text: answers.channels()[1].split(Reply(text)),
}
QUICK_FORMS: Mapping[str, Callable[[str], object]] = {
    "splitter": lambda text: split_text(text, 4096, utf16_length),
    "blocks": lambda text: list(blocks(text)),
    "words of people": lambda text: (escaped(text), defines(text), begins_block(text)),
    "commands and names": lambda text: (parse_command(text), as_name(text), shows_nothing(text)),
    "shortened": lambda text: shortened_markdown(text, len(text) // 2),
    "stored": lambda text: cut(text, len(text) // 2),
    "door": lambda text: doors.doors().ask(_with_events(text)),
    "JSON": lambda text: parse_json(json.dumps({"text": text, "deep": list(text)}).encode()),
}
_EVENT = 100
"""Characters for which a body has an event."""
FORMS = {**SLOW_FORMS, **QUICK_FORMS}


def judge(form: str, texts: Sequence[str], findings: Findings) -> None:
    """Compare the times of three texts, each twice as long as the one before. Raises Broken."""
    growth = growth_of(FORMS[form], texts)
    findings.measure(
        "growth of time for twice the length", growth, f"{form}, {len(texts[-1])} characters"
    )
    findings.counts["times compared" if growth else "times too short to compare"] += 1
    expect(growth <= MOST_GROWTH, f"{form} takes {growth:.1f} times as long for twice the length")


def growth_of(work: Callable[[Any], object], texts: Sequence[Any]) -> float:
    """The growth for each doubling; 0 where all is too quick to compare."""
    times: list[list[float]] = [[] for _ in texts]
    with _undisturbed():
        for _ in range(REPEATS):
            for text, measured in zip(texts, times, strict=True):
                begun = time.thread_time()
                work(text)
                measured.append(time.thread_time() - begun)
            if max(times[-1]) < QUICK:
                return 0.0
    medians = [statistics.median(each) for each in times]
    pairs = zip(medians[1:], medians, strict=False)
    return min(longer / max(shorter, 1e-6) for longer, shorter in pairs)


def _with_events(text: str) -> Mapping[str, Any]:
    """A request of Messenger with the text, cut into events."""
    words = [text[at : at + _EVENT] for at in range(0, len(text), _EVENT)]
    events = [
        {"sender": {"id": str(n)}, "timestamp": NOW, "message": {"mid": f"m_{n}", "text": each}}
        for n, each in enumerate(words)
    ]
    body = json.dumps({"object": "page", "entry": [{"id": PAGE, "messaging": events}]}).encode()
    secret = SECRETS["MESSENGER_APP_SECRET"].encode()
    signature = f"sha256={hmac.digest(secret, body, 'sha256').hex()}"
    sent = Sent(body, {"X-Hub-Signature-256": signature})
    return event_of(random.Random(1), "/messenger", sent)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Do not collect garbage of earlier inputs meanwhile."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
