"""Show, export or forget one conversation, such as telegram:42. Show and export print its words.

Point-in-time recovery keeps what was forgotten for up to 35 days more.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from chatbot.errors import HistoryUnavailable, InvalidSetting
from chatbot.history import PERSON, Table
from chatbot.messages import TURN_PREFIX, Turn
from ops import target
from ops.stored import settings_of
from ops.target import Target

_PAGE = 50


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["show", "export", "forget"])
    parser.add_argument("conversation", metavar="CONVERSATION")
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """The exit code; raises NoTarget."""
    stack = target.find(chosen)
    try:
        if chosen.what == "forget":
            gone = forget(stack, chosen.conversation)
            print(f"{gone} turns of {chosen.conversation} are gone; what comes now begins afresh")
            return 0
        count = 0
        for turn in turns(stack, chosen.conversation):
            print(_line(turn) if chosen.what == "show" else _json(turn))
            count += 1
    except (BotoCoreError, ClientError, HistoryUnavailable, InvalidSetting) as error:
        print(f"table: {error}", file=sys.stderr)
        return 1
    if not count:
        print(f"nothing is known of {chosen.conversation}", file=sys.stderr)
    return 0 if count else 1


def turns(stack: Target, conversation: str) -> Iterator[Turn]:
    """All of them, oldest first. Raises HistoryUnavailable, NoTarget."""
    dynamodb = stack.client("dynamodb")
    table = Table(dynamodb, target.name_of(stack, "TableName"), _now, retention_days=1)
    after = TURN_PREFIX
    while page := table.turns_after(conversation, after, _PAGE):
        yield from page
        after = page[-1].key.sort


def forget(stack: Target, conversation: str) -> int:
    """Leave a tombstone, then erase every turn up to this second's end; how many there were.

    The tombstone comes first: an event that is older than it is never answered again, also when
    it returns from the dead letters. A message that is being answered at this moment may still
    store its turn: forgetting once more erases it.
    """
    dynamodb, name = stack.client("dynamodb"), target.name_of(stack, "TableName")
    # Telegram dates messages by the second: one written just after this must not count as older.
    ends = (_now() // 1000 + 1) * 1000
    time.sleep((ends - _now()) / 1000)
    until = f"{TURN_PREFIX}{ends:013d}"
    expires = ends // 1000 + settings_of(stack).retention_days * 86400
    dynamodb.update_item(
        TableName=name,
        Key={"pk": {"S": conversation}, "sk": {"S": PERSON}},
        UpdateExpression="SET forgotten_before = :until, expires_at = :expires REMOVE #n, #l",
        ExpressionAttributeNames={"#n": "name", "#l": "language"},
        ExpressionAttributeValues={":until": {"S": until}, ":expires": {"N": str(expires)}},
    )
    pages = dynamodb.get_paginator("query").paginate(
        TableName=name,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :until",
        ExpressionAttributeValues={
            ":pk": {"S": conversation},
            ":first": {"S": TURN_PREFIX},
            ":until": {"S": until},
        },
        ProjectionExpression="pk, sk",
        ConsistentRead=True,
    )
    keys = [item for page in pages for item in page["Items"]]
    for key in keys:
        dynamodb.delete_item(TableName=name, Key=key)
    return len(keys)


def _line(turn: Turn) -> str:
    when = datetime.fromtimestamp(turn.key.occurred_at / 1000, UTC)
    return (
        f"{when:%Y-%m-%d %H:%M:%S} UTC  {turn.state.value} ({turn.origin.value})\n"
        f"  person: {turn.text}\n"
        f"  answer: {turn.reply.text}"
    )


def _json(turn: Turn) -> str:
    kept = asdict(turn)
    kept.pop("claim")
    return json.dumps(kept, ensure_ascii=False)


def _now() -> int:
    return time.time_ns() // 1_000_000
