"""Separate what a model thinks from what it answers, while both arrive in pieces.

Reasoning models write their thinking between tags in the text where the server does not take it
out: `<think>` (DeepSeek R1 and Qwen3, https://huggingface.co/deepseek-ai/DeepSeek-R1 "Usage
Recommendations"), `<thinking>`, `<reasoning>` and `<thought>` (prompted models, Gemini's compatible
endpoint), `[THINK]` (Magistral, https://huggingface.co/mistralai/Magistral-Small-2509). Where the
chat template has opened the tag already, only `</think>` is in the text.
"""

from __future__ import annotations

import re

MOST_THINKING = 100_000
"""Most characters of thinking that are kept."""

_NAMES = ("think", "thinking", "reasoning", "thought")
_TAGS = (*(f"<{n}>" for n in _NAMES), *(f"</{n}>" for n in _NAMES), "[think]", "[/think]")
_TAG = re.compile(rf"<(/?)(?:{'|'.join(_NAMES)})>|\[(/?)think\]", re.IGNORECASE)
_LONGEST = max(map(len, _TAGS))
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_AROUND_A_WORD = " \t`'\"“”‘’()*,.;:!?"


class Separator:
    """Receives a model's text in pieces; `answer` and `thinking` are what has arrived of each.

    A tag opens a block only at the start of the answer or of a line, outside code, where models
    write it: an answer that explains tags keeps them. A block that is never closed goes on to the
    end. A lone closing tag makes everything before it thinking (`unopened`), unless it stands in
    code or as a word in a sentence. With `holds_back`, for a model that has done so before,
    `answer` stays empty until that tag has come or the text has ended.
    """

    def __init__(self, holds_back: bool = False) -> None:
        self.answer = ""
        self.unopened = False
        self._thinking: list[str] = []
        self._room = MOST_THINKING
        self._tail = ""  # the end of the text so far, which may be the start of a tag
        self._inside = False
        self._held: list[str] | None = [] if holds_back else None

    @property
    def thinking(self) -> str:
        """What the model thought, at most MOST_THINKING characters of it."""
        return "".join(self._thinking)

    def think(self, text: str) -> None:
        """Add thinking that the server has separated itself."""
        if self._room > 0:
            self._thinking.append(text[: self._room])
            self._room -= len(text)

    def feed(self, text: str) -> None:
        """Add a piece of the model's text."""
        if self._held is not None:
            self._hold(text, self._held)
        elif self._tail or self._inside or "<" in text or "[" in text:
            self._take(self._tail + text, last=False)
        else:
            self.answer += text

    def finish(self, cut: bool = False) -> None:
        """Add what was held back: the text has ended, or was `cut`, while it thought perhaps."""
        if self._held is not None and cut:
            self.think("".join(self._held))
            return
        if self._held is not None:
            self._let_go()
        self._take(self._tail, last=True)

    def _hold(self, text: str, held: list[str]) -> None:
        held.append(text)
        seen = (self._tail + text)[-_LONGEST - len(text) :]
        self._tail = seen[-_LONGEST:]
        if any((tag[1] or tag[2]) and tag.end() < len(seen) for tag in _TAG.finditer(seen)):
            self._let_go()

    def _let_go(self) -> None:
        held, self._held, self._tail = "".join(self._held or ()), None, ""
        self._take(held, last=False)

    def _take(self, text: str, last: bool) -> None:
        self._tail = ""
        while match := _TAG.search(text):
            closes = bool(match[1] or match[2])
            if self._inside:
                if closes:
                    self.think(text[: match.start()])
                    self._inside = False
                else:
                    self.think(text[: match.end()])
            elif not closes:
                self.answer += text[: match.start()]
                if self._at_start_of_line() and not self._in_fence():
                    self._inside = True
                else:
                    self.answer += match[0]
            elif match.end() == len(text) and not last:
                break  # what follows it says whether it is a word
            else:
                self.answer += text[: match.start()]
                self._close(match[0], text[match.end() : match.end() + 1])
            text = text[match.end() :]
        if not last:
            text, self._tail = _without_beginning_of_tag(text)
        if self._inside:
            self.think(text)
        else:
            self.answer += text

    def _close(self, tag: str, following: str) -> None:
        """Take a closing tag that nothing opened."""
        line = self.answer.rpartition("\n")[2]
        before = line[-1:]
        is_word = bool(before and following) and (
            before in _AROUND_A_WORD and following in _AROUND_A_WORD
        )
        if is_word or line.count("`") % 2 or self._in_fence():
            self.answer += tag
            return
        self.think(self.answer)
        self.answer, self.unopened = "", True

    def _at_start_of_line(self) -> bool:
        return not self.answer.rpartition("\n")[2].strip()

    def _in_fence(self) -> bool:
        """Whether the answer's end is in a block of code that has begun (CommonMark, 4.5)."""
        if "```" not in self.answer and "~~~" not in self.answer:
            return False
        opened = ""
        for fence in _FENCE.findall(self.answer):
            if not opened:
                opened = fence
            elif fence[0] == opened[0] and len(fence) >= len(opened):
                opened = ""
        return bool(opened)


def _without_beginning_of_tag(text: str) -> tuple[str, str]:
    """Cut off the end of the text if more characters could make a tag of it."""
    start = max(text.rfind("<"), text.rfind("["))
    end = text[start:].lower() if start >= 0 and len(text) - start <= _LONGEST else ""
    if end and any(tag.startswith(end) for tag in _TAGS):
        return text[:start], text[start:]
    return text, ""
