"""Build the prompt: system line, earlier turns, and the message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from chatbot.conversation.context import Context
from chatbot.core.completion import PromptLine
from chatbot.core.message import Author
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Origin, Turn

LONGEST_QUOTE = 1_000
"""Characters that are quoted of the message that is replied to."""


def build(context: Context, now: int) -> list[PromptLine]:
    """The prompt for the message: system line, earlier turns with the oldest first, the message.

    `now` is in milliseconds since the epoch. Only turns with keys below the message's own are
    included, so that a message that is answered late or again sees the history of its time.
    """
    message, timeline, settings = context.message, context.timeline, context.settings
    earlier: list[PromptLine] = []
    budget = settings.history_tokens / _tokens_per_estimate(timeline)
    oldest = min(now, message.key.occurred_at) - int(settings.history_max_age * 1000)
    for turn in timeline.remembered(message.key, oldest, settings.history_turns):
        lines = list(_turn_lines(turn, message.group))
        budget -= estimate(lines)
        if budget < 0:
            break
        earlier = lines + earlier
    question = _with_name(message.full_text, message.author, message.group)
    quoted = message.reply_to.text or _text_of(message.reply_to.id, timeline)
    if quoted:
        quoted = quoted if len(quoted) <= LONGEST_QUOTE else f"{quoted[:LONGEST_QUOTE]}…"
        lines_quoted = "\n".join(f"> {line}" for line in quoted.splitlines())
        question = f"{lines_quoted}\n\n{question}"
    return [
        PromptLine("system", _system(context, now)),
        *earlier,
        PromptLine("user", question, context.pictures),
    ]


def shorter(lines: Sequence[PromptLine]) -> list[PromptLine]:
    """The prompt without the older half of the earlier turns; unchanged if there are none."""
    system, *earlier, question = lines
    kept = earlier[(len(earlier) + 1) // 2 :]
    while kept and kept[0].role == "assistant":
        kept = kept[1:]
    return [system, *kept, question]


def estimate(lines: Sequence[PromptLine]) -> int:
    """Estimate tokens by four bytes a token.

    Close for English, and rather too many for most other scripts.
    """
    return sum(len(line.content.encode("utf-8", "replace")) // 4 + 4 for line in lines)


def _tokens_per_estimate(timeline: Timeline) -> float:
    """Reported tokens for each estimated token of the latest answer, between 0.25 and 4."""
    known = (turn.usage for turn in timeline.turns if turn.usage.tokens_in and turn.usage.estimate)
    newest = next(known, None)
    return min(4.0, max(0.25, newest.tokens_in / newest.estimate)) if newest else 1.0


def _system(context: Context, now: int) -> str:
    settings, profile = context.settings, context.timeline.profile
    name = context.message.author.name or profile.name
    date = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
    prompt = settings.persona_prompts.get(profile.persona, settings.system_prompt)
    prompt = prompt.replace("{date}", date).replace("{name}", name)
    mention = context.channel.mention
    called = f"People here call you {mention}." if mention else ""
    return "\n".join(filter(None, (prompt, called, settings.reply_style)))


def _with_name(text: str, author: Author, group: bool) -> str:
    """The text, in a group with its author's name before it."""
    name = " ".join(author.name.split())
    return f"{name}: {text}" if group and name else text


def _text_of(platform_id: str, timeline: Timeline) -> str:
    """The text of a message that is replied to, be it the bot's or a person's, else ""."""
    for turn in timeline.turns if platform_id else ():
        if platform_id in turn.posted:
            return turn.reply.text
        if turn.key.event_id.startswith(f"{platform_id}:"):
            return turn.text
    return ""


def _turn_lines(turn: Turn, group: bool) -> Iterator[PromptLine]:
    if turn.origin is Origin.STAFF:
        yield PromptLine("assistant", turn.text)
        return
    yield PromptLine("user", _with_name(turn.full_text, turn.author, group))
    if turn.reply.file:
        yield PromptLine("assistant", f"[picture: {turn.reply.file.title}]")
    elif turn.origin is Origin.MODEL and turn.reply.text:
        yield PromptLine("assistant", turn.reply.text)
