"""Erase a conversation, or what one person wrote in conversations with others.

The table's point-in-time recovery still holds for up to 35 days what was erased. A message that
could not be processed is kept for up to 14 days in the queue and for up to 14 more in the
dead-letter queue.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from chatbot.adapters.dynamodb.state import TRIES
from chatbot.adapters.dynamodb.turns import Table
from chatbot.adapters.s3 import Bucket
from chatbot.conversation.forget import erase
from chatbot.core.key import TURN_PREFIX, TurnKey
from chatbot.core.ports import now_ms
from chatbot.core.turn import Origin, Turn
from ops import target
from ops.stored import settings_of
from ops.target import Target

_WORDS = "author name language text more reply html buttons made quote media".split()
"""Attributes of a turn that hold a person's words, or what was answered to them."""


def table_of(stack: Target, retention_days: int = 1) -> Table:
    """Return the stack's conversation table. Raises NoTarget."""
    name = target.name_of(stack, "TableName")
    return Table(stack.client("dynamodb"), name, now_ms, retention_days)


def forget(stack: Target, conversation: str) -> int:
    """Erase all turns and generated files up to the end of this second, and write a tombstone.

    Returns how many turns were erased. Raises FilesUnavailable, HistoryUnavailable. Messages older
    than the tombstone are not answered, even when they are redriven from the dead-letter queue. A
    message that is being answered at this moment may still store its turn: run the command again to
    erase that too.
    """
    # Telegram gives a message's time in whole seconds. Without the wait, a message written later in
    # this second would be as old as the tombstone.
    ends = (now_ms() // 1000 + 1) * 1000
    time.sleep((ends - now_ms()) / 1000)
    until = TurnKey(conversation, f"{TURN_PREFIX}{ends:013d}")
    table = table_of(stack, settings_of(stack).retention_days)
    count = sum(1 for _ in table.older(until))
    earlier_id = table.read(conversation, 1).profile.moved_from
    erase(table, _bucket(stack), until, earlier_id, lambda: math.inf)
    return count


def forget_author(stack: Target, conversation: str, author: str) -> int:
    """Erase what one person wrote in a conversation, and what was answered to that.

    The words of others stay. Returns how many turns were emptied. The turns themselves stay, with
    time, state and tokens but without words: so a message that a platform sends again is still
    recognised, and not answered a second time. A message that is being answered at this moment may
    still store its turn: run the command again to erase that too.
    """
    everything = TurnKey(conversation, TURN_PREFIX + ":")  # ":" sorts after every digit
    turns = table_of(stack).older(everything)
    client, bucket, count = _Client(stack), _bucket(stack), 0
    for turn in turns:
        if author and turn.author.id == author:
            if turn.reply.file:
                bucket.delete([turn.reply.file.name])
            _empty(client, turn)
            _forget_recordings(client, turn.key)
            count += 1
    return count


def delete_exports(stack: Target, conversation: str) -> int:
    """Delete the exports of a conversation, whoever asked for them. Returns how many there were.

    They hold everybody's words. To be called before `forget_author`: if that fails, the person's
    turns still lead here. An export that is being written at this moment may still be stored: run
    the command again to delete it too. Raises FilesUnavailable, HistoryUnavailable.
    """
    bucket, count = _bucket(stack), 0
    earlier_id = table_of(stack).read(conversation, 1).profile.moved_from
    for each in filter(None, (conversation, earlier_id)):
        exports = [name for name in bucket.names(each) if name.endswith(".json")]
        bucket.delete(exports)
        count += len(exports)
    return count


def groups_with(stack: Target, person: str) -> Iterator[str]:
    """Yield the other conversations in which the person of a private conversation has written.

    `person` is the private conversation, such as telegram:42: the platform's id of the person
    follows the channel's name. The whole table is read for that. Of a group that became a
    supergroup, both ids are among them: exports under the new one have the words of before.
    """
    channel, _, author = person.partition(":")
    if not author:
        return
    pages = (
        stack.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=target.name_of(stack, "TableName"),
            FilterExpression="(author = :author OR attribute_exists(moved_from)) "
            "AND begins_with(pk, :channel) AND pk <> :person",
            ExpressionAttributeValues={
                ":author": {"S": author},
                ":channel": {"S": f"{channel}:"},
                ":person": {"S": person},
            },
            ProjectionExpression="pk, moved_from",
        )
    )
    moved: dict[str, str] = {}
    found = set()
    for item in (item for page in pages for item in page["Items"]):
        if "moved_from" in item:
            moved[item["pk"]["S"]] = item["moved_from"]["S"]
        else:
            found.add(item["pk"]["S"])
    yield from sorted(found | {name for name, earlier_id in moved.items() if earlier_id in found})


def _empty(client: _Client, turn: Turn) -> None:
    """Remove the words of a stored turn; nothing when it is gone.

    It is a notice from then on: neither prompts nor /history show it, and /retry passes over it.
    """
    names = {f"#{number}": name for number, name in enumerate(_WORDS)}
    client.update_if(
        "attribute_exists(pk)",
        Key=_key(turn.key),
        UpdateExpression=f"SET origin = :notice REMOVE {', '.join(names)}",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":notice": {"S": Origin.NOTICE.value}},
    )


def _forget_recordings(client: _Client, key: TurnKey) -> None:
    """Remove the transcripts that are noted for the message, if it was begun last."""
    client.update_if(
        "event = :event",
        Key=_key(TurnKey(key.conversation, TRIES)),
        UpdateExpression="REMOVE heard",
        ExpressionAttributeValues={":event": {"S": key.sort}},
    )


class _Client:
    """Changes items of the conversation table, each on a condition."""

    def __init__(self, stack: Target) -> None:
        self._dynamodb, self._name = stack.client("dynamodb"), target.name_of(stack, "TableName")

    def update_if(self, condition: str, **update: Any) -> None:
        """Make the update (see DynamoDB, UpdateItem); nothing where the condition is not met."""
        try:
            self._dynamodb.update_item(
                TableName=self._name, ConditionExpression=condition, **update
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def _key(key: TurnKey) -> dict[str, dict[str, str]]:
    return {"pk": {"S": key.conversation}, "sk": {"S": key.sort}}


def _bucket(stack: Target) -> Bucket:
    return Bucket(target.name_of(stack, "FilesBucket"), lambda: stack.client("s3"))
