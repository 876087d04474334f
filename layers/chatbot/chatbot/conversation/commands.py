"""What a slash command does. One entry of `COMMANDS` is one command, on every channel.

Each takes effect first and idempotently, by the message's key: a redelivered command runs again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from chatbot.core.files import File, Made
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Kind, Message
from chatbot.core.ports import Channel, Files, History
from chatbot.core.settings import Settings
from chatbot.core.timeline import Window
from chatbot.core.translations import language_of, say
from chatbot.core.turn import Button, Origin, Reply, Turn

TURNS_SHOWN = 10
LONGEST_SHOWN = 300
"""Characters of each text that /history shows."""
BACKUP_DAYS = 35
"""How long DynamoDB's point-in-time recovery keeps what was deleted."""
_NOTHING = Reply("")
ANSWERED = (Origin.MODEL, Origin.FALLBACK, Origin.FILTERED)


@dataclass(frozen=True, slots=True)
class Context:
    """What a command may look at and change."""

    message: Message
    window: Window
    channel: Channel
    history: History
    files: Files
    settings: Settings

    @property
    def language(self) -> str:
        return language_of(self.message, self.window.person, self.settings)

    def say(self, name: str, /, **facts: str | int) -> str:
        return say(name, self.language, **facts)

    def button(self, name: str, payload: str) -> Button:
        return Button(self.say(name), payload)

    def choose(self, **changes: str | bool) -> None:
        """Keep what the person chose."""
        person = replace(self.window.person, **changes)  # type: ignore[arg-type]
        self.history.save_person(self.message.key.conversation, person)


@dataclass(frozen=True, slots=True)
class Result:
    """What is said, or what must be done to say it; and what the turn is to later prompts.

    `draw` is the prompt of a picture; `again` the message to be answered in place of this one,
    whose turn `replaces` names. `wordless`: nothing that the person wrote is kept.
    """

    reply: Reply = _NOTHING
    fresh_start: bool = False
    resumed: bool = False
    wordless: bool = False
    draw: str = ""
    again: Message | None = None
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """`ruling`: in a group it is for administrators."""

    run: Callable[[Context], Result]
    ruling: bool = False


def run(context: Context) -> Result:
    """Carry out the message's command; an unknown one is answered with what there is.

    Raises Retryable.
    """
    command = COMMANDS.get(context.message.command)
    if command is None:
        known = f"{context.say('unknown_command')}\n\n{_list_of_commands(context)}"
        return Result(Reply(known))
    for_some = command.ruling and context.message.group
    if for_some and not context.channel.is_administrator(context.message):
        return _says(context, "administrators_only")
    return command.run(context)


def exported(turn: Turn) -> dict[str, Any]:
    """All that is kept of a turn, as JSON takes it."""
    at = datetime.fromtimestamp(turn.key.occurred_at / 1000, UTC).isoformat()
    return {"at": at, **asdict(replace(turn, claim=None))}


def _says(context: Context, name: str, /, *buttons: Button, **facts: str | int) -> Result:
    return Result(Reply(context.say(name, **facts), buttons))


def _start(context: Context) -> Result:
    author = Author("") if context.message.group else context.message.author
    context.choose(registered=True, name=author.name, language=author.language)
    name = context.message.author.name
    hello = context.say("hello", name=name) if name else context.say("hello_you")
    return Result(Reply(f"{hello} {_help(context).reply.text}"))


def _help(context: Context) -> Result:
    return Result(Reply(f"{context.say('greeting')}\n\n{_list_of_commands(context)}"))


def _chat(context: Context) -> Result:
    context.choose(mode="")
    return _says(context, "chat_mode")


def _image(context: Context) -> Result:
    if context.settings.image_model == "off":
        return _says(context, "images_off")
    if context.message.arguments:
        return Result(draw=context.message.arguments)
    context.choose(mode="image")
    return _says(context, "image_mode")


def _reset(context: Context) -> Result:
    return replace(_says(context, "fresh_start"), fresh_start=True)


def _new(context: Context) -> Result:
    wish = context.message.arguments.lower()
    if wish == "fresh":
        return _reset(context)
    if wish != "earlier":
        fresh = context.button("button_fresh", "/new fresh")
        return _says(context, "new", fresh, context.button("button_earlier", "/new earlier"))
    if next(_spoken(context), None) is None:
        return _says(context, "nothing_earlier")
    context.history.lift_break(context.message.key)
    return replace(_says(context, "resumed"), resumed=True)


def _history(context: Context) -> Result:
    last = [*islice(_spoken(context), TURNS_SHOWN)][::-1]
    if not last:
        return _says(context, "nothing_earlier")
    shown = "\n\n".join(_shown(context, turn) for turn in last)
    return Result(Reply(f"{context.say('history')}\n\n{shown}"))


def _persona(context: Context) -> Result:
    personas, wish = context.settings.persona_prompts, context.message.arguments.lower()
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
    current = context.window.person.persona
    return _says(context, "persona", *buttons, name=current if current in personas else own)


def _export(context: Context) -> Result:
    key = context.message.key
    turns = [exported(turn) for turn in context.history.older(key)]
    person = asdict(context.window.person)
    document = {"conversation": key.conversation, "person": person, "turns": turns[::-1]}
    content = json.dumps(document, ensure_ascii=False, indent=1).encode()
    made = Made(key.file_name("json"), "application/json", "conversation.json")
    context.files.keep(made.name, File(content, made.type))
    return Result(Reply(context.say("export", turns=len(turns)), made=made))


def _forget(context: Context) -> Result:
    wish = context.message.arguments.lower()
    if wish == "yes":
        older = context.history.older(context.message.key)
        context.files.delete([turn.reply.made.name for turn in older if turn.reply.made])
        context.history.erase(context.message.key)
        return replace(_says(context, "forgotten", days=BACKUP_DAYS), wordless=True)
    if wish == "no":
        return _says(context, "kept")
    erase = context.button("button_forget", "/forget yes")
    return _says(context, "forget", erase, context.button("button_keep", "/forget no"))


def _stop(context: Context) -> Result:
    """A stop passes the queue by; one that comes through it has nothing to stop."""
    return _says(context, "nothing_to_stop")


def _retry(context: Context) -> Result:
    message = context.message
    for last in context.history.older(message.key):
        if last.fresh_start and not last.lifted_by:
            break
        if last.origin in ANSWERED and not last.leader:
            drawn = last.reply.made.title if last.reply.made else _picture_asked(last)
            if drawn:
                return Result(draw=drawn, replaces=last.key.sort)
            again = replace(message, kind=Kind.TEXT, text=last.text, more=last.more, command="")
            again = replace(again, key=_first(context.history, last), arguments="")
            return Result(again=again, replaces=last.key.sort)
    return _says(context, "nothing_to_retry")


def _picture_asked(turn: Turn) -> str:
    """Of a picture that was not drawn."""
    command, _, words = turn.text.partition(" ")
    return words.strip() if command.partition("@")[0] == "/image" else ""


def _first(history: History, turn: Turn) -> TurnKey:
    """Where the message was answered for the first time."""
    while turn.replaces:
        earlier = history.find(replace(turn.key, sort=turn.replaces))
        if earlier is None:
            break
        turn = earlier
    return turn.key


def _spoken(context: Context) -> Iterator[Turn]:
    """What was said and answered before, newest first, without what was answered anew."""
    replaced = set()
    for turn in context.history.older(context.message.key):
        replaced.add(turn.replaces)
        if turn.leader or turn.key.sort in replaced:
            continue
        if turn.origin in (*ANSWERED, Origin.STAFF):
            yield turn


def _shown(context: Context, turn: Turn) -> str:
    you, me = context.say("you"), context.say("me")
    if turn.origin is Origin.STAFF:
        return f"{me}: {_short(turn.text)}"
    picture = "🖼 " if turn.reply.made else ""
    answer = f"\n{me}: {picture}{_short(turn.reply.text)}" if turn.reply.text else ""
    return f"{you}: {_short(turn.words)}{answer}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _list_of_commands(context: Context) -> str:
    return "\n".join(f"/{name} – {context.say(f'/{name}')}" for name in COMMANDS)


COMMANDS: dict[str, Command] = {
    "start": Command(_start),
    "help": Command(_help),
    "chat": Command(_chat),
    "image": Command(_image),
    "reset": Command(_reset, ruling=True),
    "new": Command(_new, ruling=True),
    "history": Command(_history),
    "persona": Command(_persona, ruling=True),
    "export": Command(_export, ruling=True),
    "forget": Command(_forget, ruling=True),
    "stop": Command(_stop),
    "retry": Command(_retry),
}
