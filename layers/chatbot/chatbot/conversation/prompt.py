"""Build the prompt: system line, earlier turns, and the message."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from chatbot.conversation.context import Context
from chatbot.conversation.window import Limits, window
from chatbot.core.completion import PromptLine
from chatbot.core.message import Author, Message
from chatbot.core.prompt import Prompt, PromptTurn, quoted
from chatbot.core.text import as_name
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Origin, Turn

LONGEST_QUOTE = 1_000
"""Characters that are quoted of the message that is replied to."""
NAMELESS = "Somebody"
"""Who speaks in a group without a name."""


def build(context: Context, now: int) -> Prompt:
    """The prompt for the message: system line, earlier turns with the oldest first, the message.

    `now` is in milliseconds since the epoch. Only turns with keys below the message's own are
    included, so that a message that is answered late or again sees the history of its time.
    """
    message, timeline, settings = context.message, context.timeline, context.settings
    limits = Limits(
        settings.history_turns,
        min(now, message.key.occurred_at) - int(settings.history_max_age * 1000),
        settings.history_tokens / _tokens_per_estimate(timeline),
    )
    earlier = [
        PromptTurn(turn.key.sort, tuple(_turn_lines(turn, message.group)))
        for turn in window(timeline, message.key, limits, lambda turn: _cost(turn, message.group))
    ]
    question = PromptLine("user", _question(message, timeline), context.pictures)
    return Prompt(
        PromptLine("system", _system(context, now)),
        (*reversed(earlier), PromptTurn(message.key.sort, (question,))),
        cache_key=_hash(f"chatbot prompt of {message.key.conversation}"),
        author=_author_hash(message),
    )


def shorter(prompt: Prompt) -> Prompt:
    """The prompt without the older half of the earlier turns; equal if there are none."""
    *earlier, message = prompt.turns
    return replace(prompt, turns=(*earlier[(len(earlier) + 1) // 2 :], message))


def estimate(lines: Iterable[PromptLine]) -> int:
    """Estimate tokens by four bytes a token.

    Close for English, and rather too many for most other scripts.
    """
    return sum(len(line.content.encode("utf-8", "replace")) // 4 + 4 for line in lines)


def _cost(turn: Turn, group: bool) -> int:
    return estimate(_turn_lines(turn, group))


def _question(message: Message, timeline: Timeline) -> str:
    """The message's text, below a quote of the message that it replies to."""
    text = _with_name(message.full_text, message.author, message.group)
    replied_to = message.reply_to.text or _text_of(message, timeline)
    if not replied_to:
        return text
    if len(replied_to) > LONGEST_QUOTE:
        replied_to = f"{replied_to[:LONGEST_QUOTE]}…"
    return f"{quoted(replied_to)}\n\n{text}"


def _author_hash(message: Message) -> str:
    """A hash by which the server can tell the bot's users apart.

    It does not hide who they are: ids are short, and who knows or tries them can compute it
    (docs/security.md).
    """
    author = message.author.id
    return _hash(f"chatbot user {message.channel}:{author}") if author else ""


def _hash(text: str) -> str:
    """64 hexadecimal digits, which is the most that the OpenAI API takes for either hash."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _tokens_per_estimate(timeline: Timeline) -> float:
    """Reported tokens for each estimated token of the latest answer, between 0.25 and 4."""
    known = (turn.usage for turn in timeline.turns if turn.usage.tokens_in and turn.usage.estimate)
    newest = next(known, None)
    return min(4.0, max(0.25, newest.tokens_in / newest.estimate)) if newest else 1.0


def _system(context: Context, now: int) -> str:
    settings, profile = context.settings, context.timeline.profile
    name = as_name(context.message.author.name) or as_name(profile.name)
    date = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
    prompt = settings.persona_prompts.get(profile.persona, settings.system_prompt)
    prompt = prompt.replace("{date}", date).replace("{name}", name)
    mention = context.channel.mention
    called = f"People here call you {mention}." if mention else ""
    parts = (prompt, called, settings.reply_style)
    return "\n".join(part for part in parts if part.strip())


def _with_name(text: str, author: Author, group: bool) -> str:
    """The text, in a group with its author's name before it.

    There, further lines are indented: only a name of ours begins a line, so that nobody can write
    what another person seems to have said.
    """
    if not group:
        return text
    first, *more = text.strip("\n").splitlines() or [""]
    return "\n".join([f"{as_name(author.name) or NAMELESS}: {first}", *map("  {}".format, more)])


def _text_of(message: Message, timeline: Timeline) -> str:
    """The text of what the message replies to, be it the bot's or a person's, else "".

    Under another id of the conversation, the platform's id may be that of another message.
    """
    platform_id = message.reply_to.id
    for turn in timeline.turns if platform_id else ():
        if turn.key.conversation != message.key.conversation:
            continue
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
    elif turn.reply.text:
        yield PromptLine("assistant", turn.reply.text)
