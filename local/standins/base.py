"""What the stand-ins share: reading and refusing requests, and a record of accepted calls."""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from local.standins.contract import Contract, Upload, Violation
from local.standins.faults import Fault, Faults, FaultyApp

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@dataclass(frozen=True)
class Call:
    """An accepted call. `number` counts from 1, `at` is in epoch seconds.

    `method` is the operation's name, as `StandIn.operation_of` gives it.
    """

    number: int
    method: str
    params: dict[str, Any]
    at: float
    result: Any


class ErrorResponse(Exception):
    """Refuses a request: status and JSON body of an error response in the platform's form."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status)
        self.status, self.body = status, body


class StandIn(FaultyApp, ABC):
    """A WSGI application with `faults` in front. `accepted` holds the accepted calls in order.

    `facts` names the file of the API's methods and types (see `local.standins.contract`).
    """

    def __init__(self, facts: str) -> None:
        super().__init__(self._wsgi, Faults(), self.operation_of, self.error_body)
        self.contract = Contract(facts)
        self.accepted: list[Call] = []
        self._state = threading.Condition()  # held while a call is executed

    def wait(self, count: int, *methods: str, after: int = 0, timeout: float = 10) -> list[Call]:
        """Wait for accepted calls of `methods` (none given: all) with a number over `after`.

        Returns them once there are `count`, or the fewer there are after `timeout` seconds.
        """

        def found() -> list[Call]:
            calls = self.accepted[after:]
            return [call for call in calls if not methods or call.method in methods]

        with self._state:
            self._state.wait_for(lambda: len(found()) >= count, timeout)
            return found()

    @abstractmethod
    def respond(self, operation: str, request: Request) -> Response:
        """Execute the operation. Raises Violation or ErrorResponse to refuse it."""

    @abstractmethod
    def operation_of(self, environ: WSGIEnvironment, body: bytes) -> str:
        """The operation's name (`sendMessage`) in the contract, in `accepted`, for fault rules."""

    @abstractmethod
    def error_body(self, fault: Fault) -> dict[str, Any]:
        """The JSON body of the error response of a `status` fault, in the platform's form."""

    @abstractmethod
    def violation_error(self, violation: Violation) -> ErrorResponse:
        """The platform's error response for parameters that violate the contract."""

    def read(self, operation: str, request: Request) -> dict[str, Any]:
        """The parameters, checked: the query's, and those of a JSON object or of a form with files.

        Raises Violation.
        """
        params: dict[str, Any] = request.args.to_dict()
        encoded = request.mimetype != "application/json"
        if encoded:
            params |= request.form.to_dict()
            for name, file in request.files.items():
                params[name] = Upload(file.filename or "", file.mimetype, file.read())
        else:
            try:
                params |= json.loads(request.get_data())
            except (ValueError, TypeError):
                raise Violation("invalid", "", "the body is no JSON object") from None
        return self.contract.params(operation, params, encoded)

    def accept(self, method: str, params: dict[str, Any], result: Any) -> None:
        """Add a call to `accepted` and wake who waits for it."""
        with self._state:
            call = Call(len(self.accepted) + 1, method, params, time.time(), result)
            self.accepted.append(call)
            self._state.notify_all()

    def _wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            with Request(environ) as request:
                response = self.respond(environ["faults.operation"], request)
        except Violation as violation:
            refused = self.violation_error(violation)
            response = json_response(refused.body, refused.status)
        except ErrorResponse as refused:
            response = json_response(refused.body, refused.status)
        return response(environ, start_response)


def json_response(body: Any, status: int = 200) -> Response:
    """A response with a JSON body."""
    return Response(json.dumps(body), status, mimetype="application/json")
