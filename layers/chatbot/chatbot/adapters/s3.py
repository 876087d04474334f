"""The private bucket of generated files in S3: ports.Files, and links for the web page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chatbot.core.errors import FilesUnavailable
from chatbot.core.files import File, FileStream
from chatbot.core.key import folder_of

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2RequestTypeDef

# Newer regions refuse presigned URLs in the older form (signature version 2).
CONFIG = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
"""What the configuration of the bucket's client has to contain."""
LINK_SECONDS = 60
"""Seconds for which a presigned URL is valid."""
_IN_MEMORY = 1_000_000  # bytes of a file that is being written; what is larger is on the disk
_CHUNK = 65_536
_MOST_DELETED = 1000  # objects of one DeleteObjects (S3 API)
Answer = TypeVar("Answer")
# Without the right to list the bucket, which the web function has not, S3 answers 403 for a missing
# object (S3 API, GetObject).
_ABSENT = ("404", "NoSuchKey", "403", "AccessDenied")


class Bucket:
    """Files in the bucket; thread-safe. Every method may raise FilesUnavailable.

    `client` returns the S3 client, whose configuration contains `CONFIG`. It is called at first
    use, since most invocations need none.
    """

    def __init__(self, name: str, client: Callable[[], S3Client]) -> None:
        self._name = name
        self._client = client

    def keep(self, name: str, file: File) -> None:
        """Store a file; all but pictures are marked for download (ports.Files)."""
        disposition = "inline" if file.type.startswith("image/") else "attachment"
        with _s3("PutObject"):
            self._client().put_object(
                Bucket=self._name,
                Key=name,
                Body=file.content,
                ContentType=file.type,
                ContentDisposition=disposition,
            )

    def write(self, name: str, kind: str, chunks: Iterable[bytes]) -> None:
        """Store a file in pieces, by way of the function's disk (ports.Files).

        In one request: a file that breaks off is not stored, and nothing of it has to be removed.
        """
        from tempfile import SpooledTemporaryFile  # rarely needed

        with SpooledTemporaryFile(_IN_MEMORY) as file:
            for chunk in chunks:
                file.write(chunk)
            file.seek(0)
            with _s3("PutObject"):
                self._client().put_object(
                    Bucket=self._name,
                    Key=name,
                    Body=file,
                    ContentType=kind,
                    ContentDisposition="attachment",
                )

    def load(self, name: str) -> FileStream | None:
        """Begin to read a file, None when it has expired (ports.Files)."""
        with _s3("GetObject"):
            answer = _unless_absent(self._client().get_object, Bucket=self._name, Key=name)
            if answer is None:
                return None
            body = answer["Body"]
            read = partial(self._read, name, [body])
            return FileStream(answer["ContentType"], answer["ContentLength"], read, body.close)

    def _read(self, name: str, begun: list[StreamingBody]) -> Iterator[bytes]:
        """Yield what was begun to be read, and after that the file anew."""
        with _s3("GetObject"):
            if begun:
                body = begun.pop()
            else:
                body = self._client().get_object(Bucket=self._name, Key=name)["Body"]
            with closing(body):
                yield from body.iter_chunks(_CHUNK)

    def names(self, conversation: str) -> Iterator[str]:
        """Yield the names of a conversation's files, page by page (ports.Files)."""
        place: ListObjectsV2RequestTypeDef = {
            "Bucket": self._name,
            "Prefix": f"{folder_of(conversation)}/",
        }
        while True:
            with _s3("ListObjectsV2"):
                page = self._client().list_objects_v2(**place)
            if "KeyCount" not in page:
                # The SDK turns a body that it cannot parse into an empty answer.
                raise FilesUnavailable("ListObjectsV2: unreadable answer")
            yield from (each["Key"] for each in page.get("Contents", ()))
            if not page.get("NextContinuationToken"):
                return
            place["ContinuationToken"] = page["NextContinuationToken"]

    def delete(self, names: Iterable[str]) -> None:
        """Delete files, in as few requests as possible (ports.Files)."""
        left = iter(names)
        while objects := [{"Key": name} for name in islice(left, _MOST_DELETED)]:
            with _s3("DeleteObjects"):
                answer = self._client().delete_objects(
                    Bucket=self._name,
                    Delete={"Objects": objects, "Quiet": True},  # type: ignore[typeddict-item]
                )
            if answer.get("Errors"):
                raise FilesUnavailable("DeleteObjects: not all")

    def link(self, name: str) -> str | None:
        """A presigned URL of the file, valid for LINK_SECONDS; None when there is no such file."""
        with _s3("HeadObject"):
            place = {"Bucket": self._name, "Key": name}
            if _unless_absent(self._client().head_object, **place) is None:
                return None
            return self._client().generate_presigned_url("get_object", place, LINK_SECONDS)


def _unless_absent(call: Callable[..., Answer], **place: str) -> Answer | None:
    """Make a call about one object; None when there is no such object."""
    try:
        return call(**place)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _ABSENT:
            raise
        return None


@contextmanager
def _s3(operation: str) -> Iterator[None]:
    """Convert botocore's errors to FilesUnavailable."""
    try:
        yield
    except ClientError as error:
        raise FilesUnavailable(f"{operation}: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise FilesUnavailable(f"{operation}: {type(error).__name__}") from error
