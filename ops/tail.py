"""Print the logs of all functions as readable lines: ids, sizes and times, no message texts."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from botocore.exceptions import BotoCoreError, ClientError

from ops import target
from ops.log_lines import LogPrinter
from ops.target import NoTarget, Target

FUNCTIONS = ("webhook", "worker", "web", "setup")
_PAUSE = 2.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--conversation",
        default="",
        metavar="C",
        help="only lines about one conversation, such as telegram:42",
    )
    parser.add_argument(
        "--minutes", type=float, default=10, help="minutes to look back (%(default)s)"
    )
    parser.add_argument("--once", action="store_true", help="exit instead of waiting for new lines")
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """Print until Ctrl-C, or once. Returns the exit code; raises NoTarget."""
    stack = target.find(chosen)
    since = time.time() - chosen.minutes * 60
    try:
        if stack.local:
            _follow_here(chosen, since)
        else:
            _follow(stack, chosen, since)
    except KeyboardInterrupt:
        return 0
    except (BotoCoreError, ClientError) as error:
        raise NoTarget(f"logs: {error}") from error
    except requests.RequestException:
        raise NoTarget("the local stack no longer answers") from None
    return 0


def _follow_here(chosen: argparse.Namespace, since: float) -> None:
    """Print the requests that a local stack has recorded, and its functions' log lines."""
    printer, after = LogPrinter(sys.stdout), 0
    while True:
        wait = 0 if chosen.once else 5
        query = {"after": after, "wait": wait}
        url = f"{chosen.local.rstrip('/')}/_local/records"
        page = requests.get(url, params=query, timeout=30).json()
        for record in page["records"]:
            if record["at"] >= since:
                _print_record(printer, record, chosen.conversation)
        after = page["last"]
        if chosen.once:
            return


def _print_record(printer: LogPrinter, record: Mapping[str, Any], conversation: str) -> None:
    if record["server"] == "log":
        if _concerns(record["request"], conversation):
            printer.log_line(record["request"])
    elif conversation in record["request"] + record["response"]:
        printer.request(record)


def _follow(stack: Target, chosen: argparse.Namespace, since: float) -> None:
    printer, seen = LogPrinter(sys.stdout), set[str]()
    while True:
        now = time.time()
        for event in sorted(_events(stack, since), key=lambda each: int(each["timestamp"])):
            if event["eventId"] not in seen and _concerns(event["message"], chosen.conversation):
                printer.log_line(event["message"])
            seen.add(event["eventId"])
        if chosen.once:
            return
        since = max(since, now - 60)  # CloudWatch shows lines some seconds late
        time.sleep(_PAUSE)


def _events(stack: Target, since: float) -> Iterator[Any]:
    logs = stack.client("logs")
    for name in FUNCTIONS:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{stack.stack}/{name}", startTime=int(since * 1000)
        )
        for page in pages:
            yield from page["events"]


def _concerns(line: str, conversation: str) -> bool:
    """Whether to print a log line: it is no metric, and is about the chosen conversation if any."""
    try:
        entry = json.loads(line)
    except ValueError:
        return not conversation and not line.startswith(("START ", "END ", "REPORT ", "INIT_"))
    if not isinstance(entry, dict) or "_aws" in entry:
        return False
    return not conversation or entry.get("conversation") == conversation
