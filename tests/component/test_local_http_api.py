"""The local HTTP API: events of payload format 2.0, and responses as API Gateway makes them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from werkzeug.test import Client

from local.cloud.http_api import LONGEST_BODY, HttpApi
from local.cloud.runtime import Result
from local.cloud.template import Route

ROUTES = (
    Route("GET", "/", "Page"),
    Route("GET", "/assets/{file}", "Page"),
    Route("POST", "/telegram", "Hook"),
)


class Functions:
    """Records its invocations, and returns what a test says."""

    def __init__(self) -> None:
        self.invoked: list[tuple[str, Mapping[str, Any]]] = []
        self.result = Result({"statusCode": 200})

    def __call__(self, name: str, event: Mapping[str, Any]) -> Result:
        self.invoked.append((name, event))
        return self.result

    @property
    def event(self) -> Mapping[str, Any]:
        return self.invoked[-1][1]


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def client(functions: Functions) -> Client:
    return Client(HttpApi(ROUTES, functions), use_cookies=False)


def test_a_request_becomes_an_event(functions: Functions, client: Client) -> None:
    client.post(
        "/telegram?q=x%20y&q=z",
        data='{"text": "é"}'.encode(),
        content_type="application/json",
        headers={"X-Own": "own", "Cookie": "a=1; b=2"},
        base_url="http://127.0.0.1:8000",
    )
    name, event = functions.invoked[0]
    assert name == "Hook"
    assert (event["version"], event["routeKey"]) == ("2.0", "POST /telegram")
    assert (event["rawPath"], event["rawQueryString"]) == ("/telegram", "q=x%20y&q=z")
    assert event["queryStringParameters"] == {"q": "x y,z"}
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]
    assert event["headers"]["x-own"] == "own"
    assert event["headers"]["host"] == "127.0.0.1:8000"
    assert event["headers"]["x-forwarded-proto"] == "http"
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["requestContext"]["domainName"] == "127.0.0.1:8000"
    assert (event["body"], event["isBase64Encoded"]) == ('{"text": "é"}', False)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"\xff\xfe", "application/json"), (b"{}", "application/octet-stream"), (b"{}", "")],
)
def test_a_body_that_is_no_text_is_encoded(
    functions: Functions, client: Client, body: bytes, content_type: str
) -> None:
    client.post("/telegram", data=body, content_type=content_type)
    assert functions.event["isBase64Encoded"]
    assert base64.b64decode(functions.event["body"]) == body


def test_parts_of_the_path_are_named(functions: Functions, client: Client) -> None:
    client.get("/assets/chat.js")
    assert functions.event["routeKey"] == "GET /assets/{file}"
    assert functions.event["pathParameters"] == {"file": "chat.js"}
    assert "body" not in functions.event


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("GET", "/telegram"), ("GET", "/assets/a/b")]
)
def test_what_is_no_route_is_not_found(
    functions: Functions, client: Client, method: str, path: str
) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.json) == (404, {"message": "Not Found"})
    assert not functions.invoked


def test_a_body_over_the_limit_goes_no_further(functions: Functions, client: Client) -> None:
    assert client.post("/telegram", data=b"x" * (LONGEST_BODY + 1)).status_code == 413
    assert not functions.invoked


def test_a_response_with_everything(functions: Functions, client: Client) -> None:
    functions.result = Result(
        {
            "statusCode": 201,
            "headers": {"content-type": "text/html; charset=utf-8", "x-number": 1},
            "cookies": ["a=1; Path=/", "b=2"],
            "body": base64.b64encode("é".encode()).decode(),
            "isBase64Encoded": True,
        }
    )
    answer = client.get("/")
    assert (answer.status_code, answer.text) == (201, "é")
    assert answer.headers.getlist("Content-Type") == ["text/html; charset=utf-8"]
    assert answer.headers["X-Number"] == "1"
    assert answer.headers.getlist("Set-Cookie") == ["a=1; Path=/", "b=2"]


def test_a_response_without_a_status_is_the_body(functions: Functions, client: Client) -> None:
    functions.result = Result({"hello": "there"})
    answer = client.get("/")
    assert (answer.status_code, answer.json) == (200, {"hello": "there"})


@pytest.mark.parametrize(
    "result",
    [
        Result(error="ValueError: words of people"),
        Result({"statusCode": "many"}),
        Result({"statusCode": 200, "body": 5}),
    ],
)
def test_an_error_is_a_500_that_tells_nothing(
    functions: Functions, client: Client, result: Result
) -> None:
    functions.result = result
    answer = client.get("/")
    assert (answer.status_code, answer.json) == (500, {"message": "Internal Server Error"})
