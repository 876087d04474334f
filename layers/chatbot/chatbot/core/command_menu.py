"""The commands by name, as platforms list them; what each does is `conversation.commands`.

Its description in each language is the text `/name` of `translations`.
"""

from __future__ import annotations

COMMANDS = (
    "start",
    "help",
    "chat",
    "image",
    "reset",
    "new",
    "history",
    "persona",
    "export",
    "forget",
    "stop",
    "retry",
)
"""In the order in which they are listed."""

MENU_COMMANDS = tuple(name for name in COMMANDS if name not in ("start", "reset"))
"""Those of Messenger's persistent menu: it has a button of its own for `start`."""
