"""Parse commands that people type, such as `/image a fox`."""

from __future__ import annotations

import re

from chatbot.core.message import Command

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]+))?(?:\s+(.*))?", re.DOTALL)


def is_stop(text: str, bot_username: str = "") -> bool:
    """Whether `text` is the command /stop, which bypasses the queue."""
    command = parse_command(text, bot_username)
    return command is not None and command.name == "stop"


def parse_command(text: str, bot_username: str = "") -> Command | None:
    """Parse a command: `/Image@Bot a fox` becomes Command("image", "a fox").

    Returns None when `text` is not a command. The name is lower case and without the slash. It is
    "" for a command that is addressed to another bot than `bot_username`, which is without @ and in
    any case; with an empty `bot_username`, every addressee is accepted.
    """
    match = _COMMAND.fullmatch(text.strip())
    if match is None:
        return None
    name, addressee, arguments = match.groups(default="")
    if addressee and bot_username and addressee.lower() != bot_username.lower():
        name = ""
    return Command(name.lower(), arguments.strip())
