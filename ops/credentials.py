"""Check and store a stack's secrets and settings, without printing any of them.

A value is taken from --file if given, otherwise from the environment, otherwise the stored one is
kept. On a terminal, the command prompts for those still missing. Missing secrets that no platform
issues (webhook secret, verify token, session key, access code) are generated.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from getpass import getpass
from pathlib import Path

import boto3
from dotenv import dotenv_values

from chatbot.bootstrap.channels import CHANNELS
from chatbot.channels.description import ChannelDescription
from chatbot.core.errors import InvalidSetting
from chatbot.core.settings import Settings, load
from ops import channels, model, target
from ops.findings import Finding, Level, broken, ok, show, warning
from ops.stored import MEANINGS, SECRETS, Stored

SET = "set"
"""The text of a finding about a secret that is set."""
_MODEL_KEY = "OPENAI_API_KEY"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--check", action="store_true", help="only report, store nothing")
    parser.add_argument("--file", type=Path, metavar="ENV", help="a file with NAME=value lines")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="store a setting that is not a secret; @FILE as VALUE reads it from a file",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--path", default="/chatbot", help="the stack's ParameterPath (%(default)s)")
    where.add_argument("--local", metavar="URL", help="URL of a running local stack")


def run(chosen: argparse.Namespace) -> int:
    """Run the command. A value that its platform refuses is not stored.

    Returns the exit code: 1 when a check failed, 2 for an invalid setting. Raises NoTarget.
    """
    stack = target.find(chosen) if chosen.local else None
    ssm = stack.client("ssm") if stack else boto3.Session().client("ssm")
    path = target.name_of(stack, "ParameterPath") if stack else chosen.path
    store, fixed = Stored(ssm, path), stack.settings if stack else {}
    try:
        stored = store.read()
        given = _given(chosen)
        if not chosen.check and not chosen.file and sys.stdin.isatty():
            given |= _asked(stored | given)
        made = {} if chosen.check else _made(stored | given)
        findings, learned = _examine(load(fixed, stored | given | made), set(made))
    except InvalidSetting as error:
        print(error, file=sys.stderr)
        return 2
    code = show(findings)
    if chosen.check:
        return code
    refused = {finding.name for finding in findings if finding.level is Level.BROKEN}
    for name, value in learned.items():
        given.setdefault(name, stored.get(name) or value)
    changed = {
        name: value
        for name, value in (given | made).items()
        if name not in refused and stored.get(name) != value
    }
    store.write(changed)
    print(f"stored below {path}: {', '.join(changed) or 'nothing new'}")
    return code


def _given(chosen: argparse.Namespace) -> dict[str, str]:
    """Return the values of --file or the environment, and those of --set, by name.

    Raises NoTarget, InvalidSetting.
    """
    source: Mapping[str, str | None] = os.environ
    if chosen.file:
        if not chosen.file.is_file():
            raise target.NoTarget(f"{chosen.file}: no such file")
        source = dotenv_values(chosen.file)
    given = {name: value for name in MEANINGS if (value := source.get(name))}
    for item in chosen.set:
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
        raise target.NoTarget(f"{path}: {type(error).__name__}") from None


def _asked(known: Mapping[str, str]) -> dict[str, str]:
    """Prompt for missing secrets on the terminal. An empty answer leaves the channel off."""
    answers: dict[str, str] = {}
    for name, needs in _to_ask():
        if known.get(name) or (needs and not (known.get(needs) or answers.get(needs))):
            continue
        answer = getpass(f"{name} ({MEANINGS[name]}; Enter to skip): ").strip()
        if answer:
            answers[name] = answer
    return answers


def _to_ask() -> Iterator[tuple[str, str]]:
    """Yield each setting to prompt for, and the setting that must be known first ("": none).

    All tokens come first, then the other values that each channel with a token needs.
    """
    yield _MODEL_KEY, ""
    for channel in CHANNELS:
        if channel.token:
            yield channel.token.upper(), ""
    for channel in CHANNELS:
        yield from ((name.upper(), channel.token.upper()) for name in channel.platform_settings)


def _made(known: Mapping[str, str]) -> dict[str, str]:
    """Generate the missing secrets that no platform issues, of the channels that are on.

    The access code is shorter than the others, since people type it.
    """
    return {
        name.upper(): secrets.token_urlsafe(9 if name == "web_access_code" else 32)
        for channel in CHANNELS
        for name in channel.generated_secrets
        if not known.get(name.upper()) and (not channel.token or known.get(channel.token.upper()))
    }


def _examine(settings: Settings, made: set[str]) -> tuple[list[Finding], dict[str, str]]:
    """Check every secret. Returns the findings, and settings that the platforms' answers gave."""
    findings: list[Finding] = []
    learned: dict[str, str] = {}
    for _, checks in channels.checks(settings):
        checked = checks.token(settings)
        findings.append(checked.finding)
        learned |= dict(checked.learned)
    if settings.openai_api_key:
        findings += model.server(settings)
    seen = {finding.name for finding in findings}
    findings += [
        finding for finding in missing(settings, made, learned) if finding.name not in seen
    ]
    return findings, learned


def missing(
    settings: Settings, made: set[str] | None = None, learned: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Yield a finding for each secret and each setting that a channel needs: whether it is set.

    `made` names secrets that were generated just now, `learned` settings that a platform's answer
    gave; both count as set.
    """
    fix = "python -m ops secrets"
    owners = {name.upper(): channel for channel in CHANNELS for name in _settings_of(channel)}
    for name in (*SECRETS, *(name for name in owners if name not in SECRETS)):
        owner = owners.get(name)
        if name in (made or ()):
            yield ok(name, "generated")
        elif getattr(settings, name.lower()) or name in (learned or ()):
            yield ok(name, SET)
        elif owner and owner.token and not getattr(settings, owner.token):
            yield ok(name, f"not set: {owner.title} is off")
        elif name == "WEB_ACCESS_CODE" and settings.web_access != "code":
            yield ok(name, f"not set, and not needed: WEB_ACCESS is {settings.web_access}")
        elif owner and not owner.token:
            yield warning(name, f"not set: the {owner.title} admits nobody", fix)
        else:
            yield broken(name, "not set", fix)


def _settings_of(channel: ChannelDescription) -> Iterator[str]:
    """Yield the settings that the channel needs in order to work, as fields of `Settings`."""
    yield from filter(None, (channel.token, *channel.platform_settings, *channel.generated_secrets))
    yield from (*channel.webhook_needs, *channel.worker_needs)
