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

    A tag opens a block outside code, unless it stands as a word in a sentence: an answer that
    explains tags keeps them. A block at the start of the text that is never closed goes on to the
    end. Any other block is thinking once it is closed, or where the text was cut; if it never is,
    it was none. A lone closing tag makes everything before it thinking (`unopened`), unless it
    stands in code or as a word, or another block came before. With `holds_back`, for a model that
    has done so before, `answer` stays empty until that tag has come or the text has ended.
    """

    def __init__(self, holds_back: bool = False) -> None:
        self.answer = ""
        self.unopened = False
        self._holds_back = holds_back
        self._thinking: list[str] = []
        self._room = MOST_THINKING
        self._tail = ""  # the end of the text so far, which may be the start of a tag
        self._block: list[str] | None = None  # the tag and text of the block that is open
        self._blocks = 0  # those that have ended
        self._opened_within = 0
        self._held: list[str] | None = [] if holds_back else None

    @property
    def thinking(self) -> str:
        """What the model thought, at most MOST_THINKING characters of it."""
        return "".join(self._thinking)

    def think(self, text: str) -> None:
        """Add thinking that the server has separated itself: then there is no need to hold back."""
        if text and self._held is not None:
            self._let_go()
        self._keep(text)

    def _keep(self, text: str) -> None:
        if self._room > 0:
            self._thinking.append(text[: self._room])
            self._room -= len(text)

    def feed(self, text: str) -> None:
        """Add a piece of the model's text."""
        if self._held is not None:
            self._hold(text, self._held)
        elif self._tail or self._block is not None or "<" in text or "[" in text:
            self._take(self._tail + text, last=False)
        else:
            self.answer += text

    def finish(self, cut: bool = False) -> None:
        """Add what was held back: the text has ended, or was `cut`, while it thought perhaps."""
        if self._held is not None and cut:
            self._keep("".join(self._held))
            return
        if self._held is not None:
            self._let_go()
        self._take(self._tail, last=True)
        if self._block is not None:
            tag, *rest = self._block
            if cut or not self.answer.strip():
                self._keep("".join(rest))
            else:
                self.answer += tag + "".join(rest)

    def _hold(self, text: str, held: list[str]) -> None:
        held.append(text)
        seen = (self._tail + text)[-_LONGEST - len(text) :]
        self._tail = seen[-_LONGEST:]
        opened = len(held) < _LONGEST and _TAG.match("".join(held).lstrip())
        if opened or any(
            (tag[1] or tag[2]) and tag.end() < len(seen) for tag in _TAG.finditer(seen)
        ):
            self._let_go()

    def _let_go(self) -> None:
        held, self._held, self._tail = "".join(self._held or ()), None, ""
        self._take(held, last=False)

    def _take(self, text: str, last: bool) -> None:
        self._tail = ""
        while match := _TAG.search(text):
            if match.end() == len(text) and not last:
                break  # what follows it says whether it is a word
            before, following = text[: match.start()], text[match.end() : match.end() + 1]
            closes = bool(match[1] or match[2])
            if self._block is not None:
                self._block.append(before if closes else before + match[0])
                self._opened_within += not closes
                if closes:
                    self._end_block()
            else:
                self.answer += before
                if self._is_said(following):
                    self.answer += match[0]
                elif closes:
                    self._close()
                else:
                    self._block = [match[0]]
            text = text[match.end() :]
        if not last:
            text, self._tail = _without_beginning_of_tag(text)
        if self._block is not None:
            self._block.append(text)
        else:
            self.answer += text

    def _is_said(self, following: str) -> bool:
        """Whether a tag after the answer so far is part of it: in code, or a word in a sentence."""
        line = self.answer.rpartition("\n")[2]
        before = line[-1:]
        if line.count("`") % 2 or self._in_fence():
            return True
        if not line.strip():
            return bool(self.answer.strip()) and (len(line) > 3 or "\t" in line)  # indented code
        if not following:
            return before in _AROUND_A_WORD and not self._holds_back
        return before in _AROUND_A_WORD and following in _AROUND_A_WORD

    def _end_block(self) -> None:
        _, *thought = self._block or [""]
        self._keep("".join(thought))
        self._block = None
        self._blocks += 1

    def _close(self) -> None:
        """Take a closing tag that nothing opened: of a block within a block, or of the first one.

        Behind a block that has ended it closes nothing.
        """
        if self._blocks and not self._opened_within:
            return
        self._opened_within = max(0, self._opened_within - 1)
        self._keep(self.answer)
        self.answer, self.unopened = "", not self._blocks

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
