"""What a slash command does. One entry of `COMMANDS` is one command, on every channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chatbot.messages import Message, Person, Reply, Window
from chatbot.ports import History


@dataclass(frozen=True, slots=True)
class Context:
    """What a command may look at and change."""

    message: Message
    window: Window
    history: History


@dataclass(frozen=True, slots=True)
class Result:
    """What is said, and whether the model's memory starts fresh after it."""

    reply: Reply
    fresh_start: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """`run` takes effect first and idempotently: a redelivered command runs again."""

    help: str
    run: Callable[[Context], Result]


def run(context: Context) -> Result:
    """Carry out the message's command; an unknown one is answered with what there is."""
    command = COMMANDS.get(context.message.command)
    if command is None:
        return Result(Reply("I don't know that command.\n\n" + _list_of_commands()))
    return command.run(context)


def _start(context: Context) -> Result:
    author = context.message.author
    person = Person(registered=True, name=author.name, language=author.language)
    context.history.save_person(context.message.key.conversation, person)
    hello = f"Hello, {author.name}!" if author.name else "Hello!"
    return Result(Reply(f"{hello} Write to me and I will answer.\n\n{_list_of_commands()}"))


def _help(context: Context) -> Result:
    return Result(Reply("Write to me and I will answer.\n\n" + _list_of_commands()))


def _reset(context: Context) -> Result:
    return Result(Reply("A fresh start: I no longer look back."), fresh_start=True)


def _list_of_commands() -> str:
    return "\n".join(f"/{name} – {command.help}" for name, command in COMMANDS.items())


COMMANDS: dict[str, Command] = {
    "start": Command("say hello", _start),
    "help": Command("what I can do", _help),
    "reset": Command("start fresh", _reset),
}
