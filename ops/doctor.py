"""Check a stack end to end: report what works, what does not, and how to fix it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import requests
from botocore.exceptions import BotoCoreError, ClientError

from chatbot import __version__
from chatbot.core.errors import AmbiguousPost, InvalidSetting, PostRefused
from chatbot.core.settings import Settings
from ops import channels, credentials, exposure, model, resources, talk, target
from ops.findings import OPS, Finding, broken, ok, show, warning
from ops.stored import settings_of
from ops.target import Target


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--no-message",
        action="store_true",
        help="send no test message through the web page (it costs one answer of the model)",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=60,
        metavar="S",
        help="seconds to wait for the answer to the test message (%(default)s)",
    )
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run the command. Returns the exit code, 1 when something is broken; raises NoTarget."""
    stack = target.find(chosen)
    patience = None if chosen.no_message else chosen.patience
    return show(_examine(stack, patience), target.options(chosen))


def _examine(stack: Target, patience: float | None) -> Iterator[Finding]:
    yield _version(target.version_of(stack))
    try:
        settings = settings_of(stack)
    except InvalidSetting as error:
        yield broken("settings", str(error), f"{OPS} secrets --set NAME=VALUE")
        return
    url = target.name_of(stack, "ApiUrl")
    yield from (each for each in credentials.missing(settings) if each.text != credentials.SET)
    yield from exposure.findings(settings)
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
    """Compare the version that the stack reports with the version of these sources."""
    if deployed == __version__:
        return ok("version", deployed)
    text = f"{deployed or 'unknown'} is deployed, these sources are {__version__}"
    return warning("version", text, "deploy again, or run ops from the deployed version's sources")


def _token(checks: channels.Checks, settings: Settings) -> list[Finding]:
    return [checks.token(settings).finding]


def _safely(name: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield the check's findings, and one more when it could not be completed."""
    try:
        yield from check()
    except (PostRefused, AmbiguousPost) as error:
        yield broken(name, f"request failed: {error}"[:200], "see the lines above")
    except requests.RequestException as error:  # its text may hold the URL, so only its type
        yield broken(
            name, f"no response: {type(error).__name__}", "check that the stack is deployed"
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        fix = "deploy again, or get the IAM permission for this call"
        yield broken(name, f"{error.operation_name}: {code}", fix)
    except BotoCoreError as error:
        yield broken(name, type(error).__name__, "check your AWS profile and region")
    except (LookupError, TypeError, ValueError) as error:
        text = f"unexpected form of the response ({type(error).__name__})"
        yield broken(name, text, "check the service's own console and status page")
