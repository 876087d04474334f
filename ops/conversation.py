"""Show, export or forget one conversation, such as telegram:42; show and export print its texts.

What a person wrote in groups belongs to the groups' conversations: `forget telegram:42 --in-groups`
erases that, too, and `forget telegram:-100 --author 42` erases it in one group. Both delete the
groups' exports (`/export`), whoever asked for them: everybody's words are in them. The table's
point-in-time recovery still holds what was erased for up to 35 days. A message that could not be
processed is kept for up to 14 days in the queue and for up to 14 more in the dead-letter queue.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from chatbot.conversation.export import exported
from chatbot.core.errors import FilesUnavailable, HistoryUnavailable, InvalidSetting
from chatbot.core.key import TURN_PREFIX, TurnKey
from chatbot.core.turn import Turn
from ops import forgetting, target
from ops.printing import complain, say, say_json
from ops.target import Target


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("what", choices=["show", "export", "forget"])
    parser.add_argument("conversation", metavar="CONVERSATION")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--in-groups",
        action="store_true",
        help="with forget: also what the person of this private conversation wrote in groups, and "
        "the answers to that; reads the whole table",
    )
    whose.add_argument(
        "--author",
        metavar="ID",
        help="with forget: only what the person with this id of the platform wrote in the "
        "conversation, and the answers to that",
    )
    target.arguments(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run the command. Returns the exit code; raises NoTarget."""
    if chosen.what != "forget" and (chosen.in_groups or chosen.author):
        complain("--in-groups and --author are for forget")
        return 2
    stack = target.find(chosen)
    try:
        if chosen.what == "forget":
            _forget(stack, chosen)
            return 0
        count = 0
        for turn in turns(stack, chosen.conversation):
            _show(turn) if chosen.what == "show" else say_json(exported(turn))
            count += 1
    except FilesUnavailable as error:
        complain(f"bucket: {error}")
        return 1
    except (BotoCoreError, ClientError, HistoryUnavailable, InvalidSetting) as error:
        complain(f"table: {error}")
        return 1
    if not count:
        complain(f"no turns are stored for {chosen.conversation}")
    return 0 if count else 1


def _forget(stack: Target, chosen: argparse.Namespace) -> None:
    name = chosen.conversation
    if chosen.author:
        _forget_author(stack, name, chosen.author, chosen.author)
        return
    count = forgetting.forget(stack, name)
    say(f"{count} turns of {name} erased; its next message starts a new one")
    if not chosen.in_groups:
        say("what the same person wrote in groups is kept: --in-groups erases that, too")
        return
    for group in forgetting.groups_with(stack, name):
        _forget_author(stack, group, name.partition(":")[2], "the same person")


def _forget_author(stack: Target, group: str, author: str, who: str) -> None:
    exports = forgetting.delete_exports(stack, group)
    count = forgetting.forget_author(stack, group, author)
    say(f"{count} turns of {group} emptied: those that {who} wrote")
    if exports:
        say(f"{exports} exports of {group} deleted: anybody's words may be in them")


def turns(stack: Target, conversation: str) -> Iterator[Turn]:
    """Read all stored turns of a conversation, oldest first, page by page.

    Raises HistoryUnavailable, NoTarget.
    """
    everything = TurnKey(conversation, TURN_PREFIX + ":")  # ":" sorts after every digit
    return forgetting.table_of(stack).oldest(everything)


def _show(turn: Turn) -> None:
    when = datetime.fromtimestamp(turn.key.occurred_at / 1000, UTC)
    say(f"{when:%Y-%m-%d %H:%M:%S} UTC  {turn.state.value} ({turn.origin.value})")
    say(f"  person: {turn.text}")
    say(f"  answer: {turn.reply.text}")
