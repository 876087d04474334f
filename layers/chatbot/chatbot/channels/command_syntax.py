"""Commands typed with a slash."""

from __future__ import annotations

import re

from chatbot.core.message import Command

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]+))?(?:\s+(.*))?", re.DOTALL)


def is_stop(text: str, bot_username: str = "") -> bool:
    """Whether `text` is /stop, which never goes through the queue."""
    command = parse_command(text, bot_username)
    return command is not None and command.name == "stop"


def parse_command(text: str, bot_username: str = "") -> Command | None:
    """`/Image@Bot a fox` → Command("image", "a fox"); None when `text` is no command.

    The name is lower case and without slash; it is empty when the command names another bot,
    which is known only where `bot_username` is (without @, any case).
    """
    match = _COMMAND.fullmatch(text.strip())
    if match is None:
        return None
    name, addressee, arguments = match.groups(default="")
    if addressee and bot_username and addressee.lower() != bot_username.lower():
        name = ""
    return Command(name.lower(), arguments.strip())
