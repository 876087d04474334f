"""A prompt whose lines alternate, whatever the conversation before it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from chatbot.core.completion import PromptLine


@dataclass(frozen=True, slots=True)
class PromptTurn:
    """What a prompt shows of one turn; `sort` is the turn's sort key."""

    sort: str
    lines: tuple[PromptLine, ...]


@dataclass(frozen=True, slots=True)
class Prompt(Sequence[PromptLine]):
    """A sequence of lines with the roles system (unless it is empty), user, assistant, … user.

    Some servers refuse any other order, because the chat templates of their models do: "After the
    optional system message, conversation roles must alternate user/assistant/user/assistant/..."
    (Mistral: vllm-project/vllm#6862; Gemma: google/adk-python#1373).

    `turns` are the earlier turns, oldest first, and at the end the message itself with one user
    line. `cache_key` and `author` are hashes of the conversation and of the person, "" for none.
    """

    system: PromptLine
    turns: tuple[PromptTurn, ...]
    cache_key: str = ""
    author: str = ""
    _lines: tuple[PromptLine, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compute the lines once."""
        shown = alternating([line for turn in self.turns for line in turn.lines])
        # Some servers refuse an empty content, as in `alternating`.
        system = (self.system,) if self.system.content else ()
        object.__setattr__(self, "_lines", (*system, *shown))

    @property
    def since(self) -> str:
        """Sort key of the oldest turn shown, which is the message's own if none is."""
        return self.turns[0].sort

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self._lines)

    def __iter__(self) -> Iterator[PromptLine]:
        """Iterate over the lines."""
        return iter(self._lines)

    @overload
    def __getitem__(self, index: int) -> PromptLine: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[PromptLine, ...]: ...

    def __getitem__(self, index: int | slice) -> PromptLine | tuple[PromptLine, ...]:
        """Return a line, or some lines as a tuple."""
        return self._lines[index]


def alternating(lines: Sequence[PromptLine]) -> list[PromptLine]:
    """Convert lines of users and the assistant, the last a user's, to an alternating sequence.

    Neighbours of one role are joined, with a blank line between. What the assistant said before any
    user did is quoted in the first user line. Empty lines are left out, except for the last one:
    some servers refuse an empty content ("text content blocks must be non-empty", Anthropic API).
    """
    joined: list[PromptLine] = []
    opening: list[str] = []
    for place, line in enumerate(lines, 1):
        if not (line.content.strip() or line.pictures) and place < len(lines):
            continue
        if line.role == "assistant" and not joined:
            opening.append(line.content)
        elif joined and joined[-1].role == line.role:
            joined[-1] = _join(joined[-1], line)
        elif not joined and opening:
            joined.append(_join(PromptLine("user", quoted("\n\n".join(opening))), line))
        else:
            joined.append(line)
    return joined


def quoted(text: str) -> str:
    """The text as a Markdown quote."""
    return "\n".join(f"> {line}" for line in text.splitlines())


def _join(first: PromptLine, second: PromptLine) -> PromptLine:
    content = "\n\n".join(filter(None, (first.content, second.content)))
    return PromptLine(first.role, content, first.pictures + second.pictures)
