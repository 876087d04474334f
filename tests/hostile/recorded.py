"""Requests that platforms and browsers have sent: samples, published ones and a recording's."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.fuzz.messenger import PAGE
from tests.oddities import Path as Place
from tests.oddities import parts

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Body:
    """The JSON body of a request to a route, and where each part of it is."""

    channel: str
    path: str
    data: dict[str, Any]
    places: tuple[Place, ...]


@cache
def bodies() -> tuple[Body, ...]:
    """All different bodies, in an order that is always the same."""
    found = {json.dumps([path, data], sort_keys=True): (path, data) for path, data in _all()}
    return tuple(
        Body(path.split("/")[1], path, data, tuple(parts(data)))
        for _, (path, data) in sorted(found.items())
    )


def _all() -> Iterator[tuple[str, dict[str, Any]]]:
    for channel in ("telegram", "messenger", "web"):
        for sample in sorted((ROOT / "events" / channel).glob("*.json")):
            event = json.loads(sample.read_text(encoding="utf-8"))
            if event["requestContext"]["http"]["method"] == "POST":
                yield event["rawPath"], json.loads(_body_of(event))
    recording = (ROOT / "tests/recorded/v1/events.json").read_text(encoding="utf-8")
    for each in json.loads(recording):
        method, path = each["request"]["route"].split()
        if method == "POST":
            yield path, json.loads(each["request"]["body"])
    published = (ROOT / "tests/payloads/messenger.json").read_text(encoding="utf-8")
    for each in json.loads(published):
        entry = {"id": PAGE, "time": each["event"].get("timestamp"), "messaging": [each["event"]]}
        yield "/messenger", {"object": "page", "entry": [entry]}


def _body_of(event: Mapping[str, Any]) -> bytes:
    text = str(event["body"])
    return base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
