"""The slash commands, the same on every channel. Each is one entry of `COMMANDS`.

A command takes effect before its turn is stored, so it may run again when its message is delivered
again. Its effect must therefore be idempotent by the message's key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice, takewhile

from chatbot.conversation import forget
from chatbot.conversation.context import Context
from chatbot.conversation.export import Export
from chatbot.conversation.shown import shown_turn
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.files import StoredFile
from chatbot.core.key import TURN_PREFIX, TurnKey
from chatbot.core.limits import (
    EXPORT_RESERVE,
    MOST_EXPORT,
    MOST_LOOKED_AT,
    MOST_RETRIES,
    UNPROCESSED_DAYS,
)
from chatbot.core.message import Author, Command, Kind, Message
from chatbot.core.ports import Turns
from chatbot.core.timeline import exchanges, is_exchange, until_break
from chatbot.core.turn import Button, Links, Origin, Reply, Turn

TURNS_SHOWN = 10
"""Exchanges that /history shows."""
_CURSOR = re.compile(r"\d{13}(?:#[!-~]{0,500})?", re.ASCII)  # a sort key without TURN_PREFIX


@dataclass(frozen=True, slots=True)
class Say:
    """Result: answer with `reply`.

    `links` are stored with the turn. With `discard_text` the turn keeps neither the command's text
    nor its author.
    """

    reply: Reply
    links: Links = Links()
    discard_text: bool = False


@dataclass(frozen=True, slots=True)
class Draw:
    """Result: answer with a picture of what `prompt` describes."""

    prompt: str
    links: Links = Links()


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Result: answer `message` in place of the command. `links` name the turn that is replaced."""

    message: Message
    links: Links


Result = Say | Draw | AskAgain
"""What a command asks for."""


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command: the function that runs it.

    With `admin_only` it is for the administrators of a group, and for everybody in private.
    """

    run: Callable[[Context], Result]
    admin_only: bool = False


def run(context: Context) -> Result:
    """Run the message's command; an unknown one is answered with the list of commands.

    Raises Retryable.
    """
    command = COMMANDS.get(context.message.command.name)
    if command is None:
        text = f"{context.say('unknown_command')}\n\n{_list_of_commands(context)}"
        return Say(Reply(text))
    restricted = command.admin_only and context.message.group
    if restricted and not context.channel.is_administrator(context.message):
        return _sentence(context, "administrators_only")
    return command.run(context)


def _sentence(context: Context, name: str, /, *buttons: Button, **facts: str | int) -> Say:
    return Say(Reply(context.say(name, **facts), buttons))


def _start(context: Context) -> Result:
    author = Author("") if context.message.group else context.message.author
    context.update_profile(registered=True, name=author.name, language=author.language)
    name = context.message.author.name
    hello = context.say("hello", name=name) if name else context.say("hello_you")
    return Say(Reply(f"{hello} {_greeting(context)}"))


def _help(context: Context) -> Result:
    return Say(Reply(_greeting(context)))


def _greeting(context: Context) -> str:
    return f"{context.say('greeting')}\n\n{_list_of_commands(context)}"


def _chat(context: Context) -> Result:
    context.update_profile(mode="")
    return _sentence(context, "chat_mode")


def _image(context: Context) -> Result:
    if context.settings.image_model == "off":
        return _sentence(context, "images_off")
    if context.message.command.arguments:
        return Draw(context.message.command.arguments)
    context.update_profile(mode="image")
    return _sentence(context, "image_mode")


def _reset(context: Context) -> Result:
    return replace(_sentence(context, "fresh_start"), links=Links(fresh_start=True))


def _new(context: Context) -> Result:
    choice = context.message.command.arguments.lower()
    if choice == "fresh":
        return _reset(context)
    if choice != "earlier":
        fresh = context.button("button_fresh", "/new fresh")
        return _sentence(context, "new", fresh, context.button("button_earlier", "/new earlier"))
    if next(exchanges(_newest(context)), None) is None:
        return _not_found(context, "nothing_earlier")
    context.history.lift_break(context.message.key, context.deadline.left())
    return replace(_sentence(context, "resumed"), links=Links(resumed=True))


def _history(context: Context) -> Result:
    earlier = exchanges(_newest(context))
    last = [shown_turn(context, turn) for turn in islice(earlier, TURNS_SHOWN)][::-1]
    if not last:
        return _not_found(context, "nothing_earlier")
    shown = "\n\n".join(last)
    return Say(Reply(f"{context.say('history')}\n\n{shown}"))


def _newest(context: Context) -> Iterator[Turn]:
    """The newest turns before the command, read page by page, while there is time."""
    newest = islice(context.history.older(context.message.key), MOST_LOOKED_AT)
    return takewhile(lambda _: context.deadline.left() > 0, newest)


def _not_found(context: Context, name: str) -> Say:
    """Say that nothing was found among the newest turns.

    Raises HistoryUnavailable where time may have ended the search: the next delivery has more.
    """
    if context.deadline.left() <= 0:
        raise HistoryUnavailable("no time left to look back", retry_after=0)
    return _sentence(context, name)


def _persona(context: Context) -> Result:
    personas, choice = context.settings.persona_prompts, context.message.command.arguments.lower()
    if not personas:
        return _sentence(context, "no_personas")
    names = {name.lower(): name for name in personas}
    default = context.say("persona_default")
    if choice in ("default", *names):
        chosen = names.get(choice, "")
        context.update_profile(persona=chosen)
        return _sentence(context, "persona_chosen", name=chosen or default)
    buttons = [Button(default, "/persona default")]
    buttons += [Button(name, f"/persona {name}") for name in personas]
    current = context.timeline.profile.persona
    return _sentence(context, "persona", *buttons, name=current if current in personas else default)


def _export(context: Context) -> Result:
    """Write the turns to the bucket, oldest first; what does not fit is a part of its own.

    The part begins with the turn whose sort key, without its prefix, is the argument.
    """
    key, chosen = context.message.key, context.message.command.arguments
    since = TURN_PREFIX + (chosen if _CURSOR.fullmatch(chosen) else "")
    made = Export(MOST_EXPORT, lambda: context.deadline.left() > EXPORT_RESERVE)
    turns = context.history.oldest(key, since)
    file = StoredFile(key.file_name("json"), "application/json", "conversation.json")
    document = made.chunks(key.conversation, context.timeline.profile, turns)
    context.files.write(file.name, file.type, document)
    name, buttons = "export", tuple[Button, ...]()
    if made.next is not None:
        rest = f"/export {made.next.removeprefix(TURN_PREFIX)}"
        name, buttons = "export_part", (context.button("button_export", rest),)
    return Say(Reply(context.say(name, turns=made.turns), buttons, file=file))


def _forget(context: Context) -> Result:
    choice = context.message.command.arguments.lower()
    if choice == "yes":
        backups = forget.erase(
            context.history,
            context.files,
            context.message.key,
            context.timeline.profile.moved_from,
            lambda: context.deadline.left() - EXPORT_RESERVE,
        )
        forgotten = _sentence(context, "forgotten", backups=backups, letters=UNPROCESSED_DAYS)
        return replace(forgotten, discard_text=True)
    if choice == "no":
        return _sentence(context, "kept")
    erase = context.button("button_forget", "/forget yes")
    return _sentence(context, "forget", erase, context.button("button_keep", "/forget no"))


def _stop(context: Context) -> Result:
    """Answer a stop that nothing was left to stop for: the webhook handles stops first."""
    return _sentence(context, "nothing_to_stop")


def _retry(context: Context) -> Result:
    message = context.message
    earlier = until_break(_newest(context))
    asked = (turn for turn in earlier if is_exchange(turn) and turn.origin is not Origin.STAFF)
    last = next(asked, None)
    if last is None:
        return _not_found(context, "nothing_to_retry")
    if message.group and last.author.id != message.author.id:
        return _sentence(context, "not_yours_to_retry")
    links = Links(replaces=last.key.sort)
    description = last.reply.file.title if last.reply.file else _failed_picture_prompt(last)
    if description:
        return Draw(description, links)
    key = _first_key(context.history, last)
    again = replace(message, key=key, kind=Kind.TEXT, text=last.text, more=last.more)
    return AskAgain(replace(again, command=Command(), media=last.media), links)


def _failed_picture_prompt(turn: Turn) -> str:
    """The prompt of an /image command that did not give a picture, else ""."""
    command, _, words = turn.text.partition(" ")
    return words.strip() if command.partition("@")[0] == "/image" else ""


def _first_key(history: Turns, turn: Turn) -> TurnKey:
    """The key of the first turn for the message, which may have been retried before."""
    for _ in range(MOST_RETRIES):
        if not turn.links.replaces:
            break
        earlier = history.find(replace(turn.key, sort=turn.links.replaces))
        if earlier is None:
            break
        turn = earlier
    return turn.key


def _list_of_commands(context: Context) -> str:
    return "\n".join(f"/{name} – {context.say(f'/{name}')}" for name in COMMANDS)


COMMANDS: dict[str, CommandEntry] = {
    "start": CommandEntry(_start),
    "help": CommandEntry(_help),
    "chat": CommandEntry(_chat),
    "image": CommandEntry(_image),
    "reset": CommandEntry(_reset, admin_only=True),
    "new": CommandEntry(_new, admin_only=True),
    "history": CommandEntry(_history),
    "persona": CommandEntry(_persona, admin_only=True),
    "export": CommandEntry(_export, admin_only=True),
    "forget": CommandEntry(_forget, admin_only=True),
    "stop": CommandEntry(_stop),
    "retry": CommandEntry(_retry),
}
