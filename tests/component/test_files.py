"""The template's bucket in moto: files are stored, loaded, linked and erased."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import boto3
import pytest
import requests
from botocore.stub import Stubber

from chatbot.adapters.s3 import Bucket
from chatbot.core.errors import FilesUnavailable, HistoryUnavailable
from chatbot.core.files import File
from chatbot.core.key import folder_of
from chatbot.core.ports import Files
from tests.component.conftest import Aws, bucket_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = "0" * 32 + "/" + "1" * 32 + ".png"
PNG = File(b"\x89PNG\r\n\x1a\n", "image/png")


@pytest.fixture
def s3(aws: Aws) -> S3Client:
    client: S3Client = boto3.client("s3")
    return client


def test_what_is_kept_is_loaded(bucket: Bucket) -> None:
    files: Files = bucket
    files.keep(NAME, PNG)
    assert loaded(files) == PNG
    assert files.load(NAME.replace("0", "f")) is None


def loaded(files: Files, name: str = NAME) -> File | None:
    stream = files.load(name)
    if stream is None:
        return None
    file = File(b"".join(stream.chunks()), stream.type)
    assert stream.size == len(file.content)
    return file


def test_what_is_loaded_can_be_read_again_or_not_at_all(bucket: Bucket) -> None:
    bucket.keep(NAME, File(PNG.content + bytes(200_000), "image/png"))
    stream = bucket.load(NAME)
    assert stream
    pieces = [list(stream.chunks()) for _ in range(3)]
    assert pieces[0] == pieces[1] == pieces[2]
    assert max(map(len, pieces[0])) <= 65_536
    for _ in range(50):  # more than there are connections
        unread = bucket.load(NAME)
        assert unread
        unread.close()


def test_a_file_is_written_in_pieces(aws: Aws, bucket: Bucket, s3: S3Client) -> None:
    pieces = (bytes([number % 256]) * 100_000 for number in range(30))
    bucket.write("a/b.json", "application/json", pieces)
    found = loaded(bucket, "a/b.json")
    assert found
    assert (len(found.content), found.content[-1]) == (3_000_000, 29)
    assert found.type == "application/json"
    head = s3.head_object(Bucket=aws.names["FilesBucket"], Key="a/b.json")
    assert head["ContentDisposition"] == "attachment"


def test_a_file_that_breaks_off_is_not_stored(bucket: Bucket) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"words"
        raise HistoryUnavailable("Query")

    with pytest.raises(HistoryUnavailable):
        bucket.write("a/b.json", "application/json", pieces())
    assert bucket.load("a/b.json") is None


def test_a_picture_may_be_shown_and_a_file_is_saved(aws: Aws, bucket: Bucket, s3: S3Client) -> None:
    bucket.keep(NAME, PNG)
    bucket.keep("a/b.json", File(b"{}", "application/json"))
    heads = [
        s3.head_object(Bucket=aws.names["FilesBucket"], Key=name) for name in (NAME, "a/b.json")
    ]
    assert [head["ContentDisposition"] for head in heads] == ["inline", "attachment"]


def test_everything_named_is_deleted(bucket: Bucket) -> None:
    names = [f"a/{number}.png" for number in range(1001)]
    for name in (names[0], names[-1], NAME):
        bucket.keep(name, PNG)
    bucket.delete(names)
    assert [loaded(bucket, name) for name in (names[0], names[-1], NAME)] == [None, None, PNG]
    bucket.delete([])


@pytest.mark.long  # more than a page of them
def test_the_files_of_one_conversation_are_listed(bucket: Bucket) -> None:
    mine, others = folder_of("telegram:4"), folder_of("telegram:42")
    names = [f"{mine}/{number:04d}.png" for number in range(1001)]  # more than a page
    for name in (*names, f"{others}/1.png", f"{mine}.png"):
        bucket.keep(name, PNG)
    assert [*bucket.names("telegram:4")] == names
    bucket.delete(bucket.names("telegram:4"))
    assert [*bucket.names("telegram:4")] == []
    assert len([*bucket.names("telegram:42")]) == 1


def test_a_list_that_cannot_be_read_is_not_taken_for_an_empty_one(bucket: Bucket) -> None:
    with Stubber(bucket._client()) as stub:
        stub.add_response("list_objects_v2", {})
        with pytest.raises(FilesUnavailable, match="unreadable"):
            next(bucket.names("telegram:4"))


def test_a_link_opens_one_thing_for_a_minute(aws: Aws, bucket: Bucket) -> None:
    bucket.keep(NAME, PNG)
    url = bucket.link(NAME)
    assert url
    host, _, query = url.partition("?")
    assert host == f"https://{aws.names['FilesBucket']}.s3.eu-central-1.amazonaws.com/{NAME}"
    assert "X-Amz-Expires=60" in query
    assert "AWS4-HMAC-SHA256" in query
    assert requests.get(url, timeout=5).content == PNG.content
    assert bucket.link("a/b.png") is None


def test_on_this_machine_links_lead_to_it(aws: Aws) -> None:
    bucket = bucket_of("files", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    with Stubber(bucket._client()) as stub:
        stub.add_response("head_object", {})
        assert re.match(r"http://127\.0\.0\.1:1/files/a/b\.png\?", bucket.link("a/b.png") or "")


@pytest.mark.parametrize("code", ["NoSuchKey", "404", "AccessDenied", "403"])
def test_who_may_not_list_is_refused_what_is_not_there(bucket: Bucket, code: str) -> None:
    with Stubber(bucket._client()) as stub:
        stub.add_client_error("get_object", code)
        assert bucket.load(NAME) is None


def test_a_bucket_that_is_away_can_be_tried_again(aws: Aws, bucket: Bucket) -> None:
    gone = bucket_of("nobody-has-this-one")
    calls: tuple[Callable[[], object], ...] = (
        partial(gone.keep, NAME, PNG),
        partial(gone.load, NAME),
        partial(gone.delete, ["a"]),
        lambda: next(gone.names("telegram:4")),
    )
    for call in calls:
        with pytest.raises(FilesUnavailable, match="NoSuchBucket"):
            call()
    with pytest.raises(FilesUnavailable, match="GetObject: ParamValidationError"):
        bucket_of("").load(NAME)
    with Stubber(bucket._client()) as stub:
        refused = {"Key": "a", "Code": "InternalError"}
        stub.add_response("delete_objects", {"Errors": [refused]})
        with pytest.raises(FilesUnavailable, match="not all"):
            bucket.delete(["a"])


def test_a_client_is_made_only_where_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("boto3.Session.client")
    bucket_of("files")
