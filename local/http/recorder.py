"""The recorder: what passes between the functions and the servers, kept for those who look.

It holds people's words, in memory only, for the console's trace, `send`, the playground and
tests. It is no log: nothing of it is written anywhere, and secrets are blotted out.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import ClosingIterator

from local.http.server import body_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEPT_RECORDS = 2_000
KEPT_BYTES = 256 * 1024  # of each body
LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Record:
    """One request and its answer. `status` 0: hung up without one. Sizes are bytes.

    `server` is api, aws, telegram, graph, openai, or lambda for an invocation; `at` is epoch
    seconds when it began, `ms` how long it took, to the last byte.
    """

    n: int
    at: float
    ms: int
    server: str
    operation: str
    status: int
    request_bytes: int
    response_bytes: int
    request: str
    response: str


class Recorder:
    """Numbers records from 1 and keeps the last of them. Safe between threads."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = [secret for secret in secrets if len(secret) >= 8]
        self._records: deque[Record] = deque(maxlen=KEPT_RECORDS)
        self._last = 0
        self._changed = threading.Condition()
        self._listeners: list[Callable[[Record], None]] = []

    def listen(self, listener: Callable[[Record], None]) -> None:
        """Call `listener` with each record, on the thread that made it."""
        self._listeners.append(listener)

    @property
    def last(self) -> int:
        """The number of the newest record."""
        return self._last

    def after(self, n: int) -> list[Record]:
        with self._changed:
            return [record for record in self._records if record.n > n]

    def wait(
        self, found: Callable[[Record], bool], after: int = 0, timeout: float = 10
    ) -> Record | None:
        """The first record numbered over `after` for which `found` holds, when there is one."""
        end = time.monotonic() + timeout
        while True:
            with self._changed:
                self._changed.wait_for(partial(self.after, after), end - time.monotonic())
                records = self.after(after)
            hit = next(filter(found, records), None)
            if hit or time.monotonic() >= end:
                return hit
            after = records[-1].n if records else after

    def add(
        self,
        server: str,
        operation: str,
        began: float,
        status: int,
        request: bytes,
        response: bytes,
        response_bytes: int | None = None,
    ) -> None:
        """`began` is epoch seconds; `response_bytes` when more was sent than is kept."""
        ms = round((time.time() - began) * 1000)
        size = len(response) if response_bytes is None else response_bytes
        texts = self._readable(request), self._readable(response)
        with self._changed:
            self._last += 1
            record = Record(
                self._last, began, ms, server, operation, status, len(request), size, *texts
            )
            self._records.append(record)
            self._changed.notify_all()
        for listener in self._listeners:
            listener(record)

    def _readable(self, body: bytes) -> str:
        text = body[:KEPT_BYTES].decode(errors="replace")
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        return text

    def around(
        self,
        server: str,
        app: WSGIApplication,
        operation_of: Callable[[WSGIEnvironment, bytes], str],
    ) -> WSGIApplication:
        """`app` with every request recorded. Answers pass on chunk by chunk."""

        def recorded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            began = time.time()
            body = body_of(environ)
            add = partial(self.add, server, operation_of(environ, body), began)
            answer = _Answer(lambda status, kept, size: add(status, body, kept, size))

            def started(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
                answer.status = int(line.split(" ", 1)[0])
                answer.length = Headers(headers).get("Content-Length", -1, type=int)
                return start_response(line, headers, exc_info)

            try:
                chunks = app(environ, started)
            except BaseException:
                answer.done()
                raise
            callbacks = [answer.done, getattr(chunks, "close", answer.done)]
            return ClosingIterator(answer.copy(chunks), callbacks)

        return recorded

    def page(self, request: Request) -> Response:
        """`GET /_local/records?after=N&wait=S`: the records after N, as soon as there is one.

        `after=-1` answers at once with the newest number only.
        """
        after = request.args.get("after", -1, type=int)
        wait = min(request.args.get("wait", 0.0, type=float), LONGEST_WAIT)
        records: list[Record] = []
        if after >= 0:
            after = min(after, self.last)  # a page may remember an earlier run
            self.wait(lambda record: True, after, wait)
            records = self.after(after)
        last = records[-1].n if records else self.last
        body = {"last": last, "records": [asdict(record) for record in records]}
        return Response(json.dumps(body), mimetype="application/json")


class _Answer:
    """What of an answer has passed. Recorded before its last byte is handed on: whoever has got
    the whole answer finds its record."""

    def __init__(self, record: Callable[[int, bytes, int], None]) -> None:
        self.status = 0
        self.length = -1  # as announced
        self._record = record
        self._kept = bytearray()
        self._size = 0
        self._recorded = False

    def copy(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._kept += chunk[: max(KEPT_BYTES - len(self._kept), 0)]
            self._size += len(chunk)
            if self._size == self.length:
                self.done()
            yield chunk
        self.done()

    def done(self) -> None:
        if not self._recorded:
            self._recorded = True
            self._record(self.status, bytes(self._kept), self._size)
