import base64
import json

import pytest

from chatbot.core.errors import Unreadable
from chatbot.core.limits import DEEPEST_JSON
from chatbot.edge.http import STRICT_HEADERS, Request, Response, parse_json


def event(**more: object) -> dict[str, object]:
    return {
        "rawPath": "/telegram",
        "requestContext": {"http": {"method": "POST"}},
        "headers": {"X-Odd": "1"},
        **more,
    }


def test_reads_an_event_of_the_http_api() -> None:
    request = Request.from_event(
        event(
            body="héllo",
            cookies=["a=1", "conversation=x.y=", "a=2"],
            queryStringParameters={"after": "1"},
        )
    )
    assert (request.method, request.path) == ("POST", "/telegram")
    assert request.headers == {"x-odd": "1"}
    assert request.body == "héllo".encode()
    assert request.cookies == {"a": "1", "conversation": "x.y="}
    assert request.query == {"after": "1"}


@pytest.mark.parametrize("space", ["\u2000", "\xa0", "\u3000", "\x85", "\x1c", "\x0b"])
def test_what_browsers_take_for_part_of_a_name_is_part_of_it(space: str) -> None:
    """Whoever may set a cookie but none with the prefix could give it a name that looks like it."""
    planted = f"{space}__Host-conversation=planted{space}"
    request = Request.from_event(event(cookies=[planted, "\t __Host-conversation = own \t"]))
    assert request.cookies["__Host-conversation"] == "own"
    assert request.cookies[f"{space}__Host-conversation"] == f"planted{space}"


def test_a_base64_body_is_given_as_it_was_on_the_wire() -> None:
    wire = b'{"text": "\xff"}'
    body = base64.b64encode(wire).decode()
    assert Request.from_event(event(body=body, isBase64Encoded=True)).body == wire


def test_a_body_that_is_not_base64_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        Request.from_event(event(body="abc", isBase64Encoded=True))


def test_an_event_without_body_headers_and_query() -> None:
    bare = {"rawPath": "/", "requestContext": {"http": {"method": "GET"}}}
    assert Request.from_event(bare) == Request("GET", "/")


def test_a_response_hands_its_cookie_over_as_payload_2_wants_it() -> None:
    made = Response.of_json({"a": "é"}, 202, {"set-cookie": "c=1"}).to_event()
    assert made["cookies"] == ["c=1"]
    assert made["headers"] == {**STRICT_HEADERS, "content-type": "application/json"}
    assert json.loads(made["body"]) == {"a": "é"}
    assert made["statusCode"] == 202
    assert "cookies" not in Response().to_event()


def test_a_response_may_say_otherwise_than_the_strict_headers() -> None:
    page = Response(headers={"cache-control": "public"}).to_event()["headers"]
    assert page == {**STRICT_HEADERS, "cache-control": "public"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"42",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"9" * 4000 + b"}",
        b'{"a": ' + b"9" * 65 + b"}",
        b'{"a": -' + b"9" * 64 + b"}",
        b'{"a": [{"b": 1e999}]}',
        b'{"a": -1E+400}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"[" * DEEPEST_JSON + b"]" * DEEPEST_JSON + b"}",
        '{"a": "\ud800"}'.encode("utf-8", "surrogatepass"),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_whatever_is_no_json_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_json(body)


def test_an_object_nested_as_far_as_allowed_is_read() -> None:
    nested = b'{"a": ' + b"[" * (DEEPEST_JSON - 1) + b"]" * (DEEPEST_JSON - 1) + b"}"
    assert "a" in parse_json(nested)
    assert len(parse_json(json.dumps({"a": [[1]] * 500}).encode())["a"]) == 500


def test_numbers_that_platforms_use_are_read() -> None:
    numbers = {"a": -(10**62), "b": 2**64, "c": 1.5e300, "d": -0.5, "e": 1_795_262_400_000}
    assert parse_json(json.dumps(numbers).encode()) == numbers


@pytest.mark.parametrize("escaped", [rb"\ud83d", rb"\uDE00", rb"\uDE00\uD83D"])
def test_half_a_surrogate_pair_is_replaced(escaped: bytes) -> None:
    read = parse_json(b'{"text": "a' + escaped + b'z"}')["text"]
    assert read.strip("\ufffd") == "a" + "\ufffd" * (len(escaped) // 6) + "z"
    read.encode()


def test_a_whole_surrogate_pair_is_read() -> None:
    assert parse_json(rb'{"\ud83d\ude00": "\\ud800"}') == {"😀": "\\ud800"}


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("x-gzip", True),
        ("GZIP;Q=0.5", True),
        ("deflate, gzip ; q=1.0, *;q=0.5", True),
        ("*", True),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("identity;q=0.1, *;q=0.5", True),
        ("identity;q=0, gzip", True),
        ("gzip;q=x", False),
        ("gzip;q=-1, ,;", False),
    ],
)
def test_gzip_is_for_those_who_want_it(header: str | None, accepted: bool) -> None:
    headers = {} if header is None else {"accept-encoding": header}
    assert Request("GET", "/", headers).accepts("gzip") is accepted
