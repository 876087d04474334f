"""API Gateway's HTTP API: turn requests into events (payload format 2.0) and invoke functions.

See "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway".
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from local.cloud.runtime import Result
from local.cloud.template import Route

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LONGEST_BODY = 10_000_000  # bytes; "Quotas for HTTP APIs": payload size 10 MB
_TEXT = ("text/", "application/json", "application/javascript", "application/xml")


class HttpApi:
    """A WSGI application of the template's routes.

    `invoke` takes a function's logical id and an event. A function's error becomes status 500, an
    unknown route or method 404, a body of more than LONGEST_BODY bytes 413.
    """

    def __init__(
        self, routes: Sequence[Route], invoke: Callable[[str, Mapping[str, Any]], Result]
    ) -> None:
        rules = [Rule(_pattern(r.path), methods=[r.method], endpoint=r) for r in routes]
        self._routes = Map(rules, strict_slashes=False, merge_slashes=False)
        self._invoke = invoke

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (WSGI)."""
        return self._serve(Request(environ))(environ, start_response)

    def _serve(self, request: Request) -> Response:
        try:
            route, parts = self._routes.bind_to_environ(request.environ).match()
        except HTTPException:
            return _message(HTTPStatus.NOT_FOUND)  # also for a known path and another method
        body = request.get_data()
        if len(body) > LONGEST_BODY:
            return _message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request Too Long")
        result = self._invoke(route.function, to_event(request, body, route, parts))
        if result.error:
            return _message(HTTPStatus.INTERNAL_SERVER_ERROR)
        return to_response(result.payload)


def _pattern(path: str) -> str:
    return path.replace("{proxy+}", "<path:proxy>").replace("{", "<").replace("}", ">")


def to_event(
    request: Request, body: bytes, route: Route, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The event of a request. `parameters` are the variables of the route's path."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    cookies = headers.pop("cookie", "")
    headers["x-forwarded-for"] = request.remote_addr or ""
    headers["x-forwarded-proto"] = request.scheme
    headers["x-forwarded-port"] = request.environ["SERVER_PORT"]
    now = datetime.now(UTC)
    key = {"routeKey": f"{route.method} {route.path}"}
    http = {
        "method": request.method,
        "path": request.path,
        "protocol": request.environ["SERVER_PROTOCOL"],
        "sourceIp": request.remote_addr,
        "userAgent": headers.get("user-agent", ""),
    }
    context = {
        "accountId": "123456789012",
        "apiId": "local",
        "domainName": request.host,
        "domainPrefix": "local",
        "http": http,
        "requestId": str(uuid.uuid4()),
        "stage": "$default",
        **key,
        "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": round(now.timestamp() * 1000),
    }
    event: dict[str, Any] = {
        "version": "2.0",
        **key,
        "requestContext": context,
        "rawPath": request.path,
        "rawQueryString": request.query_string.decode("latin-1"),
        "headers": headers,
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if request.args:
        lists = request.args.lists()
        event["queryStringParameters"] = {name: ",".join(values) for name, values in lists}
    if parameters:
        event["pathParameters"] = dict(parameters)
    if body:
        event["body"], event["isBase64Encoded"] = _encoded(body, request.mimetype)
    return event


def _encoded(body: bytes, mimetype: str) -> tuple[str, bool]:
    with suppress(UnicodeDecodeError):
        if mimetype.startswith(_TEXT):
            return body.decode(), False
    return base64.b64encode(body).decode(), True


def to_response(payload: Any) -> Response:
    """The HTTP response for a function's response, as API Gateway makes it.

    A response without `statusCode` is the JSON body of a 200; a malformed one becomes status 500.
    """
    if not (isinstance(payload, dict) and "statusCode" in payload):
        return Response(json.dumps(payload), mimetype="application/json")
    body = payload.get("body") or ""
    try:
        content = base64.b64decode(body) if payload.get("isBase64Encoded") else body.encode()
        response = Response(content, int(payload["statusCode"]))
        response.headers["Content-Type"] = "text/plain; charset=utf-8"
        for name, value in (payload.get("headers") or {}).items():
            response.headers[name] = str(value)
        for cookie in payload.get("cookies") or ():
            response.headers.add("Set-Cookie", cookie)
    except (AttributeError, TypeError, ValueError):
        return _message(HTTPStatus.INTERNAL_SERVER_ERROR)
    return response


def _message(status: HTTPStatus, text: str = "") -> Response:
    body = json.dumps({"message": text or status.phrase})
    return Response(body, status, mimetype="application/json")
