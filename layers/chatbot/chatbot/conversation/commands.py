"""What a slash command does. One entry of `COMMANDS` is one command, on every channel.

Each takes effect first and idempotently, by the message's key: a redelivered command runs again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

from chatbot.conversation.context import Context
from chatbot.conversation.export import exported, exported_profile
from chatbot.core.files import File, StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Command, Kind, Message
from chatbot.core.ports import Turns
from chatbot.core.timeline import exchanges, is_exchange, until_break
from chatbot.core.turn import Button, Links, Origin, Reply, Turn

TURNS_SHOWN = 10
LONGEST_SHOWN = 300
"""Characters of each text that /history shows."""


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with `reply`. `links` say what the turn is to later prompts.

    `wordless`: nothing that the person wrote is kept.
    """

    reply: Reply
    links: Links = Links()
    wordless: bool = False


@dataclass(frozen=True, slots=True)
class Draw:
    """Answer with a picture of `prompt`."""

    prompt: str
    links: Links = Links()


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Answer `message` in place of the command; `links` name the turn that had answered it."""

    message: Message
    links: Links


Result = Say | Draw | AskAgain


@dataclass(frozen=True, slots=True)
class Entry:
    """`ruling`: in a group it is for administrators."""

    run: Callable[[Context], Result]
    ruling: bool = False


def run(context: Context) -> Result:
    """Carry out the message's command; an unknown one is answered with a list of all.

    Raises Retryable.
    """
    command = COMMANDS.get(context.message.command.name)
    if command is None:
        known = f"{context.say('unknown_command')}\n\n{_list_of_commands(context)}"
        return Say(Reply(known))
    for_some = command.ruling and context.message.group
    if for_some and not context.channel.is_administrator(context.message):
        return _says(context, "administrators_only")
    return command.run(context)


def _says(context: Context, name: str, /, *buttons: Button, **facts: str | int) -> Say:
    return Say(Reply(context.say(name, **facts), buttons))


def _start(context: Context) -> Result:
    author = Author("") if context.message.group else context.message.author
    context.choose(registered=True, name=author.name, language=author.language)
    name = context.message.author.name
    hello = context.say("hello", name=name) if name else context.say("hello_you")
    return Say(Reply(f"{hello} {_greeting(context)}"))


def _help(context: Context) -> Result:
    return Say(Reply(_greeting(context)))


def _greeting(context: Context) -> str:
    return f"{context.say('greeting')}\n\n{_list_of_commands(context)}"


def _chat(context: Context) -> Result:
    context.choose(mode="")
    return _says(context, "chat_mode")


def _image(context: Context) -> Result:
    if context.settings.image_model == "off":
        return _says(context, "images_off")
    if context.message.command.arguments:
        return Draw(context.message.command.arguments)
    context.choose(mode="image")
    return _says(context, "image_mode")


def _reset(context: Context) -> Result:
    return replace(_says(context, "fresh_start"), links=Links(fresh_start=True))


def _new(context: Context) -> Result:
    wish = context.message.command.arguments.lower()
    if wish == "fresh":
        return _reset(context)
    if wish != "earlier":
        fresh = context.button("button_fresh", "/new fresh")
        return _says(context, "new", fresh, context.button("button_earlier", "/new earlier"))
    if next(exchanges(context.history.older(context.message.key)), None) is None:
        return _says(context, "nothing_earlier")
    context.history.lift_break(context.message.key)
    return replace(_says(context, "resumed"), links=Links(resumed=True))


def _history(context: Context) -> Result:
    earlier = exchanges(context.history.older(context.message.key))
    last = [*islice(earlier, TURNS_SHOWN)][::-1]
    if not last:
        return _says(context, "nothing_earlier")
    shown = "\n\n".join(_shown(context, turn) for turn in last)
    return Say(Reply(f"{context.say('history')}\n\n{shown}"))


def _persona(context: Context) -> Result:
    personas, wish = context.settings.persona_prompts, context.message.command.arguments.lower()
    if not personas:
        return _says(context, "no_personas")
    names = {name.lower(): name for name in personas}
    own = context.say("persona_default")
    if wish in ("default", *names):
        chosen = names.get(wish, "")
        context.choose(persona=chosen)
        return _says(context, "persona_chosen", name=chosen or own)
    buttons = [Button(own, "/persona default")]
    buttons += [Button(name, f"/persona {name}") for name in personas]
    current = context.timeline.profile.persona
    return _says(context, "persona", *buttons, name=current if current in personas else own)


def _export(context: Context) -> Result:
    key = context.message.key
    turns = [exported(turn) for turn in context.history.older(key)]
    person = exported_profile(context.timeline.profile)
    document = {"conversation": key.conversation, "person": person, "turns": turns[::-1]}
    content = json.dumps(document, ensure_ascii=False, indent=1).encode()
    export = StoredFile(key.file_name("json"), "application/json", "conversation.json")
    context.files.keep(export.name, File(content, export.type))
    return Say(Reply(context.say("export", turns=len(turns)), file=export))


def _forget(context: Context) -> Result:
    wish = context.message.command.arguments.lower()
    if wish == "yes":
        older = context.history.older(context.message.key)
        context.files.delete([turn.reply.file.name for turn in older if turn.reply.file])
        days = context.history.erase(context.message.key)
        return replace(_says(context, "forgotten", days=days), wordless=True)
    if wish == "no":
        return _says(context, "kept")
    erase = context.button("button_forget", "/forget yes")
    return _says(context, "forget", erase, context.button("button_keep", "/forget no"))


def _stop(context: Context) -> Result:
    """A stop passes the queue by; one that comes through it has nothing to stop."""
    return _says(context, "nothing_to_stop")


def _retry(context: Context) -> Result:
    message = context.message
    earlier = until_break(context.history.older(message.key))
    asked = (turn for turn in earlier if is_exchange(turn) and turn.origin is not Origin.STAFF)
    last = next(asked, None)
    if last is None:
        return _says(context, "nothing_to_retry")
    links = Links(replaces=last.key.sort)
    drawn = last.reply.file.title if last.reply.file else _picture_asked(last)
    if drawn:
        return Draw(drawn, links)
    key = _first(context.history, last)
    again = replace(message, key=key, kind=Kind.TEXT, text=last.text, more=last.more)
    return AskAgain(replace(again, command=Command()), links)


def _picture_asked(turn: Turn) -> str:
    """Of a picture that was not drawn."""
    command, _, words = turn.text.partition(" ")
    return words.strip() if command.partition("@")[0] == "/image" else ""


def _first(history: Turns, turn: Turn) -> TurnKey:
    """Where the message was answered for the first time."""
    while turn.links.replaces:
        earlier = history.find(replace(turn.key, sort=turn.links.replaces))
        if earlier is None:
            break
        turn = earlier
    return turn.key


def _shown(context: Context, turn: Turn) -> str:
    you, me = context.say("you"), context.say("me")
    if turn.origin is Origin.STAFF:
        return f"{me}: {_short(turn.text)}"
    picture = "🖼 " if turn.reply.file else ""
    answer = f"\n{me}: {picture}{_short(turn.reply.text)}" if turn.reply.text else ""
    return f"{you}: {_short(turn.words)}{answer}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _list_of_commands(context: Context) -> str:
    return "\n".join(f"/{name} – {context.say(f'/{name}')}" for name in COMMANDS)


COMMANDS: dict[str, Entry] = {
    "start": Entry(_start),
    "help": Entry(_help),
    "chat": Entry(_chat),
    "image": Entry(_image),
    "reset": Entry(_reset, ruling=True),
    "new": Entry(_new, ruling=True),
    "history": Entry(_history),
    "persona": Entry(_persona, ruling=True),
    "export": Entry(_export, ruling=True),
    "forget": Entry(_forget, ruling=True),
    "stop": Entry(_stop),
    "retry": Entry(_retry),
}
