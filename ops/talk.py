"""The web page as its visitor meets it: it is there, knows the time, and answers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import requests

from ops.findings import Finding, broken, ok, warning

TEXT = "Please answer with one word: are you there?"
SKEW = 5.0
"""Seconds that two clocks may differ; a person's message may be 60 s ahead of ours."""
_TAIL = "python -m ops tail"


def page(url: str, on: bool) -> Iterator[Finding]:
    """GET / and the clocks. Raises requests.RequestException."""
    began = time.time()
    answer = requests.get(f"{url}/", timeout=30)
    ended = time.time()
    if answer.ok:
        yield ok("page", f"answers in {ended - began:.1f} s")
    elif not on:
        yield ok("page", "is off, as it should be without WEB_SESSION_KEY")
    else:
        yield broken("page", f"answers {answer.status_code}", _TAIL)
    there = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    skew = max(began - there - 1, there - ended, 0)  # the header knows whole seconds
    if skew > SKEW:
        yield warning("clock", f"this machine's is {skew:.0f} s off", "set it by NTP")
    else:
        yield ok("clock", "agrees with the stack's")


def answered(url: str, patience: float, code: str) -> Iterator[Finding]:
    """A real message through page, queue, worker, model and table; `code` opens the page.

    Raises requests.RequestException.
    """
    name, began = "test message", time.monotonic()
    browser = requests.Session()
    browser.get(f"{url}/", timeout=30)
    if code:
        knock = {"code": code}
        browser.post(f"{url}/web/access", json=knock, headers={"Origin": url}, timeout=30)
    message = {
        "text": TEXT,
        "id": f"doctor-{uuid.uuid4().hex}",
        "sent_at": time.time_ns() // 1_000_000,
    }
    taken = browser.post(f"{url}/web/messages", json=message, headers={"Origin": url}, timeout=30)
    if taken.status_code != 202:
        yield broken(name, f"refused: {taken.status_code}", _TAIL)
        return
    while time.monotonic() - began < patience:
        read = browser.get(f"{url}/web/messages", timeout=30)
        turns = read.json()["turns"] if read.ok else []
        turn = next((turn for turn in turns if turn["id"] == message["id"]), None)
        if turn and turn["origin"] == "model":
            yield ok(name, f"answered in {time.monotonic() - began:.1f} s")
            return
        if turn and turn["origin"]:
            yield broken(name, f"answered, but not by the model ({turn['origin']})", _TAIL)
            return
        time.sleep(0.2)
    yield broken(name, f"not answered within {patience:g} s", _TAIL)
