"""This version reads what an earlier one stored and queued (tests/recorded)."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from chatbot.adapters.dynamodb.turns import Table
from chatbot.channels.web.session import HOST
from chatbot.core.key import TurnKey
from chatbot.core.message import Envelope
from tests.component.conftest import Aws
from tests.component.turns import DAYS
from tests.fakes.clock import NOON
from tests.recorded.deployment import Deployment, changed, deployed

RECORDED = Path(__file__).parents[1] / "recorded" / "v1"
Deploy = Callable[[int], Deployment]


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


ITEMS: list[dict[str, Any]] = recorded("table")
TURNS = [item for item in ITEMS if item["sk"]["S"].startswith("turn#")]
EVENTS: list[dict[str, Any]] = recorded("events")
QUEUED = [queued for event in EVENTS for queued in event["queued"]]


class Reader:
    """The conversation table by plain keys: the only code here that uses the package's types."""

    def __init__(self, aws: Aws, now: int) -> None:
        self._table = Table(aws.dynamodb, aws.names["ConversationTable"], lambda: now, DAYS)

    @staticmethod
    def turn_of(body: str) -> list[str]:
        """Return the keys of the turn that answers an envelope's event."""
        key = Envelope.from_json(body).key
        return [key.conversation, key.sort]

    @staticmethod
    def file_name(pk: str, sk: str, ending: str) -> str:
        return TurnKey(pk, sk).file_name(ending)

    def read(self, pk: str, turns: int) -> list[str]:
        return [turn.key.sort for turn in self._table.read(pk, turns).turns]

    def found(self, pk: str, sk: str) -> bool:
        turn = self._table.find(TurnKey(pk, sk))
        return turn is not None and turn.key == TurnKey(pk, sk)

    def older(self, pk: str, sk: str) -> list[str]:
        return [turn.key.sort for turn in self._table.older(TurnKey(pk, sk))]

    def between(self, pk: str, after: str, before: str) -> tuple[list[str], list[str]]:
        """Return the turns after one sort key and before another."""
        later = self._table.turns_after(pk, after, 100)
        earlier = self._table.turns_before(pk, before, 100)
        return [turn.key.sort for turn in later.turns], [turn.key.sort for turn in earlier.turns]

    def write_again(self, pk: str, sk: str, delete: Callable[[], object]) -> None:
        """Read a turn, delete it by `delete`, and put it at the same key again."""
        turn = self._table.find(TurnKey(pk, sk))
        assert turn
        delete()
        self._table.put(turn)

    def tries(self, pk: str, sk: str) -> int:
        tries = self._table.raise_try(TurnKey(pk, sk), 1, NOON)
        return tries.crashes if tries else 0

    def stopped(self, pk: str, sk: str) -> bool:
        return self._table.stop_requested(TurnKey(pk, sk), "no draft")


@pytest.fixture
def deploy(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deploy]:
    """Run this version's functions with the recorded table, at a time in epoch milliseconds."""
    with ExitStack() as stack:

        def at(now: int) -> Deployment:
            deployment = stack.enter_context(deployed(aws, monkeypatch, now))
            deployment.put_items(ITEMS)
            return deployment

        yield at


def of_conversations(items: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return sort keys by conversation, oldest first."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for item in items:
        found[item["pk"]["S"]].append(item["sk"]["S"])
    return found


def test_what_is_recorded_holds_every_kind_of_item() -> None:
    """A kind of item that is missing here would not be tested."""
    attributes = {name for item in TURNS for name in item}
    assert attributes == set(
        "pk sk expires_at kind channel author name language text reply buttons made state origin"
        " claim_token claim_ends posted opened_at quote lifted_by leader more resumed replaces"
        " rating model tokens_in tokens_out estimate".split()
    )
    for name, values in {
        "kind": "turn break pointer",
        "channel": "telegram messenger web",
        "state": "answered sending delivered undeliverable held",
        "origin": "model command fallback filtered notice staff",
    }.items():
        assert {item[name]["S"] for item in TURNS} == set(values.split())
    others = {item["sk"]["S"] for item in ITEMS if item not in TURNS}
    assert others == {"~state", "~try", "~draft", "~stop", "~day"}
    kinds = {queued["turn"][1].rpartition(":")[2] for queued in QUEUED}
    assert kinds == set("message callback reaction postback echo rating".split())


def test_every_turn_is_found_in_its_place(deploy: Deploy, aws: Aws) -> None:
    deploy(now := recorded("again")["at"])
    reader = Reader(aws, now)
    for pk, sorts in of_conversations(TURNS).items():
        newest_first = sorts[::-1]
        middle = len(sorts) // 2
        assert reader.read(pk, 100) == newest_first
        assert all(reader.found(pk, sk) for sk in sorts)
        assert reader.older(pk, "turn#9") == newest_first
        assert reader.older(pk, sorts[middle]) == sorts[:middle][::-1]
        assert reader.between(pk, "turn#0", "turn#9") == (sorts, sorts)
        assert reader.between(pk, "", sorts[middle]) == (sorts, sorts[:middle])
        assert reader.between(pk, sorts[middle], "turn#0") == (sorts[middle + 1 :], [])


def test_a_turn_that_is_read_is_written_as_it_was(deploy: Deploy, aws: Aws) -> None:
    deployment = deploy(now := recorded("again")["at"])
    reader, table = Reader(aws, now), aws.names["ConversationTable"]
    for item in TURNS:
        key = {"pk": item["pk"], "sk": item["sk"]}
        delete = partial(aws.dynamodb.delete_item, TableName=table, Key=key)
        reader.write_again(item["pk"]["S"], item["sk"]["S"], delete)
    expires_at = {"expires_at": {"N": str(now // 1000 + DAYS * 86400)}}
    written = [item for item in deployment.items() if item["sk"]["S"].startswith("turn#")]
    # Empty values are written by changes to a turn alone.
    assert written == [
        {name: value for name, value in item.items() if value != {"L": []}} | expires_at
        for item in TURNS
    ]


def test_tries_and_stops_count_on(deploy: Deploy, aws: Aws) -> None:
    deploy(now := recorded("again")["at"])
    reader = Reader(aws, now)
    tries = [item for item in ITEMS if item["sk"]["S"] == "~try"]
    assert [reader.tries(item["pk"]["S"], item["event"]["S"]) for item in tries] == [
        int(item["n"]["N"]) + 1 for item in tries
    ]
    for item in [item for item in ITEMS if item["sk"]["S"] == "~stop"]:
        pk, at = item["pk"]["S"], int(item["at"]["N"])
        named = item.get("event", {"S": "other:message"})["S"]
        assert reader.stopped(pk, f"turn#{at:013d}#{named}")
        assert not reader.stopped(pk, f"turn#{at + 1:013d}#another:message")


def test_events_are_queued_as_before(deploy: Deploy) -> None:
    """With the deduplication ids by which the queue drops a repeated event."""
    deployment = deploy(EVENTS[0]["request"]["at"])
    for event in EVENTS:
        response = deployment.call(event["request"])
        answer = {"status": response["statusCode"], "body": response["body"]}
        if "cookies" in response:
            # Their names have had a prefix over https since; those without it are taken still.
            answer["cookies"] = [each.removeprefix(HOST) for each in response["cookies"]]
        assert answer == event["answer"]
        queued = deployment.drop(deployment.queued())
        names = ("body", "group", "deduplication")
        assert queued == [{name: each[name] for name in names} for each in event["queued"]]


def test_envelopes_and_files_are_named_as_before() -> None:
    assert [Reader.turn_of(queued["body"]) for queued in QUEUED] == [
        queued["turn"] for queued in QUEUED
    ]
    with_files = [item for item in TURNS if "made" in item]
    names = [item["made"]["L"][0]["S"] for item in with_files]
    assert names == [
        Reader.file_name(item["pk"]["S"], item["sk"]["S"], name.rpartition(".")[2])
        for item, name in zip(with_files, names, strict=True)
    ]


def plain(turn: dict[str, Any]) -> dict[str, Any]:
    """The turn with the words of its HTML: a sentence of the bot's was one paragraph then."""
    return {**turn, "html": unescape(re.sub(r"<[^>]*>|\s", "", turn["html"]))}


def test_the_page_shows_the_same_to_the_same_cookie(deploy: Deploy) -> None:
    deployment = deploy(0)
    for page in recorded("pages"):
        shown = json.loads(deployment.call(page["request"])["body"])
        assert shown.pop("more") is False  # which version 1 did not tell
        before = json.loads(page["body"])
        shown["turns"], before["turns"] = (
            list(map(plain, each["turns"])) for each in (shown, before)
        )
        assert shown == before


def test_events_that_come_again_meet_their_turns(deploy: Deploy) -> None:
    """Unfinished turns are finished; nothing is answered again, not even erased messages."""
    again = recorded("again")
    deployment = deploy(again["at"])
    for queued in QUEUED:
        if queued["group"] not in again["left_out"]:
            deployment.enqueue(queued)
    with deployment.watched() as seen:
        while deployment.work():
            pass
    assert not deployment.handed_back
    assert seen["prompts"] == seen["drawn"] == []
    assert sorted(seen["posts"], key=json.dumps) == again["posts"]
    assert changed(ITEMS, deployment.items()) == again["changed"]


def as_recorded(value: Any) -> Any:
    """Items, or what a step did, as version 1 would have written them.

    It put neither backslashes before stars nor word joiners into people's words, and a heading was
    none in /history.
    """
    written = json.dumps(value).replace(r"\\*", "*").replace(r"\u2060", "")
    return json.loads(re.sub(r"(I|Ich):\\n\\n(?:# )?A heading", r"\1: # A heading", written))


def test_conversations_go_on(deploy: Deploy) -> None:
    """Prompts, /history, /export and everything written meanwhile are as before.

    Except for what prompts show of earlier turns, which changed on purpose since version 1.
    """
    goes_on = recorded("next")
    steps = goes_on["steps"]
    deployment = deploy(steps[0]["request"]["at"])
    for step in steps:
        played = {"request": step["request"], **deployment.play(step["request"])}
        for prompt, before in zip(played.pop("prompts"), step.pop("prompts"), strict=True):
            assert shows_part_of(prompt, before)
        assert apart_from_prompts(as_recorded(played)) == apart_from_prompts(step)
    items = as_recorded(changed(ITEMS, deployment.items()))
    assert apart_from_prompts(items) == apart_from_prompts(goes_on["changed"])
    files = as_recorded(apart_from_prompts(deployment.files()))
    assert files == apart_from_prompts(goes_on["files"])


def shows_part_of(prompt: Sequence[Mapping[str, str]], before: Sequence[Mapping[str, str]]) -> bool:
    """Whether `prompt` is what version 1 showed, except that neighbours of one role are joined,
    unanswered messages are left out, and the older turns may be.
    """
    assert [line["role"] for line in prompt[1:]] == ["user", "assistant"] * (
        len(prompt) // 2 - 1
    ) + ["user"]
    (system, *lines), (system_before, *lines_before) = prompt, before
    words = "\n\n".join(line["content"] for line in lines)
    words_before = "\n\n".join(
        line["content"] for line in lines_before if line["content"] != "what the model refuses"
    )
    return system == system_before and words_before.endswith(words)


def apart_from_prompts(value: Any) -> Any:
    """Leave out what a prompt's length decides: its tokens, and the end of the stand-in's answers.

    Also `since` and `html`, which version 1 did not store.
    """
    if isinstance(value, dict):
        left_out = ("since", "html", "estimate", "tokens_in", "tokens_out")
        return {n: apart_from_prompts(each) for n, each in value.items() if n not in left_out}
    if isinstance(value, list):
        return [apart_from_prompts(each) for each in value]
    if isinstance(value, str) and value.startswith("{\n"):
        return apart_from_prompts(json.loads(value))
    return value.partition("\n\nEarlier you said:")[0] if isinstance(value, str) else value
