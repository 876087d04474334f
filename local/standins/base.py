"""What the stand-ins share: the record of accepted calls, reading a request, refusing it."""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from local.standins.contract import Contract, Misfit, Upload
from local.standins.faults import Fault, Faults, FaultyApp

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@dataclass(frozen=True)
class Call:
    """A call that was accepted; `number` counts from 1, `at` is in seconds since the epoch."""

    number: int
    method: str
    params: dict[str, Any]
    at: float
    result: Any


class Refusal(Exception):
    """An error answer in the platform's shape."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status)
        self.status, self.body = status, body


class StandIn(FaultyApp, ABC):
    """A WSGI application with faults in front; `accepted` holds its calls in order."""

    def __init__(self, facts: str) -> None:
        super().__init__(self._wsgi, Faults(), self.operation_of, self.error_body)
        self.contract = Contract(facts)
        self.accepted: list[Call] = []
        self._state = threading.Condition()  # held while a call is carried out

    def wait(self, count: int, *methods: str, after: int = 0, timeout: float = 10) -> list[Call]:
        """The accepted calls of `methods` (none named: all) numbered over `after`.

        Returns once there are `count`, or with fewer when `timeout` (seconds) is over.
        """

        def found() -> list[Call]:
            calls = self.accepted[after:]
            return [call for call in calls if not methods or call.method in methods]

        with self._state:
            self._state.wait_for(lambda: len(found()) >= count, timeout)
            return found()

    @abstractmethod
    def respond(self, operation: str, request: Request) -> Response:
        """Raises Misfit, Refusal."""

    @abstractmethod
    def operation_of(self, environ: WSGIEnvironment, body: bytes) -> str:
        """The name of what is asked for: in the contract, in `accepted`, for fault rules."""

    @abstractmethod
    def error_body(self, fault: Fault) -> dict[str, Any]:
        """What a fault with a status answers with."""

    @abstractmethod
    def misfit(self, misfit: Misfit) -> Refusal:
        """The platform's way to say it."""

    def read(self, operation: str, request: Request) -> dict[str, Any]:
        """The checked parameters: query, and a JSON object or form fields and files."""
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
                raise Misfit("invalid", "", "the body is no JSON object") from None
        return self.contract.params(operation, params, encoded)

    def accept(self, method: str, params: dict[str, Any], result: Any) -> None:
        with self._state:
            call = Call(len(self.accepted) + 1, method, params, time.time(), result)
            self.accepted.append(call)
            self._state.notify_all()

    def _wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            with Request(environ) as request:
                response = self.respond(environ["faults.operation"], request)
        except (Misfit, Refusal) as error:
            refusal = self.misfit(error) if isinstance(error, Misfit) else error
            response = json_response(refusal.body, refusal.status)
        return response(environ, start_response)


def json_response(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")
