"""What the model is shown: who it is, what was said before, what is asked now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from chatbot.messages import Message, Origin, PromptLine, Turn, Window
from chatbot.settings import Settings


def build(message: Message, window: Window, settings: Settings, now: int) -> list[PromptLine]:
    """The prompt for `message`: system line, earlier turns oldest first, the message.

    `now` is epoch milliseconds. Only turns whose keys lie below the message's own are shown, so
    that a message answered again later sees what it would have seen.
    """
    name = message.author.name or window.person.name
    date = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
    system = settings.system_prompt.replace("{date}", date).replace("{name}", name)
    earlier: list[PromptLine] = []
    room = settings.history_tokens
    for turn in _earlier_turns(message, window, settings, now):
        lines = list(_lines(turn))
        room -= sum(estimate_tokens(line.content) for line in lines)
        if room < 0:
            break
        earlier = lines + earlier
    return [
        PromptLine("system", f"{system}\n{settings.reply_style}".strip()),
        *earlier,
        PromptLine("user", message.text),
    ]


def estimate_tokens(text: str) -> int:
    """Four bytes a token is near for English, and errs on the careful side for other scripts."""
    return len(text.encode("utf-8", "replace")) // 4 + 4


def _earlier_turns(
    message: Message, window: Window, settings: Settings, now: int
) -> Iterator[Turn]:
    oldest = now - int(settings.history_max_age * 1000)
    shown = 0
    for turn in window.turns:
        if turn.key.sort >= message.key.sort:
            continue
        if turn.key.occurred_at < oldest or turn.key.sort <= window.person.forgotten_before:
            return
        if turn.fresh_start and not turn.lifted_by:
            return
        if shown == settings.history_turns:
            return
        if turn.origin in (Origin.MODEL, Origin.FALLBACK, Origin.STAFF):
            shown += 1
            yield turn


def _lines(turn: Turn) -> Iterator[PromptLine]:
    if turn.origin is Origin.STAFF:
        yield PromptLine("assistant", turn.text)
        return
    yield PromptLine("user", turn.text)
    if turn.origin is Origin.MODEL and turn.reply.text:
        yield PromptLine("assistant", turn.reply.text)
