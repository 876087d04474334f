"""Names of the slash commands, as platforms list them in their menus.

`conversation.commands` implements them. The description of `/name` in each language is the entry
"/name" of `translations`.
"""

COMMANDS = tuple("start help chat image reset new history persona export forget stop retry".split())
"""All commands, in the order in which menus and /help list them."""

MENU_COMMANDS = tuple(name for name in COMMANDS if name not in ("start", "reset"))
"""Commands of Messenger's persistent menu.

Without `start`, which has its own "Get started" button there, and `reset`, which `new` offers too.
"""
