"""How /history shows a turn: who said what, so that nobody's words look like another person's."""

from __future__ import annotations

from chatbot.conversation.context import Context
from chatbot.core.limits import LONGEST_CAPTION
from chatbot.core.markdown import begins_block, defines, escaped, shortened, shortened_markdown
from chatbot.core.printable import without_controls
from chatbot.core.text import shows_nothing
from chatbot.core.turn import Origin, Turn

LONGEST_SHOWN = 300
"""Characters that are shown of each text."""
LONGEST_SPEAKER = 64
"""Characters that are shown of a name: as many as Telegram's have (Bot API, User)."""
FURTHER_LINE = "\n│ "
"""What is shown between two lines of a text in a group."""


def shown_turn(context: Context, turn: Turn) -> str:
    """The message and its answer as Markdown, each shortened, with who said it."""
    if turn.origin is Origin.STAFF:
        return f"{context.say('me')}: {_as_written(context, turn.text)}"
    asked = f"{_speaker(context, turn)}: {_as_written(context, turn.full_text)}"
    return f"{asked}{_shown_answer(context, turn)}"


def _speaker(context: Context, turn: Turn) -> str:
    """Who wrote the message: in a group by name, as everybody of the group may read it.

    A name is one line there, and none that stands for the bot or for the reader.
    """
    you = context.say("you")
    if not context.message.group:
        return you
    name = shortened(
        " ".join(without_controls(turn.author.name).replace(":", " ").split()), LONGEST_SPEAKER
    )
    taken = {you.casefold(), context.say("me").casefold()}
    return (
        context.say("somebody")
        if shows_nothing(name) or name.casefold() in taken
        else escaped(name)
    )


def _shown_answer(context: Context, turn: Turn) -> str:
    """The answer as Markdown; a picture begins with its description.

    In a group it is shown as it is written, line by line: people can make the model write another
    person's name, and headings, quotes, `<br>` and `&#10;` all begin a line.
    """
    text, me = turn.reply.text, context.say("me")
    if not text:
        return ""
    if turn.reply.file:
        return f"\n{me}: 🖼 {_with_caption(context, text, turn.reply.file.title)}"
    if context.message.group or defines(text):
        return f"\n{me}: {_as_written(context, text)}"
    answer = shortened_markdown(text, LONGEST_SHOWN)
    return f"\n{me}:\n\n{answer}" if begins_block(answer) else f"\n{me}: {answer}"


def _with_caption(context: Context, text: str, caption: str) -> str:
    """The text of a picture, which begins with the caption; earlier versions did not escape it."""
    shown = escaped(shortened(caption, LONGEST_CAPTION))
    after = text.removeprefix(shown).removeprefix(caption)
    if context.message.group:
        return _as_lines(shortened(caption, LONGEST_SHOWN) + shortened(after, LONGEST_SHOWN))
    return _as_written(context, caption) + shortened_markdown(after, LONGEST_SHOWN)


def _as_written(context: Context, words: str) -> str:
    shown = shortened(words, LONGEST_SHOWN)
    return _as_lines(shown) if context.message.group else escaped(shown)


def _as_lines(words: str) -> str:
    """The words as they are; each further line begins with a bar.

    Otherwise one of them could look like what another person has said: `Bob: …`.
    """
    return FURTHER_LINE.join(map(escaped, words.splitlines()))
