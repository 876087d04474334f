"""Examine a stack end to end: what is well, what is not, and what mends it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import requests
from botocore.exceptions import BotoCoreError, ClientError

from chatbot import __version__
from chatbot.core.errors import AmbiguousPost, InvalidSetting, PostRefused
from chatbot.core.settings import Settings
from ops import channels, credentials, model, resources, talk, target
from ops.findings import Finding, broken, ok, show, warning
from ops.stored import settings_of
from ops.target import Target


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-message", action="store_true", help="write no test message (it costs one answer)"
    )
    parser.add_argument(
        "--patience", type=float, default=60, metavar="S", help="seconds for its answer"
    )
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """The exit code: 1 when something is broken. Raises NoTarget."""
    stack = target.find(chosen)
    return show(_examine(stack, None if chosen.no_message else chosen.patience))


def _examine(stack: Target, patience: float | None) -> Iterator[Finding]:
    yield _version(target.version_of(stack))
    try:
        settings = settings_of(stack)
    except InvalidSetting as error:
        yield broken("settings", str(error), "python -m ops secrets --set NAME=VALUE")
        return
    url = target.name_of(stack, "ApiUrl")
    yield from (each for each in credentials.missing(settings) if each.text != "there")
    for name, check in _checks(stack, settings, url):
        yield from _safely(name, check)
    if patience is not None and settings.web_session_key and settings.web_access != "off":
        code = settings.web_access_code if settings.web_access == "code" else ""
        yield from _safely("test message", lambda: talk.answered(url, patience, code))


def _checks(
    stack: Target, settings: Settings, url: str
) -> Iterator[tuple[str, Callable[[], Iterable[Finding]]]]:
    yield "page", lambda: talk.page(url, bool(settings.web_session_key))
    for channel, checks in channels.checks(settings):
        yield channel.token.upper(), partial(_token, checks, settings)
        yield f"{channel.title} webhook", partial(checks.webhook, settings, url)
    if settings.openai_api_key:
        yield "model", lambda: model.server(settings)
    yield "queues", lambda: resources.queues(stack)
    yield "table", lambda: resources.table(stack)
    yield "functions", lambda: resources.functions(stack, url)


def _version(deployed: str) -> Finding:
    """What the stack reports, beside the version of these sources."""
    if deployed == __version__:
        return ok("version", deployed)
    text = f"{deployed or 'unknown'} is deployed, these sources are {__version__}"
    return warning("version", text, "deploy again, or use the sources of that version")


def _token(checks: channels.Checks, settings: Settings) -> list[Finding]:
    return [checks.token(settings).finding]


def _safely(name: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What the check finds; that it could not look is a finding too."""
    try:
        yield from check()
    except (PostRefused, AmbiguousPost) as error:
        yield broken(name, f"no good answer: {error}"[:200], "see the lines above")
    except requests.RequestException as error:  # its text holds the address: the type will do
        yield broken(name, f"no answer: {type(error).__name__}", "is the stack deployed?")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        yield broken(name, f"{error.operation_name}: {code}", "deploy again, or ask for the right")
    except BotoCoreError as error:
        yield broken(name, type(error).__name__, "look at your AWS profile and region")
    except (LookupError, TypeError, ValueError) as error:
        yield broken(name, f"answer of an unknown form ({type(error).__name__})", "look there")
