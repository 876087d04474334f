"""Fault injection: a WSGI middleware that makes chosen requests fail in chosen ways."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from werkzeug.wrappers import Response
from werkzeug.wsgi import ClosingIterator

from local.http.server import body_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Kind = Literal[
    "status",  # an error response in the platform's form; the request is not executed
    "slow",  # the usual response, `delay_s` later
    "malformed",  # 200 with a body that is no JSON
    "hang_up_before",  # connection closed without a response, the request not executed
    "hang_up_after",  # the same, but the request is executed
    "reset",  # connection reset (RST), the request not executed
    "cut",  # closed in the middle of chunk number `chunks` (from 0) of the response's body
    "no_answer",  # held until the client gives up, or `Faults.release()`; then closed
]
OperationOf = Callable[["WSGIEnvironment", bytes], str]
"""Names a request, from its WSGI environment and body."""
_EXECUTED = ("malformed", "no_answer")  # the kinds for which `Fault.work` counts


@dataclass(frozen=True)
class Fault:
    """A rule: what happens to the next `times` requests that match."""

    kind: Kind
    match: str = "*"  # the operation, with * and ? as in file names
    # Only requests whose URL or body contains these texts, as transmitted: mind JSON escapes.
    contains: str | tuple[str, ...] = ""
    skip: int = 0  # how many matching requests pass first
    times: int = 1  # 0: until cleared
    status: int = 500
    # The platform's error code: Graph "10/2018278", OpenAI "rate_limit_exceeded", AWS's type.
    code: str = ""
    retry_after: int | None = None  # seconds
    body: str | None = None  # of `status` and `malformed`, in place of the usual one
    content_type: str = "application/json"  # of the same
    delay_s: float = 0  # before the fault takes effect
    work: bool = True  # `malformed` and `no_answer`: the request is executed
    chunks: int = 0
    # Called with the request's WSGI environment when the fault occurs: after the request was
    # executed, if it is (`slow` and `cut`: before), and before the client notices.
    then: Callable[[WSGIEnvironment], None] | None = None

    def concerns(self, operation: str, body: bytes) -> bool:
        """Whether the rule matches a request, disregarding `skip` and `times`."""
        texts = (self.contains,) if isinstance(self.contains, str) else self.contains
        return fnmatchcase(operation, self.match) and all(text.encode() in body for text in texts)


@dataclass(frozen=True)
class Fired:
    """A fault that occurred. `at` is in epoch seconds."""

    fault: Fault
    operation: str
    at: float = field(default_factory=time.time)
    released: threading.Event = field(default_factory=threading.Event)


class Faults:
    """The rules in force: the first that matches a request applies. Safe between threads.

    `fired` records each fault that occurred, after the request was executed, if it is, and before
    the client notices.
    """

    def __init__(self, *faults: Fault) -> None:
        self.fired: list[Fired] = []
        self._rules: list[_Rule] = []
        self._changed = threading.Condition()
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Add rules after those in force."""
        with self._changed:
            self._rules += [_Rule(fault, fault.skip, fault.times) for fault in faults]

    def remove(self, *faults: Fault) -> None:
        """Remove the rules of these very objects, and leave equal ones of other tests."""
        with self._changed:
            self._rules = [
                rule for rule in self._rules if not any(rule.fault is each for each in faults)
            ]

    def clear(self) -> None:
        """Remove all rules, and release the connections that are held."""
        with self._changed:
            self._rules.clear()
        self.release()

    def release(self) -> None:
        """Close the connections that `no_answer` holds now."""
        with self._changed:
            for fired in self.fired:
                fired.released.set()

    def take(self, operation: str, body: bytes = b"") -> Fault | None:
        """The fault for this request, or None. Counts as one of the rule's `times`."""
        with self._changed:
            for rule in self._rules:
                if not rule.fault.concerns(operation, body):
                    continue
                if rule.skip:
                    rule.skip -= 1
                    continue
                rule.left -= 1
                if rule.left == 0:
                    self._rules.remove(rule)
                return rule.fault
        return None

    def record(self, fault: Fault, operation: str) -> Fired:
        """Add to `fired`, and wake who waits for it."""
        with self._changed:
            self.fired.append(Fired(fault, operation))
            self._changed.notify_all()
            return self.fired[-1]

    def wait_fired(self, count: int = 1, timeout: float = 10) -> bool:
        """Wait until `count` faults occurred in all. False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.fired) >= count, timeout)


@dataclass(eq=False)
class _Rule:
    fault: Fault
    skip: int
    left: int


class FaultyApp:
    """Middleware that applies `faults` to requests to `app`.

    `operation_of(environ, body)` names a request for the rules; `error_body(fault)` is the JSON
    body of an error response in the platform's form. It needs werkzeug's server, which passes the
    raw socket in the environment.
    """

    def __init__(
        self,
        app: WSGIApplication,
        faults: Faults,
        operation_of: OperationOf,
        error_body: Callable[[Fault], dict[str, Any]],
    ) -> None:
        self._app = app
        self.faults = faults
        self._operation_of = operation_of
        self._error_body = error_body

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (WSGI)."""
        body = body_of(environ)
        operation = environ["faults.operation"] = self._operation_of(environ, body)
        fault = self.faults.take(operation, environ["REQUEST_URI"].encode() + b"\n" + body)
        if fault is None:
            return self._app(environ, start_response)
        if fault.kind == "hang_up_after" or (fault.work and fault.kind in _EXECUTED):
            Response.from_app(self._app, environ.copy(), buffered=True).close()
        fired = self.faults.record(fault, operation)
        if fault.then:
            fault.then(environ)
        time.sleep(fault.delay_s)
        connection: socket.socket = environ["werkzeug.socket"]
        if fault.kind == "slow":
            return self._app(environ, start_response)
        if fault.kind == "cut":
            chunks = self._app(environ, start_response)
            cut = _cut(iter(chunks), fault.chunks, connection)
            return ClosingIterator(cut, getattr(chunks, "close", None))
        if fault.kind in ("status", "malformed"):
            return self._answer(fault)(environ, start_response)
        if fault.kind == "no_answer":
            hold(connection, fired.released)
        raise hang_up(connection, reset=fault.kind == "reset")

    def _answer(self, fault: Fault) -> Response:
        if fault.kind == "malformed":
            body, status = '{"ok": tru', 200
        else:
            body, status = json.dumps(self._error_body(fault)), fault.status
        response = Response(fault.body or body, status, content_type=fault.content_type)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        return response


def aws_operation(environ: WSGIEnvironment, body: bytes) -> str:
    """The operation of an AWS JSON request (`PutItem`), else the HTTP method (S3)."""
    target: str = environ.get("HTTP_X_AMZ_TARGET") or environ["REQUEST_METHOD"]
    return target.rpartition(".")[2]


def aws_error(fault: Fault) -> dict[str, Any]:
    """An error's body in the AWS JSON protocols. The fault's `code` is the exception's name."""
    return {"__type": fault.code or "InternalServerError", "message": "a fault was asked for"}


def _cut(chunks: Iterator[bytes], whole: int, connection: socket.socket) -> Iterator[bytes]:
    for number, chunk in enumerate(chunks):
        if number == whole:
            yield chunk[: len(chunk) // 2]
            break
        yield chunk
    raise hang_up(connection)


def hold(connection: socket.socket, released: threading.Event) -> None:
    """Wait until the client closes the connection, or it is released."""
    connection.setblocking(False)
    while not released.wait(0.02):
        try:
            if connection.recv(1, socket.MSG_PEEK) == b"":
                return
        except BlockingIOError:
            continue
        except OSError:
            return


def hang_up(connection: socket.socket, reset: bool = False) -> Exception:
    """Close the connection. Returns the exception to raise: werkzeug then logs nothing."""
    if reset:
        # Closing without lingering sends RST, but the server would shut down first, which sends
        # FIN: put a dead socket in the place of this one.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        dead, other = socket.socketpair()
        with dead, other:
            os.dup2(dead.fileno(), connection.fileno())
    else:
        with suppress(OSError):  # the client closed it first
            connection.shutdown(socket.SHUT_RDWR)
    return ConnectionAbortedError()
