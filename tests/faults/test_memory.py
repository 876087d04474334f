"""The worker's memory with a full batch of the largest files that it takes: a real process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from chatbot.core.key import folder_of
from local.cloud.event_source import failures, to_event
from local.cloud.rie import Rie
from local.stack import Options, Stack
from local.standins.people import Person, Post, Signer
from tests.pdfs import pdf

pytestmark = pytest.mark.long

LARGEST = 10_000_000
"""Bytes: MAX_FILE_MB as it is by default."""
SPARE = 0.2
"""The share of the function's memory that nothing may use."""
PATIENCE = 120.0
SETTINGS = {"RETRY_DELAY": "100ms", "RETRY_DELAY_MAX": "1s", "SETTLE": "1s", "MAX_TOKENS": "100"}


@dataclass
class Memory:
    """Samples how much memory a process and those that it has started have resident, in MB."""

    pid: int
    peak: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self._over.wait(0.01):
            self.sample()

    def sample(self) -> None:
        own, *children = _family(self.pid)
        # A process that is just being started still has its parent's memory, and its command.
        others = [child for child in children if _command(child) != _command(own)]
        self.peak = max(self.peak, sum(map(_resident, [own, *others])))

    def end(self) -> None:
        self._over.set()
        own = Path(f"/proc/{self.pid}/status").read_text().partition("VmHWM:")[2]
        self.peak = max(self.peak, int(own.split()[0]) / 1024)


def _family(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended
            children += map(int, task.read_text().split())
    return [pid, *(each for child in children for each in _family(child))]


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _resident(pid: int) -> float:
    """What the process has resident, in MB."""
    with suppress(OSError, ValueError, IndexError):
        pages = Path(f"/proc/{pid}/statm").read_text().split()
        return int(pages[1]) * 4096 / 2**20
    return 0.0


class Worker:
    """One worker process, which takes batches of the queue until all is answered."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        described = stack.aws.client("lambda").get_function(
            FunctionName=stack.aws.ids["WorkerFunction"]
        )
        self.limit = described["Configuration"]["MemorySize"]
        function = stack.functions["WorkerFunction"]
        environment = {
            **function.environment,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.limit),
            "AWS_ENDPOINT_URL": stack.aws.url,
        }
        self.lines: list[str] = []
        self.rie = Rie(replace(function, environment=environment), self.lines.append)
        self.rie.invoke(json.dumps({"Records": []}))

    @property
    def pid(self) -> int:
        return self.rie.pids()[0]

    def work(self) -> list[list[str]]:
        """Answer what is queued; returns the message ids of each batch."""
        batches, end = [], time.monotonic() + PATIENCE
        while self._waiting() and time.monotonic() < end:
            answer = self.stack.sqs.receive_message(
                QueueUrl=self.stack.queue_url,
                MaxNumberOfMessages=10,
                MessageSystemAttributeNames=["All"],
            )
            messages = answer.get("Messages", [])
            if not messages:
                time.sleep(0.1)
                continue
            result = self.rie.invoke(json.dumps(to_event(messages, "arn:aws:sqs:::queue")))
            assert not result.error, (result.error, self.lines[-20:])
            failed = failures(result, messages, partial=True)
            for message in messages:
                if message["MessageId"] not in failed:
                    self.stack.sqs.delete_message(
                        QueueUrl=self.stack.queue_url, ReceiptHandle=message["ReceiptHandle"]
                    )
            batches.append([message["MessageId"] for message in messages])
        assert not self._waiting()
        return batches

    def _waiting(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.stack.sqs.get_queue_attributes(
            QueueUrl=self.stack.queue_url,
            AttributeNames=names,  # type: ignore[arg-type]
        )
        return sum(int(count) for count in counts["Attributes"].values())


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(Options(poll=False, settings=SETTINGS, log=lambda line: None)) as running:
        running.openai.first_token_s = 1.0
        yield running


@contextmanager
def measured(stack: Stack) -> Iterator[tuple[Worker, Memory]]:
    worker = Worker(stack)
    memory = Memory(worker.pid)
    thread = threading.Thread(target=memory.watch)
    thread.start()
    try:
        yield worker, memory
    finally:
        memory.end()
        thread.join()
        worker.rie.close()


Files = Callable[[int], tuple[str, str, bytes, str]]
"""Returns channel, kind, content and name of the file that the n-th person sends."""

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 39_062
WORDS = ("ä🦊 words " * (LARGEST // 13)).encode()
OLD = b"Gr\xfc\xdfe, " * 1_420_000
PDF = pdf("Hello") + b"%" * (LARGEST - 2000)
KINDS: dict[str, Files] = {
    "pictures": lambda n: ("telegram", "photo", PICTURE, "p.png"),
    "pictures of unknown size": lambda n: ("messenger", "photo", PICTURE, "p.png"),
    "recordings": lambda n: ("telegram", "voice", b"OggS" + bytes(LARGEST - 4), "v.ogg"),
    "texts": lambda n: ("telegram", "document", WORDS, "t.txt"),
    "texts in an old encoding": lambda n: ("telegram", "document", OLD, "t.txt"),
    "unreadable": lambda n: ("messenger", "document", b"\x00\xff\xfe\x01" * 2_500_000, "t.bin"),
    "PDFs": lambda n: ("telegram", "document", PDF, "d.pdf"),
    "all": lambda n: KINDS[[*KINDS][n % 7]](n),
}


def queue(stack: Stack, posts: Sequence[Post]) -> None:
    for post in posts:
        event = {
            "version": "2.0",
            "routeKey": f"POST {post.path}",
            "rawPath": post.path,
            "rawQueryString": "",
            "headers": dict(post.headers),
            "requestContext": {"http": {"method": "POST", "path": post.path}},
            "body": post.body.decode(),
            "isBase64Encoded": False,
        }
        result = stack.invoke("WebhookFunction", event)
        assert result.payload["statusCode"] == 200


def assert_peak(stack: Stack, posts: Sequence[Post], what: str) -> None:
    """Have a worker answer the posts, and compare its peak with the function's memory."""
    with measured(stack) as (worker, memory):
        queue(stack, posts)
        resting = _resident(worker.pid)
        batches = worker.work()
    sizes = [len(batch) for batch in batches]
    print(f"{what}: {resting:.0f} MB at rest, peak {memory.peak:.0f}, batches of {sizes}")
    assert memory.peak <= worker.limit * (1 - SPARE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_batch_of_the_largest_files(stack: Stack, kind: str) -> None:
    posts = []
    for number in range(10):
        channel, sent, content, name = KINDS[kind](number)
        assert LARGEST * 0.95 < len(content) <= LARGEST
        source = stack.upload(channel, content, name)
        person = Person(f"{kind} {number}", Signer(stack.settings))
        posts.append(person.send(channel, sent, source, f"What is it? {number}", name))
    assert_peak(stack, posts, kind)


def test_a_full_batch_of_short_recordings_after_the_largest_pictures(stack: Stack) -> None:
    """Which shows the model the picture of the turn before again."""
    people = [Person(f"speaking {number}", Signer(stack.settings)) for number in range(10)]
    picture = stack.upload("telegram", PICTURE, "p.png")
    recording = stack.upload("telegram", b"OggS" + bytes(4000), "v.ogg")
    for kind, source, name in (("photo", picture, "p.png"), ("voice", recording, "v.ogg")):
        posts = [person.send("telegram", kind, source, "What is it?", name) for person in people]
        assert_peak(stack, posts, f"{kind} of ten people")


@pytest.mark.parametrize("letter", ["x", "x🦊"])
def test_a_full_batch_of_the_longest_conversations(stack: Stack, letter: str) -> None:
    """With an emoji in it, Python holds four bytes for each letter of a text."""
    people = [Person(f"long {letter} {number}", Signer(stack.settings)) for number in range(10)]
    long = letter + "x" * 150_000
    for person in people:
        with stack.table.batch_writer() as batch:
            for number in range(12):
                key = {"pk": person.conversation("telegram"), "sk": f"turn#{number:013d}#{number}"}
                batch.put_item(
                    {**key, "state": "delivered", "origin": "model", "text": long, "reply": long}
                )
    assert_peak(stack, [person.telegram("Hello") for person in people], f"history of {letter}")


def test_a_full_batch_of_exports(stack: Stack) -> None:
    people = [Person(f"exporting {number}", Signer(stack.settings)) for number in range(10)]
    for person in people:
        with stack.table.batch_writer() as batch:
            for number in range(65):
                key = {"pk": person.conversation("telegram"), "sk": f"turn#{number:013d}#{number}"}
                batch.put_item(
                    {**key, "state": "delivered", "origin": "model", "text": "x" * 300_000}
                )
    assert_peak(stack, [person.telegram("/export") for person in people], "exports")
    assert min(sizes_of_files(stack, people)) > 15_000_000


def test_a_full_batch_of_drawn_pictures(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.standins.openai._picture", lambda name: PICTURE)
    people = [Person(f"drawing {number}", Signer(stack.settings)) for number in range(10)]
    assert_peak(stack, [person.telegram("/image a fox") for person in people], "drawn pictures")
    assert sizes_of_files(stack, people) == [len(PICTURE)] * 10


def sizes_of_files(stack: Stack, people: Sequence[Person]) -> list[int]:
    """The sizes of the files that were made for them."""
    s3, sizes = stack.aws.client("s3"), []
    for person in people:
        folder = folder_of(person.conversation("telegram"))
        found = s3.list_objects_v2(Bucket=stack.bucket, Prefix=folder)
        sizes += [each["Size"] for each in found["Contents"]]
    assert len(sizes) == len(people)
    return sizes
