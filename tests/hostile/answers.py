"""Judge answers: each is converted for Telegram, Messenger and the page, within its bounds."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

from chatbot.channels.messenger.outbound import MessengerChannel
from chatbot.channels.telegram.outbound import TelegramChannel
from chatbot.channels.text.entities import MOST_ENTITIES, plain_parts
from chatbot.channels.text.html import plain_html
from chatbot.channels.text.split import most_posts, utf16_length
from chatbot.channels.web.outbound import WebChannel
from chatbot.core.completion import Completion
from chatbot.core.limits import (
    HTML_GROWTH,
    HTML_SPARE,
    LONGEST_ANSWER,
    TEXT_GROWTH,
    TEXT_SPARE,
)
from chatbot.core.text import shows_nothing
from chatbot.core.turn import Part, Reply
from tests.entity_rules import check_entities
from tests.fuzz.bench import expect
from tests.hostile.findings import Findings
from tests.services import services

T = TypeVar("T")
UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Controls but those of white space, and halves of characters."""
_ALIGNMENT = re.compile(' class="align-(?:left|center|right)"')  # which the bound leaves out
_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z]+(?:="[^"<>]*")?)*) ?>')
_TAGS = frozenset(
    "p br strong em s a code pre ol ul li blockquote h1 h2 h3 h4 h5 h6 hr table thead tbody tr th"
    " td span input".split()
)
_ATTRIBUTE = re.compile(
    r' (?:href="(?:https?|mailto):[^"]*"|rel="nofollow noopener noreferrer"|target="_blank"'
    r'|class="[a-z0-9 -]*"|class="language-[^"]*"|start="\d+"|type="checkbox"|checked(?:="[a-z]*")?'
    r'|disabled(?:="[a-z]*")?)',
    re.IGNORECASE,
)
_LARGE = 1_000
"""Characters from which on the time for each thousand is compared."""


@cache
def channels() -> tuple[TelegramChannel, MessengerChannel, WebChannel]:
    given = services()
    return TelegramChannel(given), MessengerChannel(given), WebChannel(given)


def judge(text: str, plain: bool, findings: Findings) -> None:
    """Convert what a model server sent as an answer. Raises Broken."""
    source = Completion(text, "model").clamped().text
    expect(len(source) <= LONGEST_ANSWER, "an answer is clamped")
    reply = Reply(source, plain=plain)
    telegram, messenger, web = channels()
    parts = _timed("Telegram", source, findings, lambda: telegram.split(reply))
    _judge_parts(parts, source, 4096, utf16_length, findings)
    for part in parts:
        check_entities(part.formatting)
        _judge_entities(part)
    parts = _timed("Messenger", source, findings, lambda: messenger.split(reply))
    _judge_parts(parts, source, 2000, len, findings)
    html = _timed("page", source, findings, lambda: web.html_of(reply))
    judge_html(html, source, findings)


def _timed(form: str, source: str, findings: Findings, work: Callable[[], T]) -> T:
    begun = time.thread_time()
    result = work()
    seconds = time.thread_time() - begun
    findings.measure(f"seconds for {form}", seconds, f"{len(source)} characters")
    if len(source) >= _LARGE:
        each = 1_000_000 * seconds / len(source)
        findings.measure(f"ms for 1,000 characters, {form}", each, f"{len(source)} characters")
    return result


def _judge_parts(
    parts: Sequence[Part],
    source: str,
    limit: int,
    length: Callable[[str], int],
    findings: Findings,
) -> None:
    most = most_posts(source, limit, length)
    total, allowed = sum(len(part.text) for part in parts), TEXT_GROWTH * len(source) + TEXT_SPARE
    findings.measure("posts, of those allowed", len(parts) / most, f"{len(parts)} of {most}")
    findings.measure("text, of what is allowed", total / allowed, f"{total} from {len(source)}")
    expect(len(parts) <= most, f"{len(parts)} posts of at most {most}")
    expect(total <= allowed, f"text of {total} characters of at most {allowed}")
    for part in parts:
        expect(length(part.text) <= limit, f"a post of {length(part.text)} of at most {limit}")
        expect(not shows_nothing(part.text), "a post shows something")
        found = UNWANTED.search(part.text)
        expect(not found, f"{found and found[0]!r} reaches a platform")
    if not shows_nothing(source) and list(parts) == plain_parts(source, limit, length):
        findings.counts["answers posted as they were written"] += 1
    findings.counts["answers split"] += 1


def _judge_entities(part: Part) -> None:
    expect(len(part.formatting) <= MOST_ENTITIES, "Telegram shows all entities")
    length = utf16_length(part.text)
    for entity in part.formatting:
        begin, end = entity["offset"], entity["offset"] + entity["length"]
        expect(0 <= begin < end <= length, "an entity is within its text")


def judge_html(html: str, source: str, findings: Findings) -> None:
    """Judge the HTML that the page shows of an answer. Raises Broken."""
    allowed = HTML_GROWTH * len(source) + HTML_SPARE
    size = len(_ALIGNMENT.sub("", html))
    findings.measure("HTML, of what is allowed", size / allowed, f"from {len(source)}")
    expect(size <= allowed or html == plain_html(source), f"HTML of {size} characters")
    rest = _TAG.sub(_judged_tag, html)
    expect("<" not in rest, "nothing else in the HTML looks like a tag")


def _judged_tag(tag: re.Match[str]) -> str:
    """Return "" for a tag that the page may have. Raises Broken."""
    expect(tag[2] in _TAGS, f"the page has no <{tag[2]}>")
    expect(not _ATTRIBUTE.sub("", tag[3]), f"the page has no attribute{tag[3]}")
    return ""
