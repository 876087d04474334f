"""Show, export or forget one conversation, such as telegram:42; show and export print its texts.

The table's point-in-time recovery still holds a forgotten conversation for up to 35 days.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from chatbot.adapters.dynamodb.turns import Table
from chatbot.conversation.export import exported
from chatbot.core.errors import HistoryUnavailable, InvalidSetting
from chatbot.core.key import TURN_PREFIX, TurnKey
from chatbot.core.ports import now_ms
from chatbot.core.turn import Turn
from ops import target
from ops.printing import complain, say, say_json
from ops.stored import settings_of
from ops.target import Target


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("what", choices=["show", "export", "forget"])
    parser.add_argument("conversation", metavar="CONVERSATION")
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run the command. Returns the exit code; raises NoTarget."""
    stack = target.find(chosen)
    try:
        if chosen.what == "forget":
            gone = forget(stack, chosen.conversation)
            say(f"{gone} turns of {chosen.conversation} erased; its next message starts a new one")
            return 0
        count = 0
        for turn in turns(stack, chosen.conversation):
            _show(turn) if chosen.what == "show" else say_json(exported(turn))
            count += 1
    except (BotoCoreError, ClientError, HistoryUnavailable, InvalidSetting) as error:
        complain(f"table: {error}")
        return 1
    if not count:
        complain(f"no turns are stored for {chosen.conversation}")
    return 0 if count else 1


def turns(stack: Target, conversation: str) -> list[Turn]:
    """Return all stored turns of a conversation, oldest first.

    Raises HistoryUnavailable, NoTarget.
    """
    everything = TurnKey(conversation, TURN_PREFIX + ":")  # ":" sorts after every digit
    return [*_table(stack, retention_days=1).older(everything)][::-1]


def forget(stack: Target, conversation: str) -> int:
    """Erase all turns and generated files up to the end of this second, and write a tombstone.

    Returns how many turns were erased. Messages older than the tombstone are not answered, even
    when they are redriven from the dead-letter queue. A message that is being answered at this
    moment may still store its turn: run the command again to erase that too.
    """
    # Telegram gives a message's time in whole seconds. Without the wait, a message written later in
    # this second would be as old as the tombstone.
    ends = (now_ms() // 1000 + 1) * 1000
    time.sleep((ends - now_ms()) / 1000)
    until = TurnKey(conversation, f"{TURN_PREFIX}{ends:013d}")
    table = _table(stack, settings_of(stack).retention_days)
    doomed = list(table.older(until))
    s3, bucket = stack.client("s3"), target.name_of(stack, "FilesBucket")
    for turn in doomed:
        if turn.reply.file:
            s3.delete_object(Bucket=bucket, Key=turn.reply.file.name)
    table.erase(until)
    return len(doomed)


def _table(stack: Target, retention_days: int) -> Table:
    name = target.name_of(stack, "TableName")
    return Table(stack.client("dynamodb"), name, now_ms, retention_days)


def _show(turn: Turn) -> None:
    when = datetime.fromtimestamp(turn.key.occurred_at / 1000, UTC)
    say(f"{when:%Y-%m-%d %H:%M:%S} UTC  {turn.state.value} ({turn.origin.value})")
    say(f"  person: {turn.text}")
    say(f"  answer: {turn.reply.text}")
