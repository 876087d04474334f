"""The bot's fixed sentences, one file a language, and the choice of a language.

Each file is a JSON object from a sentence's name to its text, whose `{fields}` are filled in. A
name such as `/help` describes a command in menus, in at most 30 characters. To add a language, add
its file and its code in `LANGUAGES`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from chatbot.core.message import Message
from chatbot.core.settings import Settings
from chatbot.core.timeline import ConversationProfile

LANGUAGES = ("en", "de")
"""Codes of the supported languages (ISO 639-1). The first is spoken where none of a person's is."""


@cache
def sentences(language: str) -> Mapping[str, str]:
    """All sentences of one of `LANGUAGES`, by name; read at first use."""
    file = Path(__file__).with_name(f"{language}.json")
    found: Mapping[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return found


def say(name: str, language: str, /, **facts: str | int) -> str:
    """The sentence `name` in `language` ("de", "de-AT"), else in English.

    `facts` fill its fields, as in `say("too_large", "en", most=10)`.
    """
    spoken = _primary(language)
    return sentences(spoken if spoken in LANGUAGES else LANGUAGES[0])[name].format(**facts)


def language_of(message: Message, profile: ConversationProfile, settings: Settings) -> str:
    """The first supported one of the author's language, the conversation's, LANGUAGE, English."""
    candidates = (message.author.language, profile.language, settings.language)
    return next((each for each in candidates if _primary(each) in LANGUAGES), LANGUAGES[0])


def _primary(language: str) -> str:
    return language.partition("-")[0].partition("_")[0].lower()
