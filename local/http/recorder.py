"""Record the requests between the functions and the servers of the local stack.

Records hold what people write, in memory only, for `python -m local send`, the playground and
tests. Nothing of them is written to a file or a log, and secrets are masked.
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
LONGEST_WAIT = 30.0  # seconds
LOG = "log"
"""The `server` of a record that is no request, but a line which a function printed: `request`."""


@dataclass(frozen=True, slots=True)
class Record:
    """One request and its response."""

    n: int  # its number, from 1 in the order in which requests ended
    at: float  # epoch seconds when it began
    ms: int  # milliseconds until the response's last byte
    server: str  # api, aws, telegram, graph, openai; lambda for an invocation, LOG for a log line
    operation: str  # "POST /telegram", "PutItem", "sendMessage", or the function's name
    status: int  # HTTP status; 0: the connection was closed without a response
    request_bytes: int
    response_bytes: int
    request: str  # the body, up to KEPT_BYTES, with secrets masked
    response: str


class Recorder:
    """Keeps the last KEPT_RECORDS records. Safe between threads.

    `secrets` are masked in recorded bodies; those of less than 8 characters are not.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = [secret for secret in secrets if len(secret) >= 8]
        self._records: deque[Record] = deque(maxlen=KEPT_RECORDS)
        self._last = 0
        self._changed = threading.Condition()
        self._listeners: list[Callable[[Record], None]] = []

    def listen(self, listener: Callable[[Record], None]) -> None:
        """Call `listener` with each new record, on the thread of its request."""
        self._listeners.append(listener)

    @property
    def last(self) -> int:
        """The number of the newest record."""
        return self._last

    def after(self, n: int) -> list[Record]:
        """The kept records with a number over `n`."""
        with self._changed:
            return [record for record in self._records if record.n > n]

    def wait(
        self, found: Callable[[Record], bool], after: int = 0, timeout: float = 10
    ) -> Record | None:
        """Wait for a record numbered over `after` that `found` accepts. None after `timeout` s."""
        end = time.monotonic() + timeout
        while True:
            with self._changed:
                self._changed.wait_for(partial(self.after, after), end - time.monotonic())
                records = self.after(after)
            match = next(filter(found, records), None)
            if match or time.monotonic() >= end:
                return match
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
        """Add a record of a request that ended now.

        `began` is in epoch seconds. `response_bytes` is given when `response` is not the whole
        body.
        """
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

    def log(self, line: str) -> None:
        """Add a record of a line that a function printed, unless it holds metrics."""
        if '"_aws"' not in line:
            self.add(LOG, "", time.time(), 0, line.encode(), b"")

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
        """Middleware that records the requests to `app` as `server`.

        `operation_of(environ, body)` names each request. Responses are streamed chunk by chunk.
        """

        def recorded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            began = time.time()
            body = body_of(environ)
            add = partial(self.add, server, operation_of(environ, body), began)
            response = _Response(lambda status, kept, size: add(status, body, kept, size))

            def started(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
                response.status = int(line.split(" ", 1)[0])
                response.length = Headers(headers).get("Content-Length", -1, type=int)
                return start_response(line, headers, exc_info)

            try:
                chunks = app(environ, started)
            except BaseException:
                response.done()
                raise
            callbacks = [response.done, getattr(chunks, "close", response.done)]
            return ClosingIterator(response.copy(chunks), callbacks)

        return recorded

    def page(self, request: Request) -> Response:
        """`GET /_local/records?after=N&wait=S` → `{"last": M, "records": […]}`.

        The records with a number over N; waits up to S seconds until there is one. `after=-1`
        answers at once with the newest number and no records.
        """
        after = request.args.get("after", -1, type=int)
        wait = min(request.args.get("wait", 0.0, type=float), LONGEST_WAIT)
        records: list[Record] = []
        if after >= 0:
            after = min(after, self.last)  # a client may have N from an earlier run
            self.wait(lambda record: True, after, wait)
            records = self.after(after)
        last = records[-1].n if records else self.last
        body = {"last": last, "records": [asdict(record) for record in records]}
        return Response(json.dumps(body), mimetype="application/json")


class _Response:
    """Copies a response while it is streamed, and records it before its last chunk is passed on.

    A client that has the whole response therefore finds its record.
    """

    def __init__(self, record: Callable[[int, bytes, int], None]) -> None:
        self.status = 0
        self.length = -1  # of the Content-Length header
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
