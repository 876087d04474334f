"""What the model is shown: who it is, what was said before, what is asked now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from chatbot.conversation.context import Context
from chatbot.core.completion import PromptLine
from chatbot.core.message import Author
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Origin, Turn

LONGEST_QUOTE = 1_000
"""Characters that are shown of what is replied to."""


def build(context: Context, now: int) -> list[PromptLine]:
    """The prompt for the message: system line, earlier turns oldest first, the message.

    `now` is epoch milliseconds. Only turns whose keys lie below the message's own are shown, so
    that a message answered again later sees what it would have seen.
    """
    message, timeline, settings = context.message, context.timeline, context.settings
    earlier: list[PromptLine] = []
    room = settings.history_tokens / _weight(timeline)
    oldest = min(now, message.key.occurred_at) - int(settings.history_max_age * 1000)
    for turn in timeline.remembered(message.key, oldest, settings.history_turns):
        lines = list(_lines(turn, message.group))
        room -= estimate(lines)
        if room < 0:
            break
        earlier = lines + earlier
    asked = _named(message.words, message.author, message.group)
    quoted = message.reply_to.text or _said_in(message.reply_to.id, timeline)
    if quoted:
        quoted = quoted if len(quoted) <= LONGEST_QUOTE else f"{quoted[:LONGEST_QUOTE]}…"
        lines_quoted = "\n".join(f"> {line}" for line in quoted.splitlines())
        asked = f"{lines_quoted}\n\n{asked}"
    return [
        PromptLine("system", _system(context, now)),
        *earlier,
        PromptLine("user", asked, context.pictures),
    ]


def shorter(lines: Sequence[PromptLine]) -> list[PromptLine]:
    """The prompt without the older half of what was said before; the same where there is none."""
    system, *earlier, asked = lines
    kept = earlier[(len(earlier) + 1) // 2 :]
    while kept and kept[0].role == "assistant":
        kept = kept[1:]
    return [system, *kept, asked]


def estimate(lines: Sequence[PromptLine]) -> int:
    """Tokens: four bytes a token is near for English, and careful for most other scripts."""
    return sum(len(line.content.encode("utf-8", "replace")) // 4 + 4 for line in lines)


def _weight(timeline: Timeline) -> float:
    """How many tokens one of the estimate's was, by what the model last reported."""
    known = (turn.usage for turn in timeline.turns if turn.usage.tokens_in and turn.usage.estimate)
    newest = next(known, None)
    return min(4.0, max(0.25, newest.tokens_in / newest.estimate)) if newest else 1.0


def _system(context: Context, now: int) -> str:
    settings, profile = context.settings, context.timeline.profile
    name = context.message.author.name or profile.name
    date = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
    said = settings.persona_prompts.get(profile.persona, settings.system_prompt)
    said = said.replace("{date}", date).replace("{name}", name)
    mention = context.channel.mention
    own = f"People here call you {mention}." if mention else ""
    return "\n".join(filter(None, (said, own, settings.reply_style)))


def _named(words: str, author: Author, group: bool) -> str:
    """In a group, who said it."""
    name = " ".join(author.name.split())
    return f"{name}: {words}" if group and name else words


def _said_in(platform_id: str, timeline: Timeline) -> str:
    """The text of a message that is replied to: an answer of ours, or what was asked."""
    for turn in timeline.turns if platform_id else ():
        if platform_id in turn.posted:
            return turn.reply.text
        if turn.key.event_id.startswith(f"{platform_id}:"):
            return turn.text
    return ""


def _lines(turn: Turn, group: bool) -> Iterator[PromptLine]:
    if turn.origin is Origin.STAFF:
        yield PromptLine("assistant", turn.text)
        return
    yield PromptLine("user", _named(turn.words, turn.author, group))
    if turn.reply.file:
        yield PromptLine("assistant", f"[picture: {turn.reply.file.title}]")
    elif turn.origin is Origin.MODEL and turn.reply.text:
        yield PromptLine("assistant", turn.reply.text)
