"""`ops conversation forget`: a conversation, and one person's words in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace

import boto3
import pytest

from chatbot.adapters.dynamodb.codec import turn_to_item
from chatbot.adapters.dynamodb.turns import Table
from chatbot.core.files import StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Media
from chatbot.core.ports import now_ms
from chatbot.core.timeline import ConversationProfile, exchanges
from chatbot.core.turn import Button, Claim, Links, Origin, Reply, State, Turn, Usage
from chatbot.core.work import Tries
from ops import target
from ops.__main__ import main
from ops.target import Target
from tests.component.conftest import Aws

NO_WORDS = set(
    "pk sk expires_at kind channel plain state origin claim_token claim_ends posted opened_at "
    "lifted_by leader resumed replaces rating since model tokens_in tokens_out estimate".split()
)
"""Attributes of a turn's item in which nobody's words or name can be."""
ADA, GROUP, OTHER = "telegram:42", "telegram:-100", "telegram:-200:3"
Written = Callable[..., Turn]
Run = Callable[..., str]


@pytest.fixture
def table(aws: Aws) -> Table:
    return Table(aws.dynamodb, aws.names["ConversationTable"], now_ms, 90)


@pytest.fixture
def run(aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    outputs = {"ConversationTable": "TableName", "FilesBucket": "FilesBucket"}
    names = {output: aws.names[name] for name, output in outputs.items()}
    stack = Target(boto3.Session(), None, {**names, "ParameterPath": "/chatbot"}, stack="chatbot")
    monkeypatch.setattr(target, "find", lambda chosen: stack)

    def forget(conversation: str, *options: str) -> str:
        assert main(["conversation", "forget", conversation, *options]) == 0
        return capsys.readouterr().out

    return forget


@pytest.fixture
def written(table: Table) -> Written:
    """Stores a delivered turn of a conversation, by an author, with all that can hold words."""
    numbers = iter(range(1_000))

    def write(conversation: str, author: str, words: str, **changes: object) -> Turn:
        number = next(numbers)
        turn = Turn(
            key=TurnKey.of(conversation, now_ms() - 100_000 + number, f"{number:012d}:message"),
            channel="telegram",
            author=Author(author, f"name of {author}", "en"),
            text=words,
            reply=Reply(f"answer to {words}", (Button(words, words),)),
            state=State.DELIVERED,
            origin=Origin.MODEL,
            posted=(f"post {number}",),
            quote="7",
            more=f"more {words}",
            usage=Usage("model", 10, 20, 30),
            media=(Media("photo", f"source {words}"),),
        )
        turn = replace(turn, **changes)  # type: ignore[arg-type]
        table.put(turn)
        return turn

    return write


def all_of(table: Table, conversation: str) -> list[Turn]:
    return [*table.older(TurnKey(conversation, "turn#:"))][::-1]


def test_what_one_person_wrote_in_a_group_is_emptied_and_nothing_else(
    table: Table, written: Written, run: Run
) -> None:
    hers = written(GROUP, "42", "Ada's secret")
    his = written(GROUP, "7", "Bob's words")
    alone = written(ADA, "42", "in private")
    assert "1 turns of telegram:-100 emptied" in run(GROUP, "--author", "42")
    emptied, kept = all_of(table, GROUP)
    assert kept == his
    assert all_of(table, ADA) == [alone]
    assert emptied == Turn(
        key=hers.key,
        channel="telegram",
        author=Author(""),
        text="",
        reply=Reply(""),
        state=State.DELIVERED,
        origin=Origin.NOTICE,
        posted=hers.posted,
        usage=hers.usage,
    )
    assert [*exchanges(all_of(table, GROUP)[::-1])] == [his]


def test_of_all_that_is_stored_of_a_turn_only_what_holds_no_words_is_kept(
    aws: Aws, table: Table, written: Written, run: Run
) -> None:
    turn = written(
        GROUP,
        "42",
        "secret",
        reply=Reply("secret", (Button("secret", "secret"),), StoredFile("a", "b", "secret"), True),
        claim=Claim("token", 1),
        opened_at=1,
        quote="secret",
        rating=1,
        since="turn#1",
        links=Links(True, "turn#1", True, "turn#2", "turn#3"),
        html="<p>secret</p>",
    )
    unset = [name for name, each in _values(turn) if not each]
    assert not unset, "all that can be stored of a turn has to be in this one"
    stored = set(turn_to_item(turn)) | {"expires_at"}
    run(GROUP, "--author", "42")
    key = {"pk": {"S": turn.key.conversation}, "sk": {"S": turn.key.sort}}
    left = aws.dynamodb.get_item(TableName=aws.names["ConversationTable"], Key=key)["Item"]
    assert set(left) == NO_WORDS
    assert stored > NO_WORDS
    assert "secret" not in str(left)


def _values(document: object, name: str = "") -> Iterator[tuple[str, object]]:
    """All values of a dataclass, those of dataclasses within it one by one."""
    if not is_dataclass(document):
        yield name, document
        return
    for field in fields(document):
        yield from _values(getattr(document, field.name), f"{name}.{field.name}")


def test_a_person_is_forgotten_in_every_group_and_others_are_not(
    table: Table, written: Written, run: Run
) -> None:
    mine = [written(ADA, "42", "in private"), written(GROUP, "42", "one"), written(OTHER, "42", "")]
    others = [written(GROUP, "7", "Bob"), written("web:42x", "42", "w", channel="web")]
    out = run(ADA, "--in-groups")
    assert out.splitlines()[1:] == [
        "1 turns of telegram:-100 emptied: those that the same person wrote",
        "1 turns of telegram:-200:3 emptied: those that the same person wrote",
    ]
    assert all_of(table, ADA) == []
    found = [turn for name in (GROUP, OTHER, "web:42x") for turn in all_of(table, name)]
    assert [turn for turn in found if turn.author.id] == others
    assert not any("42" in repr(turn.author) for turn in found if turn.key != others[1].key)
    assert {turn.key for turn in found} == {turn.key for turn in (*mine[1:], *others)}


def test_without_the_option_groups_are_kept_and_it_is_offered(
    table: Table, written: Written, run: Run
) -> None:
    kept = written(GROUP, "42", "in the group")
    written(ADA, "42", "in private")
    assert run(ADA).splitlines() == [
        "1 turns of telegram:42 erased; its next message starts a new one",
        "what the same person wrote in groups is kept: --in-groups erases that, too",
    ]
    assert all_of(table, GROUP) == [kept]
    assert all_of(table, ADA) == []


def test_merged_messages_pictures_and_transcripts_go_too(
    aws: Aws, table: Table, written: Written, run: Run
) -> None:
    s3, bucket = boto3.client("s3"), aws.names["FilesBucket"]
    for name in ("hers.png", "his.png"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"picture")
    leader = written(GROUP, "42", "one", reply=Reply("", file=StoredFile("hers.png", "a", "b")))
    written(GROUP, "42", "two", links=Links(merged_into=leader.key.sort))
    his = written(GROUP, "7", "his", reply=Reply("", file=StoredFile("his.png", "a", "b")))
    table.save_profile(GROUP, ConversationProfile(persona="poet"))
    table.raise_try(leader.key, 1, 1)
    before = Tries(1)
    assert table.note_try(leader.key, before, replace(before, heard=(("voice", "her words"),)))
    run(GROUP, "--author", "42")
    first, second, third = all_of(table, GROUP)
    assert (first.text, first.reply.file, second.text, second.more) == ("", None, "", "")
    assert second.links.merged_into == leader.key.sort
    assert third == his
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["his.png"]
    assert table.read(GROUP, 1).profile.persona == "poet"
    tries = table.raise_try(leader.key, 1, 1)
    assert tries is not None
    assert tries.heard == ()


def test_the_groups_exports_go_too_as_they_hold_her_words(
    aws: Aws, table: Table, written: Written, run: Run
) -> None:
    s3, bucket = boto3.client("s3"), aws.names["FilesBucket"]
    written(ADA, "42", "in private")
    kept = []
    for group in (GROUP, OTHER):
        written(group, "42", "hers")
        his = written(group, "7", "/export")
        kept.append(his.key.file_name("png"))
        for name in (his.key.file_name("json"), kept[-1]):
            s3.put_object(Bucket=bucket, Key=name, Body=b"file")
    assert run(GROUP, "--author", "42").splitlines() == [
        "1 turns of telegram:-100 emptied: those that 42 wrote",
        "1 exports of telegram:-100 deleted: anybody's words may be in them",
    ]
    names = {each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert names == {*kept, all_of(table, OTHER)[1].key.file_name("json")}
    assert "1 exports of telegram:-200:3 deleted" in run(ADA, "--in-groups")
    assert {each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]} == {*kept}


def test_exports_of_before_and_after_a_group_moved_go_too(
    aws: Aws, table: Table, written: Written, run: Run
) -> None:
    s3, bucket = boto3.client("s3"), aws.names["FilesBucket"]
    before, after = GROUP, "telegram:-1009"
    written(before, "42", "hers")
    exported = [written(name, "7", "/export").key.file_name("json") for name in (before, after)]
    table.save_profile(after, ConversationProfile(moved_from=before))
    table.save_profile("telegram:-1008", ConversationProfile(moved_from=OTHER))
    for options in ((ADA, "--in-groups"), (after, "--author", "42")):
        for name in exported:
            s3.put_object(Bucket=bucket, Key=name, Body=b"export")
        assert "exports of telegram:-1009 deleted" in run(*options)
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
        written(before, "42", "hers again")


def test_nobody_is_everybody(table: Table, written: Written, run: Run) -> None:
    kept = written(GROUP, "", "of an unknown author")
    assert "0 turns" in run(GROUP, "--author", "8")
    assert run("telegram:", "--in-groups").count("\n") == 1
    assert all_of(table, GROUP) == [kept]


def test_the_options_are_for_forget(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conversation", "show", GROUP, "--author", "42"]) == 2
    assert main(["conversation", "export", ADA, "--in-groups"]) == 2
    assert capsys.readouterr().err.count("--in-groups and --author are for forget\n") == 2
