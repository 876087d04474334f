"""Find the stack that a command is for: a deployed one by its name, or one on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import requests
from botocore.exceptions import BotoCoreError, ClientError

DEFAULT_STACK = "chatbot"


class NoTarget(Exception):
    """The stack cannot be reached or used. The text says why, in one line."""


class NotDeployed(NoTarget):
    """No stack of this name is deployed in the account and region."""


@dataclass(frozen=True)
class Target:
    """A stack and how to reach it.

    `endpoint` is the URL of a local stack's AWS, None for a deployed one. `names` are the
    template's outputs, such as `QueueUrl` and `TableName`. `settings` are those that a local stack
    puts into its functions' environment, in addition to the parameter store. `stack` is a deployed
    stack's name.
    """

    session: boto3.Session
    endpoint: str | None
    names: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    stack: str = ""

    def client(self, service: Any) -> Any:
        """Return a boto3 client of the stack's account, such as of "sqs"."""
        return self.session.client(service, endpoint_url=self.endpoint)

    @property
    def local(self) -> bool:
        """Whether it is a local stack."""
        return self.endpoint is not None


def arguments(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """Add the options that choose the stack, `--stack` and `--local`. Returns their group."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--stack",
        default=DEFAULT_STACK,
        metavar="NAME",
        help="name of the deployed stack (%(default)s)",
    )
    which.add_argument(
        "--local", metavar="URL", help="URL of a running local stack, such as http://127.0.0.1:8000"
    )
    return which


def options(chosen: argparse.Namespace) -> str:
    """Return the options with which another command works on the same stack, "" for the default."""
    if chosen.local:
        return f"--local {chosen.local}"
    return "" if chosen.stack == DEFAULT_STACK else f"--stack {chosen.stack}"


def find(chosen: argparse.Namespace) -> Target:
    """Return the stack that the parsed options choose. Raises NoTarget, of that NotDeployed."""
    return _local(chosen.local) if chosen.local else _deployed(chosen.stack)


def _local(url: str) -> Target:
    try:
        answer = requests.get(f"{url.rstrip('/')}/_local/resources", timeout=10)
        answer.raise_for_status()
        resources = answer.json()
        session = boto3.Session("local", "local", region_name=resources["region"])
        return Target(
            session, resources["endpoint"], resources["outputs"], resources.get("settings", {})
        )
    except (requests.RequestException, ValueError, KeyError, TypeError):
        reason = f"no local stack answers at {url}: start it with `make run`"
        raise NoTarget(reason) from None


def _deployed(stack: str) -> Target:
    session = boto3.Session()
    try:
        stacks = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise NotDeployed(f"stack {stack}: not deployed in this account and region") from None
        raise NoTarget(f"stack {stack}: {error}") from error
    except BotoCoreError as error:
        raise NoTarget(f"stack {stack}: {error}") from error
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0].get("Outputs", ())}
    return Target(session, None, outputs, stack=stack)


def version_of(target: Target) -> str:
    """Return the version that the stack reports, "" where it was deployed from before 0.9.0."""
    return target.names.get("Version", "")


def name_of(target: Target, output: str) -> str:
    """Return an output of the stack. Raises NoTarget where it has none of that name."""
    try:
        return target.names[output]
    except KeyError:
        reason = f"the stack has no output {output}: was it deployed from this template?"
        raise NoTarget(reason) from None
