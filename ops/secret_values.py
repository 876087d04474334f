"""Where `ops secrets` takes values from: options, a file, the environment, prompts, chance."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from getpass import getpass
from pathlib import Path

from dotenv import dotenv_values

from chatbot.bootstrap import channels
from chatbot.core.errors import InvalidSetting
from ops.stored import MEANINGS, SECRETS
from ops.target import NoTarget

_KEEP = "Enter to keep the present one"
_MODEL_KEY = "OPENAI_API_KEY"


def from_environment() -> dict[str, str]:
    """Return those of the values that the command asks for or generates which the shell exports.

    No other variable counts: `LANGUAGE`, for one, is a setting of the bot and of the shell.
    """
    return {name: value for name in environment_names() if (value := os.environ.get(name))}


def environment_names() -> tuple[str, ...]:
    """Names of the variables that `from_environment` reads."""
    return (*(name for name, _ in _to_ask()), *generated_names())


def from_file(path: Path) -> dict[str, str]:
    """Return the settings in a file of NAME=value lines. Raises NoTarget when there is no file."""
    if not path.is_file():
        raise NoTarget(f"{path}: no such file")
    found = dotenv_values(path)
    return {name: value for name in MEANINGS if (value := found.get(name))}


def from_options(items: Iterable[str]) -> dict[str, str]:
    """Parse items like `NAME=VALUE` or `NAME=@FILE`. Raises NoTarget, InvalidSetting."""
    given = {}
    for item in items:
        name, _, value = item.partition("=")
        if name in SECRETS or name not in MEANINGS:
            raise InvalidSetting(name, "the name of a setting that is not a secret")
        given[name] = _contents(value[1:]) if value.startswith("@") else value
    return given


def _contents(path: str) -> str:
    """Return the text of a file. Raises NoTarget."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise NoTarget(f"{path}: {type(error).__name__}") from None


def ask_for_missing(known: Mapping[str, str]) -> dict[str, str]:
    """Prompt for the secrets that are not known. An empty answer leaves the channel off."""
    answers: dict[str, str] = {}
    for name, needs in _to_ask():
        if not known.get(name) and (not needs or known.get(needs) or answers.get(needs)):
            answers |= _answer(name, "Enter to skip")
    return answers


def ask_again(refused: set[str], known: Mapping[str, str]) -> dict[str, str]:
    """Prompt again for known values that a platform refuses. An empty answer keeps the value.

    With a channel's token, the values that belong to it are asked for: one of them may be wrong.
    """
    answers: dict[str, str] = {}
    for name, needs in _to_ask():
        if known.get(name) and {name, needs} & refused:
            answers |= _answer(name, "refused; Enter to keep" if name in refused else _KEEP)
    return answers


def ask_for(names: Iterable[str]) -> dict[str, str]:
    """Prompt for a new value of each secret. An empty answer keeps the stored one."""
    answers: dict[str, str] = {}
    for name in names:
        answers |= _answer(name, _KEEP)
    return answers


def _answer(name: str, hint: str) -> dict[str, str]:
    answer = getpass(f"{name} ({MEANINGS[name]}; {hint}): ").strip()
    return {name: answer} if answer else {}


def _to_ask() -> Iterator[tuple[str, str]]:
    """Yield each setting to prompt for, and the setting that must be known first ("": none).

    All tokens come first, then the other values that each channel with a token needs.
    """
    yield _MODEL_KEY, ""
    for channel in channels.CHANNELS:
        if channel.token:
            yield channel.token.upper(), ""
    for channel in channels.CHANNELS:
        yield from ((name.upper(), channel.token.upper()) for name in channel.platform_settings)


def generated_names(known: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Names of the secrets that no platform issues; with `known`, of the channels that are on."""
    return tuple(
        name.upper()
        for channel in channels.CHANNELS
        if known is None or not channel.token or known.get(channel.token.upper())
        for name in channel.generated_secrets
    )


def generate(name: str) -> str:
    """Return a random value. The access code is shorter than the others: people type it."""
    return secrets.token_urlsafe(9 if name == "WEB_ACCESS_CODE" else 32)
