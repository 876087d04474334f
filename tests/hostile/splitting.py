"""Judge the splitter: parts within the limit, as few as allowed, without a word lost."""

from __future__ import annotations

from chatbot.channels.text.split import most_posts, split_text, utf16_length
from tests.fuzz.bench import expect
from tests.hostile.findings import Findings

LIMITS = (200, 1024, 2000, 4096)


def judge(text: str, limit: int, utf16: bool, findings: Findings) -> None:
    """Split a text. Raises Broken."""
    length = utf16_length if utf16 else len
    parts = split_text(text, limit, length)
    most = most_posts(text, limit, length)
    findings.measure("parts, of those allowed", len(parts) / most, f"{len(parts)} of {most}")
    expect(len(parts) <= most, f"{len(parts)} parts of at most {most}")
    expect(all(0 < length(part) <= limit for part in parts), "a part is within the limit")
    expect("".join("".join(parts).split()) == "".join(text.split()), "nothing but space is lost")
