"""Settings of the local stack: from the environment, then `.env`, then development values.

A setting whose name shells use for something else is taken from `.env` alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from chatbot.core import settings

DEFAULT_PORT = 8000
REGION = "eu-central-1"
# Only the stand-ins accept these credentials: they are of no use outside this machine.
DEVELOPMENT = {
    "TELEGRAM_BOT_TOKEN": "123456:local-development-token",
    "TELEGRAM_WEBHOOK_SECRET": "local-telegram-secret",
    "TELEGRAM_BOT_USERNAME": "local_bot",
    "MESSENGER_APP_ID": "100000000000001",
    "MESSENGER_APP_SECRET": "local-messenger-app-secret",
    "MESSENGER_VERIFY_TOKEN": "local-verify-token",
    "MESSENGER_PAGE_ID": "200000000000002",
    "MESSENGER_PAGE_TOKEN": "local-page-token",
    "OPENAI_API_KEY": "local-openai-key",
    "OPENAI_MODEL": "local-model",
    "WEB_ACCESS": "open",
    "WEB_NEW_SESSIONS": "0",
    "WEB_UNLIMITED": "on",
    "WEB_SESSION_KEY": "local-web-session-key-0123456789abcdef",
}
# A list of languages such as "en_GB:en", which desktops export (GNU gettext manual, "The LANGUAGE
# variable"). The bot's setting of that name is one language.
_OF_THE_SHELL = frozenset({"LANGUAGE"})
# Names of the settings that are stored as secrets.
SECRETS = frozenset(info.name for info in settings.describe() if info.readers)


def load(root: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Settings by name. `root` is the folder of `.env`. An empty string counts as not set."""
    from_file = dotenv_values(root / ".env")
    names = [info.name for info in settings.describe()]
    exported = {name: each for name, each in environment.items() if name not in _OF_THE_SHELL}
    sources = (exported, from_file, DEVELOPMENT)
    found = {name: next(filter(None, (each.get(name) for each in sources)), "") for name in names}
    return {name: value for name, value in found.items() if value}
