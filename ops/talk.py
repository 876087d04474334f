"""Checks of the web page from outside: it is served, its clock is right, and it answers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import requests

from ops.findings import OPS, Finding, broken, ok, warning

TEXT = "Please answer with one word: are you there?"
SKEW = 5.0
"""Seconds that two clocks may differ. The bot accepts messages dated up to 60 s ahead of it."""
_TAIL = f"{OPS} tail"


def page(url: str, on: bool) -> Iterator[Finding]:
    """Check that GET / answers, and that this machine's clock agrees with the response's `Date`.

    `on` is whether the page is configured. Raises requests.RequestException.
    """
    began = time.time()
    answer = requests.get(f"{url}/", timeout=30)
    ended = time.time()
    if answer.ok:
        yield ok("page", f"answers in {ended - began:.1f} s")
    elif not on:
        yield ok("page", "is off, as expected without WEB_SESSION_KEY")
    else:
        yield broken("page", f"answers with status {answer.status_code}", _TAIL)
    there = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    skew = max(began - there - 1, there - ended, 0)  # the header is in whole seconds
    if skew > SKEW:
        text = f"this machine's clock is {skew:.0f} s off the stack's"
        yield warning("clock", text, "synchronise this machine's clock (NTP)")
    else:
        yield ok("clock", "agrees with the stack's")


def answered(url: str, patience: float, code: str) -> Iterator[Finding]:
    """Send a message through page, queue, worker, model and table, and wait for its answer.

    `patience` is the longest wait in seconds; `code` is the page's access code, "" when it needs
    none. Raises requests.RequestException.
    """
    name, began = "test message", time.monotonic()
    browser = requests.Session()
    browser.get(f"{url}/", timeout=30)
    if code:
        access = {"code": code}
        browser.post(f"{url}/web/access", json=access, headers={"Origin": url}, timeout=30)
    message = {
        "text": TEXT,
        "id": f"doctor-{uuid.uuid4().hex}",
        "sent_at": time.time_ns() // 1_000_000,
    }
    taken = browser.post(f"{url}/web/messages", json=message, headers={"Origin": url}, timeout=30)
    if taken.status_code != 202:
        yield broken(name, f"refused with status {taken.status_code}", _TAIL)
        return
    while time.monotonic() - began < patience:
        read = browser.get(f"{url}/web/messages", timeout=30)
        turns = read.json()["turns"] if read.ok else []
        turn = next((turn for turn in turns if turn["id"] == message["id"]), None)
        if turn and turn["origin"] == "model":
            yield ok(name, f"answered in {time.monotonic() - began:.1f} s")
            return
        if turn and turn["origin"]:
            yield broken(name, f"answered, but not by the model (origin {turn['origin']})", _TAIL)
            return
        time.sleep(0.2)
    yield broken(name, f"not answered within {patience:g} s", _TAIL)
