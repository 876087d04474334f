"""Check and store a stack's secrets and settings, without printing any of them.

A value is taken from --file if given, otherwise from the environment, otherwise the stored one is
kept. On a terminal, the command prompts for secrets that are still missing, and again for those
that their platform refuses. Missing secrets that no platform issues (webhook secret, verify token,
session key, access code) are generated. --set and --replace without --file change only what they
name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3

from chatbot.bootstrap.channels import CHANNELS
from chatbot.channels.description import ChannelDescription
from chatbot.core.errors import InvalidSetting
from chatbot.core.settings import Settings, load
from ops import channels, exposure, model, secret_values, target
from ops.findings import OPS, Finding, Level, broken, ok, show, warning
from ops.printing import complain, say
from ops.stored import SECRETS, Stored

SET = "set"
"""The text of a finding about a secret that is set."""
DEFAULT_PATH = "/chatbot"
"""The template's default for ParameterPath."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = (
        "Read from the environment, unless --file, --set or --replace is given: "
        + ", ".join(secret_values.environment_names())
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only report, store nothing")
    what.add_argument(
        "--replace",
        action="append",
        default=[],
        choices=SECRETS,
        metavar="SECRET",
        help="store a new value of this secret, from --file, or asked for; one that no platform "
        "issues is generated. May be repeated",
    )
    parser.add_argument("--file", type=Path, metavar="ENV", help="a file with NAME=value lines")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="store a setting that is not a secret; @FILE as VALUE reads it from a file",
    )
    where = target.arguments(parser)
    where.add_argument(
        "--path",
        help="ParameterPath of a stack that is not deployed yet; without any of the three options, "
        f"that of the stack {target.DEFAULT_STACK}, {DEFAULT_PATH} before its first deployment",
    )


def run(chosen: argparse.Namespace) -> int:
    """Run the command. A value that its platform refuses is not stored.

    Returns the exit code: 1 when a check failed, 2 for an invalid setting. Raises NoTarget.
    """
    path, store, fixed = _place(chosen)
    options = f"--path {chosen.path}" if chosen.path else target.options(chosen)
    asking = _asks(chosen)
    try:
        stored = store.read()
        given, made = _collect(chosen, stored, asking)
        while True:
            settings = load(fixed, stored | given | made)
            chosen_now = {name for name, value in given.items() if stored.get(name) != value}
            findings, learned = _examine(settings, set(made), chosen_now)
            code = show(findings, options)
            refused = {finding.name for finding in findings if finding.level is Level.BROKEN}
            if refused & exposure.LIMITS:
                refused |= exposure.LIMITS
            present = given if _only_named(chosen) else stored | given
            again = secret_values.ask_again(refused, present) if asking else {}
            if not again:
                break
            given |= again
    except InvalidSetting as error:
        complain(error)
        return 2
    if chosen.check:
        return code
    if not _only_named(chosen):
        given = {name: stored.get(name) or value for name, value in learned.items()} | given
    changed = {
        name: value
        for name, value in (given | made).items()
        if name not in refused and stored.get(name) != value
    }
    store.write(changed)
    say(f"stored below {path}: {', '.join(changed) or 'nothing new'}")
    return code


def _place(chosen: argparse.Namespace) -> tuple[str, Stored, Mapping[str, str]]:
    """Return where the values are stored, and settings that a local stack's functions are given.

    Raises NoTarget.
    """
    if not chosen.path:
        try:
            stack = target.find(chosen)
        except target.NotDeployed as error:
            if chosen.stack != target.DEFAULT_STACK:
                hint = "before its first deployment, give --path with its ParameterPath"
                raise target.NoTarget(f"{error}: {hint}") from None
        else:
            return target.name_of(stack, "ParameterPath"), Stored.of(stack), stack.settings
    path = chosen.path or DEFAULT_PATH
    return path, Stored(boto3.Session().client("ssm"), path), {}


def _only_named(chosen: argparse.Namespace) -> bool:
    """Whether only what --set and --replace name may change."""
    return bool(chosen.set or chosen.replace) and not chosen.file


def _asks(chosen: argparse.Namespace) -> bool:
    """Whether to prompt: on a terminal, unless --file or --set alone gives all values."""
    quiet = chosen.check or chosen.file or (chosen.set and not chosen.replace)
    return not quiet and sys.stdin.isatty()


def _collect(
    chosen: argparse.Namespace, stored: dict[str, str], asking: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values that were given, and those that were generated, by name.

    Raises NoTarget, InvalidSetting.
    """
    given = secret_values.from_options(chosen.set)
    if chosen.file:
        given = secret_values.from_file(chosen.file) | given
    elif not _only_named(chosen):
        given = secret_values.from_environment()
        if given:
            say(f"from the environment: {', '.join(given)}")
    generable = secret_values.generated_names()
    replaced = [name for name in chosen.replace if name not in given]
    to_ask = [name for name in replaced if name not in generable]
    if to_ask and not asking:
        names = ", ".join(to_ask)
        raise target.NoTarget(f"{names}: give the new value in --file, or run this on a terminal")
    given |= secret_values.ask_for(to_ask)
    if asking and not _only_named(chosen):
        given |= secret_values.ask_for_missing(stored | given)
    wanted = {name for name in replaced if name in generable}
    if not chosen.check and not _only_named(chosen):
        known = stored | given
        wanted |= {name for name in secret_values.generated_names(known) if not known.get(name)}
    return given, {name: secret_values.generate(name) for name in generable if name in wanted}


def _examine(
    settings: Settings, made: set[str], given: set[str]
) -> tuple[list[Finding], dict[str, str]]:
    """Check every secret. Returns the findings, and settings that the platforms' answers gave."""
    findings = list(exposure.findings(settings, given))
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
    fix = f"{OPS} secrets"
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
