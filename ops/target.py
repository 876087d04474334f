"""Which stack a command is meant for: a deployed one by its name, or the one on this machine."""

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
    """The stack cannot be reached; the text says why, in one line."""


@dataclass(frozen=True)
class Target:
    """`names` are the template's outputs: `QueueUrl`, `DeadLetterQueueUrl`, `TableName` …

    `settings` are what a local stack sets beside the parameter store.
    """

    session: boto3.Session
    endpoint: str | None
    names: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    stack: str = ""

    def client(self, service: Any) -> Any:
        return self.session.client(service, endpoint_url=self.endpoint)

    @property
    def local(self) -> bool:
        return self.endpoint is not None


def arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--stack", default=DEFAULT_STACK, metavar="NAME", help="deployed stack (%(default)s)"
    )
    which.add_argument(
        "--local", metavar="URL", help="a running local stack: http://127.0.0.1:8000"
    )


def find(chosen: argparse.Namespace) -> Target:
    """Raises NoTarget."""
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
    except (BotoCoreError, ClientError) as error:
        raise NoTarget(f"stack {stack}: {error}") from error
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0].get("Outputs", ())}
    return Target(session, None, outputs, stack=stack)


def version_of(target: Target) -> str:
    """The version that the stack reports; "" for stacks from before 0.9.0, which reported none."""
    return target.names.get("Version", "")


def name_of(target: Target, output: str) -> str:
    """Raises NoTarget where the stack is not one of ours."""
    try:
        return target.names[output]
    except KeyError:
        raise NoTarget(f"the stack has no output {output}: is it this template's?") from None
